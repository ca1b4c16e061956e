"""The messages by which a link is measured, and its connections are primed; see `meter`."""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable
from math import isfinite

from splitrun.events import LinkMeasured
from splitrun.runtime.clock import now
from splitrun.wire.meter import MOST_PADDINGS, PADDING_BYTES, LinkMeter, MeasuredLink, Probe

KINDS = PADDING, PROBE, ANSWER, MEASURED = range(5, 9)
"""What the first byte of such a message says that it is."""
_PADDED = bytes([PADDING]) + bytes(PADDING_BYTES)
_PROBED = struct.Struct("<BBI")
"""A kind, paddings that are wanted before the answer, and a number."""
_MOST_WANTED = 16 * MOST_PADDINGS
"""Paddings over one connection: a peer could have memory filled with more."""


class LinkGauge:
    """What is known of a link, and how that comes to be known over its connections.

    Not for several threads at once: the link sees to that.
    """

    def __init__(self) -> None:
        self.measured: MeasuredLink | None = None
        """As whoever dials has found it."""
        self.is_done = threading.Event()
        """Set once that is there."""
        self._measures = False
        self._meter: LinkMeter | None = None
        self._wanted = 0

    def attach(self, write: Callable[[bytes], None], *, measures: bool) -> None:
        """A connection has been made.

        Args:
            write: puts a message on it.
            measures: whether to measure the link, and not the peer; where that is done, the
                connection is primed alone, for a run may be on.
        """
        self._write, self._measures, self._wanted, self._meter = write, measures, 0, None
        if not measures:
            return
        if self.measured is not None:
            self._tell(self.measured)
            self._probe(Probe(0, MOST_PADDINGS, MOST_PADDINGS))
        else:
            self._meter = LinkMeter()
            self._go_on(self._meter)

    def events(self, party: str, peer: str) -> list[LinkMeasured]:
        """What has been found, in each direction; nothing where nothing has.

        Args:
            party: whose side of the link this is.
            peer: at the other end.
        """
        found = self.measured
        if found is None:
            return []
        dialer, listener = (party, peer) if self._measures else (peer, party)
        directions = {
            (dialer, listener): found.there_bytes_per_s,
            (listener, dialer): found.back_bytes_per_s,
        }
        return [
            LinkMeasured(
                source,
                target,
                round(1e3 * found.latency_s, 3),
                round(1e3 * found.jitter_s, 3),
                now(),
                float(f"{8e-6 * speed:.3g}") if isfinite(speed) else None,
            )
            for (source, target), speed in directions.items()
        ]

    def take(self, message: bytes) -> None:
        """A message of one of the `KINDS` has come over it.

        Raises:
            ValueError, struct.error: it may not be said.
        """
        if message[0] == PROBE:
            self._answer(*_PROBED.unpack(message)[1:])
        elif message[0] == ANSWER and self._meter is not None:
            self._meter.answered(_PROBED.unpack(message)[2], now())
            self._go_on(self._meter)
        elif message[0] == MEASURED:
            if self._measures:
                raise ValueError("what the link is like, which it has not measured")
            self._note(MeasuredLink.from_bytes(message[1:]))

    def _go_on(self, meter: LinkMeter) -> None:
        probe = meter.next(now())
        if probe is not None:
            self._probe(probe)
            return
        self._meter, measured = None, meter.found()
        self._tell(measured)
        self._note(measured)

    def _probe(self, probe: Probe) -> None:
        for _ in range(probe.there):
            self._write(_PADDED)
        self._write(_PROBED.pack(PROBE, probe.back, probe.number))

    def _answer(self, paddings: int, number: int) -> None:
        self._wanted += paddings
        if self._wanted > _MOST_WANTED:
            raise ValueError(f"{self._wanted} paddings wanted over one connection")
        for _ in range(paddings):
            self._write(_PADDED)
        self._write(_PROBED.pack(ANSWER, 0, number))

    def _tell(self, measured: MeasuredLink) -> None:
        self._write(bytes([MEASURED]) + measured.to_bytes())

    def _note(self, measured: MeasuredLink) -> None:
        self.measured = measured
        self.is_done.set()
