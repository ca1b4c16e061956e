"""How much better one model is than another on the same rows, with an interval for both kinds of
chance: which rows happened to be evaluated, and what seeds the trainings had.

Two models of a pair have the same seed and the same rows, so that what makes either better by luck
cancels. The mean gain over the seeds then has two errors, each with an interval of its own by
Student's t:

- of the seeds, from the variance of the gains over their number;
- of the rows, from the variance of the mean gain by a delete-a-group jackknife: the metric is
  computed without each of some 50 random groups of rows in turn (Shao and Tu, "The Jackknife and
  Bootstrap", 1995, 5.1; its variance errs upward: Efron and Stein, Annals of Statistics 9, 1981).

The interval of both is as wide as the root of the sum of their squared widths (Zou and Donner,
"Construction of confidence limits about effect measures", Statistics in Medicine 27, 2008). The
degrees of freedom of a sum of variances (Satterthwaite 1946) would give narrower ones, which of
three seeds miss 8 % instead of 5. What depends on seeds and rows is in both errors, so that
their sum errs upward, too.

Training rows are taken as they are: of other ones from the same population, another gain might be
expected.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from splitrun.seeds import derive_seed
from splitrun.study.intervals import (
    FEWEST,
    UNKNOWN,
    Floats,
    Interval,
    deviation_of,
    interval_around,
)
from splitrun.study.statistics import MeanEstimate

GROUPS = 50
"""Of rows; each row is in one."""

Rows = npt.NDArray[np.int64]


def row_groups(rows: int) -> Rows:
    """Which group each row is in, [rows], dealt out at random, the same each time."""
    order = np.random.default_rng(derive_seed("row groups", rows)).permutation(rows)
    return order % min(rows, GROUPS)


def scores(score: Callable[[Rows], float | None], groups: Rows) -> Floats:
    """A model's score on all rows, then without each of the groups, [1 + groups].

    Args:
        score: of the rows with these numbers, ascending; None where they do not define it.
        groups: each row's.
    """
    kept = (np.flatnonzero(groups != group) for group in range(groups.max() + 1))
    found = [score(np.arange(len(groups))), *map(score, kept)]
    return np.array([math.nan if each is None else each for each in found], np.float64)


def estimate_gain(gains: Floats) -> MeanEstimate:
    """The mean gain over the seeds.

    Args:
        gains: [seeds, 1 + groups], differences of what `scores` gave of a pair at every seed.

    Raises:
        ValueError: a gain on all rows is not finite.
    """
    of_all_rows, without_groups = gains[:, 0], gains[:, 1:].mean(axis=0)
    if not np.isfinite(of_all_rows).all():
        raise ValueError("a gain is not a finite number")
    mean = float(of_all_rows.mean())
    return MeanEstimate(
        mean=mean,
        interval=_interval(mean, of_all_rows, without_groups),
        deviation=deviation_of(of_all_rows),
        count=len(gains),
    )


def _interval(mean: float, of_all_rows: Floats, without_groups: Floats) -> Interval:
    seeds, groups = len(of_all_rows), len(without_groups)
    if seeds < FEWEST or groups < FEWEST or not np.isfinite(without_groups).all():
        return UNKNOWN
    of_seeds = interval_around(mean, deviation_of(of_all_rows) / math.sqrt(seeds), seeds - 1)
    rows_error = math.sqrt(groups - 1) * float(without_groups.std())
    of_rows = interval_around(mean, rows_error, groups - 1)
    two_sided = math.hypot(of_seeds.high - mean, of_rows.high - mean)
    one_sided = math.hypot(of_seeds.upper_bound - mean, of_rows.upper_bound - mean)
    return Interval(mean - two_sided, mean + two_sided, mean - one_sided, mean + one_sided)
