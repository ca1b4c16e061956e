"""Student's t: the interval of a mean, and the power of a test about it."""

from __future__ import annotations

import math
from functools import lru_cache

from scipy import special

from splitrun.study.interval import (
    FEWEST,
    ONE_SIDED,
    TWO_SIDED,
    UNKNOWN,
    Floats,
    Interval,
    deviation_of,
)


def student_interval(values: Floats) -> Interval:
    """The mean's interval by Student's t (Student, "The probable error of a mean", 1908).

    Exact for normal values; for symmetric ones with heavy tails it errs less often than it says.
    Values without any spread have a point for an interval.
    """
    if values.size < FEWEST:
        return UNKNOWN
    mean = float(values.mean())
    error = deviation_of(values) / math.sqrt(values.size)
    two_sided = error * t_quantile(TWO_SIDED, values.size - 1)
    one_sided = error * t_quantile(ONE_SIDED, values.size - 1)
    return Interval(mean - two_sided, mean + two_sided, mean - one_sided, mean + one_sided)


@lru_cache(maxsize=4_096)
def t_quantile(probability: float, degrees: int) -> float:
    """Student's t with so many degrees of freedom is below this with the given probability."""
    return float(special.stdtrit(degrees, probability))


def t_power(probability: float, count: int, standard_errors: float) -> float:
    """How often a one-sample t-test of `count` values finds its statistic above the quantile.

    By the central t, shifted: as usual for sample sizes (Chow, Shao and Wang, "Sample size
    calculations in clinical research", chapter 3). It differs from the noncentral t far less than a
    deviation that is estimated from a few values does from the true one.

    Args:
        probability: of the quantile; 0.95 for a one-sided test at 5 %.
        count: number of values, at least 2.
        standard_errors: how far the true mean is above the tested one.
    """
    return float(special.stdtr(count - 1, standard_errors - t_quantile(probability, count - 1)))
