"""What a link is like: its latency, jitter and bandwidth, by round trips of one clock.

Whoever dials measures, before the run begins: small messages first, each when the one before it has
come back, then paddings each way, more of them until they take long enough to tell. The peer only
answers. Paddings prime a connection, too: a cold one is slow for its first round trips, and with
some congestion controls for as long as little is sent.
"""

from __future__ import annotations

import math
import statistics
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

PADDING_BYTES = 64 << 10
MOST_PADDINGS = 16
"""Before one answer: about 1 MB."""
_SMALL = 16
"""Round trips of small messages."""
_TRAINS = 6
"""Of paddings, each way."""
_GROWS_S = 0.25
"""Paddings become four times as many until they take so long."""
_BUDGET_S = 2.0
"""After which nothing is begun, of small messages and of paddings each."""
_FEWEST = 4
"""Round trips that show a spread; so many are made in any case."""
_TELLS = 2.0
"""Paddings tell of the bandwidth if they take so many times as long as round trips differ."""
_QUARTILES_OF_TWO = 2 - math.sqrt(2)
"""Between the quartiles of the sum of two numbers that are uniform in [0, 1]."""
_MOST_S = 3600.0
_MOST_BYTES_PER_S = 1e15


class Probe(NamedTuple):
    """A round trip: paddings there, a small message after them, and before its answer paddings
    back."""

    number: int
    there: int = 0
    back: int = 0


@dataclass(frozen=True)
class MeasuredLink:
    """What was found out about a link by whoever dials.

    Raises:
        ValueError: it is nothing that a link could be.
    """

    latency_s: float
    """One way, at least: half of what a round trip takes."""
    jitter_s: float
    """Uniform in [0, jitter_s], on top of it."""
    there_bytes_per_s: float
    """To the peer; infinite where paddings took too little time to tell."""
    back_bytes_per_s: float

    def __post_init__(self) -> None:
        times = self.latency_s, self.jitter_s
        speeds = self.there_bytes_per_s, self.back_bytes_per_s
        if not all(0 <= each <= _MOST_S for each in times) or not all(
            0 < each <= _MOST_BYTES_PER_S or each == math.inf for each in speeds
        ):
            raise ValueError("a link that there cannot be")

    def to_bytes(self) -> bytes:
        """For the peer, which has not measured it."""
        return _FIGURES.pack(
            self.latency_s, self.jitter_s, self.there_bytes_per_s, self.back_bytes_per_s
        )

    @classmethod
    def from_bytes(cls, content: bytes) -> MeasuredLink:
        """What a peer has measured.

        Raises:
            ValueError, struct.error: it is nothing that a link could be.
        """
        return cls(*_FIGURES.unpack(content))


_FIGURES = struct.Struct("<dddd")


@dataclass
class LinkMeter:
    """Says which round trip is next, and what they come to; it never looks at a clock."""

    _round_trips_s: list[float] = field(default_factory=list)
    _there: list[tuple[int, float]] = field(default_factory=list)
    """Paddings, and seconds until the answer; likewise those that come back."""
    _back: list[tuple[int, float]] = field(default_factory=list)
    _began: float | None = None
    """The small messages, then the paddings."""
    _probe: Probe = field(default_factory=lambda: Probe(-1))
    _at: float = 0.0

    def next(self, time: float) -> Probe | None:
        """What is to be sent now; None when all is known.

        Args:
            time: in seconds.
        """
        self._began = time if self._began is None else self._began
        self._at = time
        if len(self._round_trips_s) < _SMALL and self._may_begin(time, len(self._round_trips_s)):
            return self._with()
        if not self._there:
            self._began = time
        if len(self._there) == len(self._back):
            if len(self._there) < _TRAINS and self._may_begin(time, _FEWEST * len(self._there)):
                return self._with(there=self._count(self._there))
            return None
        return self._with(back=self._count(self._back))

    def answered(self, number: int, time: float) -> None:
        """The answer has come.

        Raises:
            ValueError: it is to nothing that was sent last.
        """
        if number != self._probe.number:
            raise ValueError(f"the answer to probe {number}, where {self._probe.number}'s was due")
        took_s, probe = time - self._at, self._probe
        if probe.there:
            self._there.append((probe.there, took_s))
        elif probe.back:
            self._back.append((probe.back, took_s))
        else:
            self._round_trips_s.append(took_s)

    def found(self) -> MeasuredLink:
        """What the round trips come to."""
        quarter, median, three_quarters = statistics.quantiles(self._round_trips_s)
        jitter_s = min(median, (three_quarters - quarter) / _QUARTILES_OF_TWO)
        latency_s = (median - jitter_s) / 2
        return MeasuredLink(
            latency_s,
            jitter_s,
            _bytes_per_s(self._there, median, jitter_s),
            _bytes_per_s(self._back, median, jitter_s),
        )

    def _may_begin(self, time: float, done: int) -> bool:
        assert self._began is not None
        return done < _FEWEST or time - self._began < _BUDGET_S

    def _with(self, there: int = 0, back: int = 0) -> Probe:
        self._probe = Probe(self._probe.number + 1, there, back)
        return self._probe

    def _count(self, trains: Sequence[tuple[int, float]]) -> int:
        if not trains:
            return 1
        count, took_s = trains[-1]
        grows = took_s - statistics.median(self._round_trips_s) < _GROWS_S
        return min(MOST_PADDINGS, 4 * count) if grows else count


def _bytes_per_s(
    trains: Sequence[tuple[int, float]], round_trip_s: float, jitter_s: float
) -> float:
    """The fastest of the longest trains: others met a cold connection."""
    longest = max(count for count, _ in trains)
    took_s = min(took_s for count, took_s in trains if count == longest) - round_trip_s
    if took_s <= _TELLS * jitter_s:
        return math.inf
    return longest * PADDING_BYTES / took_s
