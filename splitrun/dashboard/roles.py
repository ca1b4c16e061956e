"""What one role is at, how it spends its time, and what it did in the last seconds."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from splitrun.events import Executed
from splitrun.records.comparison import Shares

CELL_S = 0.05
"""How much time a cell stands for, until steps are found to be long."""
MOST_CELLS = 512


class Kind(IntEnum):
    """How a moment was spent."""

    FORWARD = 0
    BACKWARD = 1
    UPDATE = 2
    LOSS = 3
    EVALUATE = 4
    OTHER = 5
    """Work that is none of those, such as loading a batch."""
    RECEIVE = 6
    """Waiting for a message."""
    SEND = 7
    """Waiting for credit."""
    IDLE = 8
    """Between instructions, or nothing is told of it."""
    STUCK = 9
    """It does not come back. Never part of a timeline: when it has come back, it worked."""


WORK = (Kind.FORWARD, Kind.BACKWARD, Kind.UPDATE, Kind.LOSS, Kind.EVALUATE, Kind.OTHER)

Seconds = list[float]
"""By kind; of `IDLE`, none are counted."""


def no_seconds() -> Seconds:
    """Nothing spent."""
    return [0.0] * Kind.IDLE


@dataclass(slots=True)
class TimelineCell:
    """A span of time that is over; `kind` is what is drawn."""

    kind: Kind
    seconds: Seconds


class Timeline:
    """The cells of a role, up to the one that is open.

    A cell shows one kind. Of spans shorter than a cell, it is chosen so that over some cells every
    kind is drawn in proportion to its time: what remains of a cell's time is owed to the next one.

    Args:
        start: when the first cell begins.
    """

    def __init__(self, start: float) -> None:
        self.start = start
        self.cell_s = CELL_S
        self.cells: deque[TimelineCell] = deque(maxlen=MOST_CELLS)
        self.open = 0
        """The number of the open cell."""
        self.open_end = start + CELL_S
        self.seconds = no_seconds()
        """Seconds by kind in the open cell."""
        self._before = no_seconds()
        self._owed = [*no_seconds(), 0.0]

    def add(self, kind: Kind, start: float, end: float) -> None:
        """Take in a span, which does not begin before the last one's end."""
        kept_from = end - MOST_CELLS * self.cell_s
        if kept_from > self.open_end:
            start = self._leap(kind, start, kept_from)
        while end > self.open_end:
            if start < self.open_end:
                self.seconds[kind] += self.open_end - start
                start = self.open_end
            self._close()
        self.seconds[kind] += end - start

    def total(self) -> Seconds:
        """Seconds by kind from the start on."""
        return [before + now for before, now in zip(self._before, self.seconds, strict=True)]

    def since(self, number: int) -> Seconds:
        """Seconds by kind from a cell on that is still kept."""
        count = max(0, min(self.open - number, len(self.cells)))
        recent = [self.cells[index].seconds for index in range(-count, 0)]
        return [sum(kind) for kind in zip(*recent, self.seconds, strict=True)]

    def row(self, first: int, last: int) -> Sequence[Kind]:
        """What is drawn for these cells, both included, as far as they are known."""
        oldest = self.open - len(self.cells)
        return [
            self.cells[number - oldest].kind if oldest <= number < self.open else Kind.IDLE
            for number in range(first, last + 1)
        ]

    def coarsen(self) -> None:
        """Make cells twice as long."""
        if self.open % 2:
            reopened = self.cells.pop() if self.cells else TimelineCell(Kind.IDLE, no_seconds())
            for kind, seconds in enumerate(reopened.seconds):
                self.seconds[kind] += seconds
                self._before[kind] -= seconds
        cells = list(self.cells)
        cells = cells[len(cells) % 2 :]
        self.cells.clear()
        for first, second in zip(cells[::2], cells[1::2], strict=True):
            pairs = zip(first.seconds, second.seconds, strict=True)
            self.cells.append(TimelineCell(first.kind, [one + other for one, other in pairs]))
        self.cell_s *= 2
        self.open //= 2
        self.open_end = self.start + (self.open + 1) * self.cell_s

    def _close(self) -> None:
        owed = self._owed
        idle = self.cell_s
        for kind, seconds in enumerate(self.seconds):
            owed[kind] += seconds
            idle -= seconds
            self._before[kind] += seconds
        owed[Kind.IDLE] += max(0.0, idle)
        drawn = Kind(owed.index(max(owed)))
        owed[drawn] -= self.cell_s
        self.cells.append(TimelineCell(drawn, self.seconds))
        self.seconds = no_seconds()
        self.open += 1
        self.open_end = self.start + (self.open + 1) * self.cell_s

    def _leap(self, kind: Kind, start: float, time: float) -> float:
        """Go on in the cell of a time that is further away than all cells that are kept.

        Returns:
            When what is left of the span begins.
        """
        for earlier, seconds in enumerate(self.seconds):
            self._before[earlier] += seconds
        self.seconds = no_seconds()
        self.cells.clear()
        self.open = int((time - self.start) / self.cell_s)
        self.open_end = self.start + (self.open + 1) * self.cell_s
        left = max(start, self.open_end - self.cell_s)
        self._before[kind] += left - start
        return left


_KINDS = {
    "FORWARD": Kind.FORWARD,
    "BACKWARD": Kind.BACKWARD,
    "UPDATE": Kind.UPDATE,
    "LOSS": Kind.LOSS,
    "PREDICT": Kind.EVALUATE,
    "EVALUATE": Kind.EVALUATE,
    "RECV": Kind.RECEIVE,
    "SEND": Kind.SEND,
}
_MOVING = frozenset({"FORWARD", "LOSS", "UPDATE"})
"""With which a batch begins, or has gone through."""
_WINDOW_S = 5.0
_FEWEST_CELLS = 20
"""A window of the last seconds has at least so many cells."""
_CONTEXT = 256
"""Instructions that tell what may follow: those of a step, unless it has dozens of slices."""


class RoleView:
    """One role; `fold` brings it up to date.

    Args:
        name: of the role.
        start: of the run.
        step: of the run that is its first.
    """

    def __init__(self, name: str, start: float, step: int = 0) -> None:
        self.name = name
        self.step = step
        """Steps done: updates."""
        self.staleness: int | None = None
        """Updates between the forward of the batch that was applied last and its own update."""
        self.in_flight = 0
        """Batches whose forward is done and whose update is not."""
        self.is_stuck = False
        """It does not come back from what it is at."""
        self.is_idle = False
        """It is at nothing while the run is stuck."""
        self.awaits = ""
        """The role that it waits for while the run is stuck."""
        self.timeline = Timeline(start)
        self._recent: deque[Executed] = deque(maxlen=_CONTEXT)
        self._end = start

    def fold(self, event: Executed) -> None:
        """Take in one instruction."""
        op = event.op
        self._recent.append(event)
        end = self._end = event.end
        timeline = self.timeline
        kind = _KINDS.get(op, Kind.OTHER)
        if end <= timeline.open_end:
            timeline.seconds[kind] += end - event.start
        else:
            timeline.add(kind, event.start, end)
        if op not in _MOVING:
            return
        if op == "UPDATE":
            self.step, self.staleness = event.step + 1, event.staleness
            self.in_flight = max(0, self.in_flight - 1)
        elif event.micro == 0:
            self.in_flight += 1

    def forget(self) -> None:
        """Events are missing: what is in flight is not known."""
        self.in_flight = 0
        self._recent.clear()

    @property
    def told(self) -> Executed | None:
        """The last instruction that it has told of."""
        return self._recent[-1] if self._recent else None

    @property
    def following(self) -> Executed | None:
        """What followed when the role last was where it is now, which tells what it is at.

        A role tells of an instruction when it has finished it, and programs repeat themselves.
        """
        past = self._recent
        if not past:
            return None
        last = past[-1]
        at = (last.op, last.micro, last.phase, last.peer)
        for place in range(len(past) - 2, -1, -1):
            event = past[place]
            if (event.op, event.micro, event.phase, event.peer) == at:
                return past[place + 1]
        return None

    @property
    def doing(self) -> str | None:
        """The kind of instruction that the role is at."""
        following = self.following
        return None if following is None else following.op

    def window_s(self) -> float:
        """How far back `recent` looks: five seconds, or some steps where steps are long."""
        return self.timeline.cell_s * self._window_cells()

    def recent(self, now: float, told: float | None = None) -> Shares:
        """How it spent the last seconds; what it is at now is taken for what `doing` says.

        Args:
            told: nothing has been heard since then.
        """
        timeline = self.timeline
        told = now if told is None else told
        oldest = self.cell(now) - self._window_cells() + 1
        start = max(timeline.start, timeline.start + oldest * timeline.cell_s)
        seconds = timeline.since(max(0, oldest))
        at = self._at
        if at < Kind.IDLE:
            seconds[at] += min(self.silent_since(told), max(0.0, told - start))
        return _shares(seconds, now - start)

    def whole(self, span_s: float, end: float | None = None) -> Shares:
        """How it spent the whole run, of so many seconds.

        Args:
            end: of a run that ended while the role waited for what was stuck.
        """
        seconds = self.timeline.total()
        if end is not None and self.awaits:
            seconds[self._at] += self.silent_since(end)
        return _shares(seconds, span_s)

    def silent_since(self, now: float) -> float:
        """Seconds since it told of an instruction."""
        return max(0.0, now - self._end)

    def cell(self, time: float) -> int:
        """The number of the timeline's cell that a time is in."""
        return math.floor((time - self.timeline.start) / self.timeline.cell_s)

    def row(
        self, width: int, now: float, told: float | None = None, *, running: bool
    ) -> Sequence[Kind]:
        """The timeline's last cells until now; the last ones show what the role is at.

        Args:
            told: nothing has been heard since then.
            running: whether it is still at something.
        """
        last = self.cell(now) - 1
        drawn = list(self.timeline.row(last - width + 1, last))
        if running:
            end = width if told is None else max(0, width - last + self.cell(told) - 1)
            start = max(0, width - last + self.timeline.open - 1)
            drawn[start:end] = [self._at] * max(0, end - start)
        return drawn

    @property
    def _at(self) -> Kind:
        """What its time counts as since it was heard of last."""
        if self.is_stuck:
            return Kind.STUCK
        if self.is_idle:
            return Kind.IDLE
        doing = self.doing
        kind = Kind.IDLE if doing is None else _KINDS.get(doing, Kind.OTHER)
        return Kind.RECEIVE if self.awaits and kind != Kind.SEND else kind

    def _window_cells(self) -> int:
        return max(_FEWEST_CELLS, round(_WINDOW_S / self.timeline.cell_s))


def _shares(seconds: Sequence[float], span_s: float) -> Shares:
    if span_s <= 0:
        return Shares(0.0, 0.0, 0.0, 1.0)
    busy = sum(seconds[kind] for kind in WORK) / span_s
    receive, send = seconds[Kind.RECEIVE] / span_s, seconds[Kind.SEND] / span_s
    return Shares(busy, receive, send, max(0.0, 1 - busy - receive - send))
