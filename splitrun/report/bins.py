"""A long series in bounded memory: bins that double in width when there would be too many."""

from __future__ import annotations

from typing import NamedTuple


class Bin(NamedTuple):
    """The values that fell between two places of the axis."""

    start: float
    end: float
    number: int
    total: float
    low: float
    high: float

    @property
    def mean(self) -> float:
        """The mean of the values."""
        return self.total / self.number

    @property
    def middle(self) -> float:
        """The middle of the bin, in the axis's unit."""
        return (self.start + self.end) / 2


class Bins:
    """Values along an axis that starts at 0, in at most `limit` bins of one width.

    Args:
        width: of a bin, while they are few enough; in the axis's unit.
        limit: even.
    """

    def __init__(self, width: float, limit: int = 512) -> None:
        self.width = width
        self._limit = limit
        self._bins: dict[int, Bin] = {}

    def add(self, at: float, value: float) -> None:
        """Take in a value; what lies before 0 counts as at 0."""
        while at >= self.width * self._limit:
            self._double()
        index = int(max(at, 0.0) / self.width)
        start = index * self.width
        fresh = Bin(start, start + self.width, 1, value, value, value)
        before = self._bins.get(index)
        self._bins[index] = fresh if before is None else _joined(before, fresh)

    def read(self, width: float = 0.0) -> list[Bin]:
        """The bins that have values, in order, at least `width` wide."""
        wide = Bins(self.width, self._limit)
        wide._bins = dict(self._bins)
        while wide.width < width:
            wide._double()
        return [wide._bins[index] for index in sorted(wide._bins)]

    def _double(self) -> None:
        self.width *= 2
        joined: dict[int, Bin] = {}
        for index in sorted(self._bins):
            half, before = self._bins[index], joined.get(index // 2)
            start = index // 2 * self.width
            whole = half if before is None else _joined(before, half)
            joined[index // 2] = whole._replace(start=start, end=start + self.width)
        self._bins = joined


def _joined(one: Bin, other: Bin) -> Bin:
    return Bin(
        one.start,
        other.end,
        one.number + other.number,
        one.total + other.total,
        min(one.low, other.low),
        max(one.high, other.high),
    )
