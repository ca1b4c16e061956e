"""Gains of one model over another: what their intervals hold, by simulation and by arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from splitrun.study.gains import GROUPS, estimate_gain, row_groups, scores
from splitrun.study.intervals import Floats
from tests.study.arms import stream

ROWS, REPEATS = 200, 1_000
MOST_ERRORS = 0.06


def means(per_row: Floats) -> Floats:
    """What `scores` gives of a metric that is a mean, [seeds, 1 + groups].

    Args:
        per_row: [seeds, rows].
    """
    groups = row_groups(per_row.shape[1])

    def of_one(values: Floats) -> Floats:
        return scores(lambda rows: float(values[rows].mean()), groups)

    return np.array([of_one(values) for values in per_row])


@pytest.mark.parametrize(("seeds", "of_seeds"), [(3, 0.0), (3, 0.3), (5, 0.05), (10, 0.3)])
def test_intervals_hold_the_truth_whether_seeds_or_rows_are_the_chance(
    seeds: int, of_seeds: float
) -> None:
    draw = stream("gains", seeds, str(of_seeds))
    groups = row_groups(ROWS)
    sizes = np.bincount(groups)
    missed = 0
    for _ in range(REPEATS):
        rows, own = draw.normal(size=ROWS), draw.normal(size=(seeds, ROWS))
        gains = 0.1 + of_seeds * draw.normal(size=(seeds, 1)) + rows + 0.5 * own
        totals = np.array([np.bincount(groups, each) for each in gains])
        without = (gains.sum(axis=1)[:, None] - totals) / (ROWS - sizes)
        estimate = estimate_gain(np.column_stack([gains.mean(axis=1), without]))
        missed += not estimate.interval.low <= 0.1 <= estimate.interval.high
    assert missed / REPEATS <= MOST_ERRORS


def test_the_error_of_the_rows_is_that_of_a_mean_where_the_metric_is_one() -> None:
    values = stream("one model").normal(size=GROUPS)
    estimate = estimate_gain(means(np.tile(values, (3, 1))))
    half_width = (estimate.interval.high - estimate.interval.low) / 2
    error = values.std(ddof=1) / np.sqrt(len(values))
    assert estimate.mean == pytest.approx(values.mean())
    assert half_width == pytest.approx(2.0096 * error, rel=1e-4)  # t with 49 degrees of freedom


def test_more_seeds_make_no_chance_of_rows_smaller() -> None:
    values = stream("one model").normal(size=GROUPS)
    few, many = (estimate_gain(means(np.tile(values, (seeds, 1)))) for seeds in (3, 100))
    assert few.interval.ci95 == pytest.approx(many.interval.ci95)


@pytest.mark.parametrize("rows", [1, 7, GROUPS, 333])
def test_every_row_is_in_one_group_and_groups_are_of_nearly_one_size(rows: int) -> None:
    sizes = np.bincount(row_groups(rows))
    assert len(sizes) == min(rows, GROUPS)
    assert sizes.sum() == rows
    assert sizes.max() - sizes.min() <= 1


def test_where_too_little_is_known_there_is_no_interval() -> None:
    two_seeds = np.zeros((2, 1 + GROUPS))
    undefined = np.zeros((3, 1 + GROUPS))
    undefined[1, 4] = np.nan  # without those rows, but one class is left
    assert estimate_gain(two_seeds).interval.ci95 is None
    assert estimate_gain(undefined).interval.ci95 is None
    assert estimate_gain(np.zeros((3, 1 + GROUPS))).interval.ci95 == (0.0, 0.0)
