"""How a value was over time: all histories of a run have the same slots, so that charts of them
stand above each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

MOST_SLOTS = 512
_SLOT_S = 1 / 16


class History:
    """The weighted mean of what came in each of at most 512 equal slots of time.

    When time goes beyond the last slot, neighbours become one.

    Args:
        start: when the first slot begins.
    """

    def __init__(self, start: float = 0.0) -> None:
        self.start = start
        self.slot_s = _SLOT_S
        self._sums = [0.0] * MOST_SLOTS
        self._weights = [0.0] * MOST_SLOTS

    def add(self, value: float, time: float) -> None:
        """Take in one value; one that is not finite is left out."""
        if math.isfinite(value) and math.isfinite(time):
            self._put(value, 1.0, self._slot(time))

    def spread(self, amount: float, start: float, end: float) -> None:
        """Take in what came evenly over a span: slots then hold how much there was a second."""
        if not start < end < math.inf:
            return
        last = self._slot(end)  # the first one is known when slots are as long as that needs
        for slot in range(self._slot(start), last + 1):
            begins = self.start + slot * self.slot_s
            within_s = max(0.0, min(end, begins + self.slot_s) - max(start, begins))
            self._put(amount * within_s / (end - start), within_s, slot)

    def columns(self, width: int, end: float) -> list[float | None]:
        """The means in so many equal parts of the time from the start to `end`; None where nothing
        came."""
        slots = (end - self.start) / self.slot_s
        if slots <= 0 or not width:
            return [None] * width
        edges = [place * slots / width for place in range(width + 1)]
        return [
            self._mean(int(first), max(math.ceil(last), int(first) + 1))
            for first, last in pairwise(edges)
        ]

    def _mean(self, first: int, last: int) -> float | None:
        weight = sum(self._weights[first:last])
        return sum(self._sums[first:last]) / weight if weight > 0 else None

    def _put(self, amount: float, weight: float, slot: int) -> None:
        self._sums[slot] += amount
        self._weights[slot] += weight

    def _slot(self, time: float) -> int:
        """The slot that a time is in, which may make all of them longer."""
        while (slot := int(max(0.0, time - self.start) / self.slot_s)) >= MOST_SLOTS:
            self._sums, self._weights = _halved(self._sums), _halved(self._weights)
            self.slot_s *= 2
        return slot


def _halved(amounts: Sequence[float]) -> list[float]:
    pairs = zip(amounts[::2], amounts[1::2], strict=True)
    return [*(first + second for first, second in pairs), *[0.0] * (MOST_SLOTS // 2)]


def held(columns: Sequence[float | None]) -> list[float | None]:
    """What stands until the next one comes: nothing only before the first."""
    last: float | None = None
    return [last := last if value is None else value for value in columns]
