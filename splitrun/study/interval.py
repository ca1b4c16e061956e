"""95 % intervals, and how many more values would make one good enough."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FEWEST = 3
"""Values below which no interval is given: two that happen to agree would look like certainty."""
MOST_MORE = 1_000
"""The most values ever asked for; where it is this many, it may be more."""
TWO_SIDED = 0.975
"""Probability below the upper end of a two-sided 95 % interval."""
ONE_SIDED = 0.95
"""Probability below a one-sided 95 % upper bound."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """Where a quantity lies, with 95 % confidence; infinite where too few values can tell."""

    low: float
    """Lower end of the two-sided interval."""
    high: float
    """Upper end of the two-sided interval."""
    lower_bound: float
    """The quantity is above this: one-sided, so never below `low`."""
    upper_bound: float
    """The quantity is below this: one-sided, so never above `high`."""

    @property
    def ci95(self) -> tuple[float, float] | None:
        """The two-sided interval; None where too few values can tell."""
        known = math.isfinite(self.low) and math.isfinite(self.high)
        return (self.low, self.high) if known else None

    def including(self, value: float) -> Interval:
        """Stretched, where `value` lies outside, until it lies within."""
        return Interval(
            low=min(self.low, value),
            high=max(self.high, value),
            lower_bound=min(self.lower_bound, value),
            upper_bound=max(self.upper_bound, value),
        )


UNKNOWN = Interval(-math.inf, math.inf, -math.inf, math.inf)


def finite(values: Sequence[float]) -> Floats:
    """The values as an array.

    Raises:
        ValueError: there are none, or one is not finite.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0:
        raise ValueError("there are no values to judge by")
    if not np.isfinite(array).all():
        raise ValueError(f"{array[~np.isfinite(array)][0]} is not a finite number")
    return array


def deviation_of(values: Floats) -> float:
    """The values' standard deviation; NaN for fewer than two."""
    return float(values.std(ddof=1)) if values.size > 1 else math.nan


def more_needed(count: int, suffices: Callable[[int], bool]) -> int:
    """Fewest values, from 1 to `MOST_MORE`, that `count` lacks.

    Args:
        count: values that are there.
        suffices: whether a total is enough; where one is, every larger one is.
    """
    return 1 + bisect_left(range(1, MOST_MORE), True, key=lambda more: suffices(count + more))
