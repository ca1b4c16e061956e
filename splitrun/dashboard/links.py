"""What is under way between roles, and who waits for whom."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from splitrun.events import Executed, Sent, party_of

_MOST_UNDER_WAY = 1 << 16
_SHORTEST_S = 1e-3
_MARKS = 20
"""Marks that are kept of a link; the last seconds begin at the oldest one."""
_MOST_EARLY = 64
"""RECVs of a channel whose message may be told later than they are."""


class _Mark(NamedTuple):
    time: float
    bytes: int
    waited_s: float


@dataclass
class LinkView:
    """One channel."""

    source: str
    target: str
    start: float
    ends_here: bool = True
    """Whether the target tells what it has received; else nobody knows what is under way."""
    bytes: int = 0
    peak_queue: int = 0
    """Most messages that had arrived and were not yet asked for."""
    waited_s: float = 0.0
    """How long the target has waited for messages of this channel in all."""
    taken: float | None = None
    """When the last message came that was received."""
    _under_way: deque[float] = field(default_factory=lambda: deque(maxlen=_MOST_UNDER_WAY))
    """When the messages arrive that were not received yet."""
    _early: deque[float] = field(default_factory=lambda: deque(maxlen=_MOST_EARLY))
    _marks: deque[_Mark] = field(default_factory=lambda: deque(maxlen=_MARKS))

    def __post_init__(self) -> None:
        self.mark(self.start)

    def mark(self, now: float) -> None:
        """Remember what it has come to by now."""
        self._marks.append(_Mark(now, self.bytes, self.waited_s))

    def send(self, event: Sent) -> None:
        """Take in a message. Threads race to tell: its RECV may have been told before."""
        self.bytes += event.bytes
        if not self.ends_here:
            return
        early = self._early
        while early and early[0] < event.start:
            early.popleft()
        if early:
            early.popleft()
        else:
            self._under_way.append(event.arrive)

    def receive(self, event: Executed) -> None:
        """Take in a RECV, which took the oldest message."""
        start, end = event.start, event.end
        self.waited_s += end - start
        under_way = self._under_way
        if not under_way:
            self._early.append(end)
            self.taken = end
            return
        if under_way[0] <= start:
            self.peak_queue = max(self.peak_queue, self.queue(start))
        self.taken = min(end, under_way.popleft())

    def last_came(self, now: float) -> float | None:
        """When the last message came; None where none has, or nobody knows."""
        arrived = self.queue(now)
        return self._under_way[arrived - 1] if arrived else self.taken

    def forget(self) -> None:
        """Events are missing: what is under way is not known."""
        self._under_way.clear()
        self._early.clear()

    def queue(self, now: float) -> int:
        """Messages that have arrived and wait to be received."""
        arrived = 0
        for arrive in self._under_way:  # in the order of arrival
            if arrive > now:
                break
            arrived += 1
        return arrived

    def on_the_wire(self, now: float) -> int:
        """Messages that were sent and have not arrived."""
        return len(self._under_way) - self.queue(now)

    def _since(self, now: float) -> _Mark:
        """Where the last seconds begin: at the oldest mark, or a later one if none has come since
        long ago."""
        marks = self._marks
        start = now - (marks[-1].time - marks[0].time) * (1 + 2 / _MARKS)
        return max((mark for mark in marks if mark.time <= start), default=marks[0])

    def mbps(self, now: float) -> float:
        """10⁶ bit/s over the last seconds."""
        since = self._since(now)
        return (self.bytes - since.bytes) * 8e-6 / max(now - since.time, _SHORTEST_S)

    def waiting(self, now: float) -> float:
        """The share of the last seconds in which the target waited for this channel."""
        since = self._since(now)
        waited_s = self.waited_s - since.waited_s
        return min(1.0, waited_s / max(now - since.time, _SHORTEST_S))


class Links:
    """All channels of a run.

    Args:
        roles: that tell of themselves; None: all do.
    """

    def __init__(
        self, channels: Sequence[str], start: float, roles: Collection[str] | None = None
    ) -> None:
        self.by_name: dict[str, LinkView] = {}
        self._by_ends: dict[tuple[str, str], LinkView] = {}
        for channel in channels:
            source, _, target = channel.partition("->")
            link = self.by_name[channel] = LinkView(
                source, target, start, roles is None or target in roles
            )
            self._by_ends[source, target] = link

    def send(self, event: Sent) -> None:
        """Take in a message."""
        link = self.by_name.get(event.channel)
        if link is not None:
            link.send(event)

    def receive(self, event: Executed) -> None:
        """Take in a RECV."""
        link = self._by_ends.get((event.peer, event.role))
        if link is not None:
            link.receive(event)

    def forget(self) -> None:
        """Forget what is under way, for events are missing."""
        for link in self.by_name.values():
            link.forget()

    def mark(self, now: float) -> None:
        """Mark every link; it is to be called about 20 times in what counts as the last seconds."""
        for link in self.by_name.values():
            link.mark(now)

    def between_parties(self) -> dict[str, LinkView]:
        """The links between roles of different parties, by name."""
        return {
            name: link
            for name, link in self.by_name.items()
            if party_of(link.source) != party_of(link.target)
        }

    def to(self, role: str) -> Sequence[LinkView]:
        """The links over which a role receives."""
        return [link for link in self.by_name.values() if link.target == role]
