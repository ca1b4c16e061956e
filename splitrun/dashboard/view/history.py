"""The course of a value over a whole run, in bounded memory."""

from __future__ import annotations

from math import isfinite

_MOST_POINTS = 512
_SLOT_S = 0.25
_LONGEST_S = 3600.0


class History:
    """At most 512 points, each the mean of equally many values.

    When they are full, neighbours become one; from then on, twice as many values make a point.
    """

    def __init__(self) -> None:
        self.points: list[float] = []
        self.every = 1
        """So many values make a point."""
        self._sum, self._count = 0.0, 0

    def add(self, value: float) -> None:
        """Append one value; one that is not finite is left out."""
        if not isfinite(value):
            return
        self._sum += value
        self._count += 1
        if self._count < self.every:
            return
        self.points.append(self._sum / self.every)
        self._sum, self._count = 0.0, 0
        if len(self.points) == _MOST_POINTS:
            pairs = zip(self.points[::2], self.points[1::2], strict=True)
            self.points = [(first + second) / 2 for first, second in pairs]
            self.every *= 2


class RateHistory:
    """How much there was a second; every point stands for equally much time."""

    def __init__(self, start: float) -> None:
        self._history = History()
        self._end = start + _SLOT_S
        self._amount = 0.0

    @property
    def points(self) -> list[float]:
        """The time that goes on is not yet in them."""
        return self._history.points

    def idle_until(self, time: float) -> list[float]:
        """The points if nothing comes until then."""
        idle = int((time - self._end) / (_SLOT_S * self._history.every))
        return [*self.points, *[0.0] * max(0, min(_MOST_POINTS, idle))]

    def add(self, amount: float, start: float, end: float) -> None:
        """Count what came evenly over a span, which begins no earlier than the last one ended.

        A span of more than an hour is left out.
        """
        if end > self._end + _LONGEST_S:
            self.skip_to(end)
            return
        rate = amount / (end - start) if end > start else 0.0
        while end >= self._end:
            self._history.add((self._amount + rate * (self._end - start)) / _SLOT_S)
            self._amount = 0.0
            start = self._end
            self._end += _SLOT_S
        self._amount += rate * (end - start)

    def skip_to(self, time: float) -> None:
        """Leave out the time until then: nothing is known of it."""
        self._amount, self._end = 0.0, time + _SLOT_S
