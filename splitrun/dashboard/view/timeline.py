"""What one role did in the last seconds, cell by cell."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

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
class Cell:
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
        self.cells: deque[Cell] = deque(maxlen=MOST_CELLS)
        self.open = 0
        """The number of the open cell."""
        self.open_end = start + CELL_S
        self.seconds = no_seconds()
        """Of the open cell."""
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
            reopened = self.cells.pop() if self.cells else Cell(Kind.IDLE, no_seconds())
            for kind, seconds in enumerate(reopened.seconds):
                self.seconds[kind] += seconds
                self._before[kind] -= seconds
        cells = list(self.cells)
        cells = cells[len(cells) % 2 :]
        self.cells.clear()
        for first, second in zip(cells[::2], cells[1::2], strict=True):
            pairs = zip(first.seconds, second.seconds, strict=True)
            self.cells.append(Cell(first.kind, [one + other for one, other in pairs]))
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
        self.cells.append(Cell(drawn, self.seconds))
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
