"""How roles spend their time, from what they executed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from splitrun.events import Event, Executed, RunEnded, RunStarted

_Spent = list[float]
"""Seconds: busy, in RECV, in SEND."""
_BUSY, _RECEIVE, _SEND = range(3)
_KINDS = {"RECV": _RECEIVE, "SEND": _SEND}


@dataclass(frozen=True)
class Shares:
    """How a role spent a span of time, as fractions of it that add up to 1.

    An event does not tell waiting from what a message itself costs, some microseconds: the whole
    of a RECV counts as waiting for a message, the whole of a SEND as waiting for credit.
    """

    busy: float
    """Working, also where it shared a core or stood in for slower hardware."""
    receive: float
    send: float
    idle: float
    """Between instructions, before the first and after the last."""

    @property
    def bubble(self) -> float:
        """When it did not work."""
        return self.receive + self.send + self.idle


def shares(
    events: Iterable[Event], start: float | None = None, end: float | None = None
) -> Mapping[str, Shares]:
    """By role, over the time from `start` to `end`, times of the events' clock.

    By default that is the whole run, or what there is of one that goes on.
    """
    spent: dict[str, _Spent] = {}
    first, last = -math.inf if start is None else start, math.inf if end is None else end
    latest = first
    for event in events:
        match event:
            case Executed():
                seconds = min(event.end, last) - max(event.start, first)
                if seconds > 0:
                    spent.setdefault(event.role, [0.0, 0.0, 0.0])[_kind(event)] += seconds
                latest = max(latest, event.end)
            case RunStarted():
                spent = {role: [0.0, 0.0, 0.0] for role in event.roles}
                if start is None:
                    first = latest = event.clock
            case RunEnded():
                latest = max(latest, event.end)
    span_s = (latest if end is None else end) - first
    return {role: _shares(seconds, span_s) for role, seconds in spent.items()}


class ShareWindow:
    """Shares of the last seconds of a run that goes on; its memory grows with the roles alone.

    Time is counted in slots, so that the window is up to a slot shorter than asked for. What a role
    is at has told of nothing yet: until it ends it counts as idle.
    """

    def __init__(self, seconds: float = 5.0, slots: int = 50) -> None:
        self._slots = slots
        self._slot_s = seconds / slots
        self._start = -math.inf
        self._spent: dict[str, list[_Slot]] = {}

    def fold(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case RunStarted():
                self._start = event.clock
                self._spent = {role: self._empty() for role in event.roles}
            case Executed():
                self._add(event)

    def shares(self, now: float) -> Mapping[str, Shares]:
        """By role; `now` is a time of the events' clock."""
        oldest = self._number(now) - self._slots + 1
        span_s = now - max(oldest * self._slot_s, self._start)
        return {
            role: _shares([sum(kind) for kind in zip(*_recent(slots, oldest), strict=True)], span_s)
            for role, slots in self._spent.items()
        }

    def _add(self, event: Executed) -> None:
        slots = self._spent.setdefault(event.role, self._empty())
        last = self._number(event.end)
        first = max(self._number(event.start), last - self._slots + 1)
        for number in range(first, last + 1):
            slot = slots[number % self._slots]
            if slot.number < number:
                slot.number, slot.spent = number, [0.0, 0.0, 0.0]
            start, end = number * self._slot_s, (number + 1) * self._slot_s
            slot.spent[_kind(event)] += min(event.end, end) - max(event.start, start)

    def _number(self, time: float) -> int:
        return math.floor(time / self._slot_s)

    def _empty(self) -> list[_Slot]:
        """Slots that are too old to count."""
        return [_Slot(-1, [0.0, 0.0, 0.0]) for _ in range(self._slots)]


@dataclass
class _Slot:
    """What a role did in the slot of this number, counted from the clock's zero."""

    number: int
    spent: _Spent


def _recent(slots: Iterable[_Slot], oldest: int) -> Iterator[_Spent]:
    yield [0.0, 0.0, 0.0]
    yield from (slot.spent for slot in slots if slot.number >= oldest)


def _kind(event: Executed) -> int:
    return _KINDS.get(event.op, _BUSY)


def _shares(spent: _Spent, span_s: float) -> Shares:
    """An empty span was idle."""
    if span_s <= 0:
        return Shares(0.0, 0.0, 0.0, 1.0)
    busy, receive, send = (seconds / span_s for seconds in spent)
    return Shares(busy, receive, send, max(0.0, 1 - busy - receive - send))
