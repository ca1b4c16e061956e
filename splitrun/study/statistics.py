"""What repeated measurements tell: throughputs, speedups, means, trends, and when to stop.

A machine's speed drifts and its noise multiplies, so arms are measured interleaved, each pair back
to back, and a speedup is judged by the logarithms of the pairs' ratios: what slows both of a pair
cancels (Kalibera and Jones, "Rigorous benchmarking in reasonable time", ISMM 2013, for speedups
with intervals; Fleming and Wallace, CACM 29, 1986, for ratios on a log scale).

Below 20 pairs the interval is Student's t, whose error rate holds from 3 pairs on where a
bootstrap's does not; from 20 on a bootstrap, which bears lopsided noise as well. Both are intervals
of the centre of the log-ratios. Those of arms with like noise are symmetric, since either could
have been the baseline, so that this centre is the median, which is what is quoted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from splitrun.records.comparison import MeanRecord, MedianRecord
from splitrun.study.intervals import (
    FEWEST,
    TWO_SIDED,
    Floats,
    Interval,
    bootstrap_interval,
    deviation_of,
    finite,
    more_needed,
    student_interval,
    t_quantile,
)

FEWEST_FOR_BOOTSTRAP = 20
FEWEST_TO_STOP = 10
"""Values before which a tight interval is not trusted to be tight: see `needs_more`."""


@dataclass(frozen=True)
class MedianEstimate:
    """Of a positive quantity whose noise multiplies: a throughput, a speedup."""

    median: float
    interval: Interval
    """Holds the median; from 0 to infinity where too few values can tell."""
    log_deviation: float
    """Standard deviation of the values' logarithms; NaN for a single value."""
    count: int
    """Values, or pairs of them."""

    def to_record(self) -> MedianRecord:
        """As files tell of it."""
        return MedianRecord(median=self.median, ci95=self.interval.ci95)


@dataclass(frozen=True)
class MeanEstimate:
    """Of a quantity whose noise adds: a metric, a difference of metrics."""

    mean: float
    interval: Interval
    deviation: float
    """Standard deviation of the values; NaN for a single one."""
    count: int

    def to_record(self) -> MeanRecord:
        """As files tell of it."""
        return MeanRecord(mean=self.mean, ci95=self.interval.ci95)


def estimate_speedup(
    baseline_samples_per_s: Sequence[float], arm_samples_per_s: Sequence[float]
) -> MedianEstimate:
    """How many times the baseline's throughput an arm has.

    Args:
        baseline_samples_per_s: one throughput a pair.
        arm_samples_per_s: the same pairs' other halves, in the same order.

    Raises:
        ValueError: there are no pairs, the two differ in length, or a throughput or ratio of two
            is not a positive finite number.
    """
    _positive(baseline_samples_per_s)
    _positive(arm_samples_per_s)
    pairs = zip(baseline_samples_per_s, arm_samples_per_s, strict=True)
    return estimate_median([arm / baseline for baseline, arm in pairs])


def estimate_median(values: Sequence[float]) -> MedianEstimate:
    """The median of a positive quantity, such as one arm's throughput, and its interval.

    Raises:
        ValueError: there are no values, or one is not a positive finite number.
    """
    positive = _positive(values)
    logarithms = np.log(positive)
    many = positive.size >= FEWEST_FOR_BOOTSTRAP
    of_logarithms = bootstrap_interval(logarithms) if many else student_interval(logarithms)
    interval = Interval(
        low=_exponential(of_logarithms.low),
        high=_exponential(of_logarithms.high),
        lower_bound=_exponential(of_logarithms.lower_bound),
        upper_bound=_exponential(of_logarithms.upper_bound),
    )
    median = float(np.median(positive))
    return MedianEstimate(
        median=median,
        # The centre of lopsided values may be so far from their median that it would be left out.
        interval=interval.including(median),
        log_deviation=deviation_of(logarithms),
        count=positive.size,
    )


def estimate_mean(values: Sequence[float]) -> MeanEstimate:
    """The mean of a quantity such as a metric over seeds, with an interval by Student's t.

    Raises:
        ValueError: there are no values, or one is not finite.
    """
    array = finite(values)
    return MeanEstimate(
        mean=float(array.mean()),
        interval=student_interval(array),
        deviation=deviation_of(array),
        count=array.size,
    )


def needs_more(estimate: MedianEstimate, half_width: float) -> int:
    """How many more values are expected to make the interval tight enough; 0 when it is.

    Tight enough is half the width of the two-sided interval at most `half_width` of the median.
    Who stops at the first tight interval stops when the spread happens to look small, and the
    interval then misses more often than it says, 10 % instead of 5 % when looking from 3 values on
    (Singham and Schruben, "Finite-sample performance of absolute precision stopping rules",
    INFORMS Journal on Computing 24, 2012). Not stopping before 10 keeps that below 7 %, and a
    one-sided bound at about 6 %. A budget that ends sooner does no harm: it never saw the spread.

    Args:
        estimate: what has been measured.
        half_width: 0.02 for ± 2 %.

    Raises:
        ValueError: the half width is not positive.
    """
    if not half_width > 0:
        raise ValueError(f"a half width of {half_width} can never be reached: give a positive one")
    until_stop = max(0, FEWEST_TO_STOP - estimate.count)
    if estimate.count < FEWEST:
        return until_stop
    interval = estimate.interval
    if interval.high - interval.low <= 2 * half_width * estimate.median:
        return until_stop

    def tight(total: int) -> bool:
        error = estimate.log_deviation / math.sqrt(total)
        return t_quantile(TWO_SIDED, total - 1) * error <= math.asinh(half_width)

    return max(until_stop, more_needed(estimate.count, tight))


def _positive(values: Sequence[float]) -> Floats:
    array = finite(values)
    if not (array > 0).all():
        raise ValueError(f"{array[array <= 0][0]} is not positive, as a throughput must be")
    return array


def _exponential(logarithm: float) -> float:
    """`math.exp`, infinite where that would overflow."""
    try:
        return math.exp(logarithm)
    except OverflowError:
        return math.inf


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
