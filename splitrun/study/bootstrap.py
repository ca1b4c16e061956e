"""A bootstrap interval for the centre of many values: BCa, of the 20 % trimmed mean.

Why BCa, and why trimmed. A machine's hiccups give log-ratios heavy or lopsided tails. With 20 to
60 of them, nominal 95 % intervals of the *mean* miss 7 to 14 % (BCa, studentized) for heavy tails,
and a studentized one becomes absurdly wide when one value stands out: resamples without it have
next to no spread. The trimmed mean ignores the fifth of the values at either end, so that neither
hurts; it is nearly as sharp as the mean for normal values, and unlike the median it is smooth
enough for a bootstrap.

Sources: Efron, "Better bootstrap confidence intervals", JASA 82 (1987): BCa. Tukey and McLaughlin,
Sankhya A 25 (1963), and Wilcox, "Introduction to robust estimation and hypothesis testing": the
trimmed mean and its influence function. Hesterberg, "What teachers should know about the
bootstrap", The American Statistician 69 (2015): the expansion that mends a percentile interval's
narrowness in small samples.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from splitrun.seeds import derive_seed
from splitrun.study.interval import ONE_SIDED, TWO_SIDED, Floats, Interval
from splitrun.study.student import t_quantile

_RESAMPLES = 4_999
_TRIMMED = 0.2
"""Share of the values that is left out at either end."""
_NORMAL = NormalDist()


def bootstrap_interval(values: Floats) -> Interval:
    """The interval of the values' 20 % trimmed mean, which for symmetric values is their median.

    Deterministic: the resamples depend on the number of values alone. Give it 20 values or more.
    """
    ordered = np.sort(values)
    count = ordered.size
    trimmed_means = _resampling(count) @ ordered
    kept = ordered[_cut(count) : count - _cut(count)]
    levels = _levels(
        bias=_bias(trimmed_means - kept.mean(), rounding=1e-9 * float(ordered[-1] - ordered[0])),
        acceleration=_acceleration(np.clip(ordered, kept[0], kept[-1])),
        count=count,
    )
    low, lower_bound, upper_bound, high = (float(end) for end in np.quantile(trimmed_means, levels))
    return Interval(low, high, lower_bound, upper_bound)


def _cut(count: int) -> int:
    return int(_TRIMMED * count)


@lru_cache(maxsize=8)
def _resampling(count: int) -> Floats:
    """Matrix (resamples, count) that takes sorted values to their resamples' trimmed means.

    Sorted values that are resampled by sorted ranks come out sorted, so that which of them are
    trimmed is known from the ranks, and the trimmed mean is a weighted sum of the values.
    """
    stream = np.random.default_rng(derive_seed("study", "bootstrap", count))
    ranks = np.sort(stream.integers(0, count, (_RESAMPLES, count)), axis=1)
    kept = ranks[:, _cut(count) : count - _cut(count)]
    cells = kept + count * np.arange(_RESAMPLES)[:, np.newaxis]
    drawn = np.bincount(cells.ravel(), minlength=_RESAMPLES * count)
    return np.asarray(drawn.reshape(_RESAMPLES, count) / kept.shape[1], dtype=np.float64)


def _bias(deviations: Floats, *, rounding: float) -> float:
    """Efron's z0, the normal quantile of the share of resamples below the centre.

    Resamples at the centre count half: values in steps, as a coarse clock's, give many.
    """
    below = np.count_nonzero(deviations < -rounding)
    above = np.count_nonzero(deviations > rounding)
    return _NORMAL.inv_cdf(0.5 + (below - above) / (2 * deviations.size + 2))


def _acceleration(winsorized: Floats) -> float:
    """Efron's a, from the trimmed mean's influence function: the winsorized values, centred."""
    influence = winsorized - winsorized.mean()
    spread = float((influence**2).sum()) ** 1.5
    return float((influence**3).sum()) / (6 * spread) if spread else 0.0


def _levels(*, bias: float, acceleration: float, count: int) -> list[float]:
    """Quantiles of the resamples at which low, lower bound, upper bound and high lie."""
    levels = []
    for probability in (1 - TWO_SIDED, 1 - ONE_SIDED, ONE_SIDED, TWO_SIDED):
        expanded = math.sqrt(count / (count - 1)) * t_quantile(probability, count - 1)
        shifted = bias + expanded
        levels.append(_NORMAL.cdf(bias + shifted / (1 - acceleration * shifted)))
    return levels
