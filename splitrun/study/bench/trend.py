"""Whether a throughput rises or falls while it is measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from splitrun.study.interval import TWO_SIDED, finite
from splitrun.study.student import t_quantile

FEWEST_FOR_TREND = 5
"""Values below which a line through them says next to nothing."""


@dataclass(frozen=True)
class Trend:
    """A relative change from start to end: -0.1 is 10 % less."""

    change: float
    low: float
    """Lower end of its 95 % interval."""
    high: float


def find_trend(
    times: Sequence[float], values: Sequence[float], span: float | None = None
) -> Trend | None:
    """A straight line through positive values' logarithms, its interval by Student's t.

    That is an interval for errors that know nothing of each other, so let each value be a mean over
    long enough.

    Args:
        times: of the values, in the same order.
        values: of a quantity whose noise multiplies.
        span: the change over so long a time is told; default: from the first value to the last.

    Returns:
        None where there are too few values to tell.
    """
    if len(values) < FEWEST_FOR_TREND:
        return None
    logarithms, moments = np.log(finite(values)), finite(times)
    moments = moments - moments.mean()
    spread = float((moments**2).sum())
    slope = float((moments * logarithms).sum()) / spread
    residuals = logarithms - logarithms.mean() - slope * moments
    degrees = logarithms.size - 2
    error = math.sqrt(float((residuals**2).sum()) / degrees / spread)
    within = t_quantile(TWO_SIDED, degrees) * error
    span = float(moments[-1] - moments[0]) if span is None else span
    change, low, high = (math.expm1(span * at) for at in (slope, slope - within, slope + within))
    return Trend(change, low, high)
