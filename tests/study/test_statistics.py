"""Throughputs, speedups, means: estimates, intervals, and when to stop measuring."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from splitrun.study import (
    Interval,
    estimate_mean,
    estimate_median,
    estimate_speedup,
    fails_below,
    needs_more,
)
from tests.study.arms import heavy_tailed, normal, stream, throughputs

positive = st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=40)


def ends(interval: Interval) -> list[float]:
    return [interval.low, interval.lower_bound, interval.upper_bound, interval.high]


def test_few_pairs_have_scipys_t_interval_of_the_log_ratios() -> None:
    baseline, arm = [100.0, 104.0, 97.0, 101.0], [151.0, 149.0, 150.0, 158.0]
    speedup = estimate_speedup(baseline, arm)
    logarithms = np.log(np.array(arm) / np.array(baseline))
    test = stats.ttest_1samp(logarithms, 0.0)
    two_sided, one_sided = (test.confidence_interval(level) for level in (0.95, 0.90))
    assert ends(speedup.interval) == pytest.approx(
        np.exp([two_sided.low, one_sided.low, one_sided.high, two_sided.high])
    )
    assert speedup.median == pytest.approx((151 / 100 + 150 / 97) / 2)


def test_many_pairs_have_nearly_the_t_interval_where_noise_is_normal() -> None:
    logarithms = 0.02 * stream("many pairs").normal(size=100)
    test = stats.ttest_1samp(logarithms, 0.0).confidence_interval(0.95)
    interval = estimate_median(np.exp(logarithms).tolist()).interval
    width = test.high - test.low
    assert math.log(interval.low) == pytest.approx(test.low, abs=0.15 * width)
    assert math.log(interval.high) == pytest.approx(test.high, abs=0.15 * width)


def test_the_machines_drift_cancels() -> None:
    drifting = throughputs(stream("drift"), (1, 12), normal, deviation=0.01, drift=0.5)
    speedup = estimate_speedup(*drifting.rows()[0])
    assert speedup.log_deviation < 0.03
    assert estimate_median(drifting.rows()[0][0]).log_deviation > 0.3


def test_one_hiccup_among_many_pairs_moves_the_interval_little() -> None:
    ratios = np.exp(0.01 * stream("hiccup").normal(size=25)).tolist()
    calm = estimate_median(ratios).interval
    disturbed = estimate_median([*ratios[:-1], ratios[-1] * 50]).interval
    assert disturbed.high - disturbed.low < 2 * (calm.high - calm.low)


@given(positive)
def test_an_interval_holds_its_median_and_its_one_sided_bounds(values: list[float]) -> None:
    estimate = estimate_median(values)
    low, lower_bound, upper_bound, high = ends(estimate.interval)
    assert low <= lower_bound <= estimate.median <= upper_bound <= high


@pytest.mark.parametrize("pairs", [7, 40])
def test_swapping_arm_and_baseline_inverts_a_speedup(pairs: int) -> None:
    baseline, arm = throughputs(stream("swap", pairs), (1, pairs), heavy_tailed).rows()[0]
    there = estimate_speedup(baseline, arm).interval
    back = estimate_speedup(arm, baseline).interval
    tolerance = 1e-9 if pairs < 20 else 0.05 * math.log(there.high / there.low)
    assert math.log(back.low) == pytest.approx(-math.log(there.high), abs=tolerance)
    assert math.log(back.high) == pytest.approx(-math.log(there.low), abs=tolerance)


@pytest.mark.parametrize("pairs", [7, 40])
def test_neither_order_nor_unit_nor_repetition_changes_an_interval(pairs: int) -> None:
    values, _ = throughputs(stream("order", pairs), (1, pairs), normal).rows()[0]
    interval = estimate_median(values).interval
    assert ends(estimate_median(values).interval) == ends(interval)
    assert ends(estimate_median(values[::-1]).interval) == pytest.approx(ends(interval), rel=1e-12)
    thousandths = [value / 1_000 for value in values]
    in_thousands = [1_000 * end for end in ends(estimate_median(thousandths).interval)]
    assert in_thousands == pytest.approx(ends(interval), rel=1e-9)


@pytest.mark.parametrize("ratios", [[1.5], [1.5, 1.5]])
def test_one_or_two_pairs_have_a_median_and_no_interval(ratios: list[float]) -> None:
    estimate = estimate_median(ratios)
    assert estimate.median == 1.5
    assert estimate.interval == Interval(0.0, math.inf, 0.0, math.inf)
    assert json.dumps(estimate.interval.ci95) == "null"
    assert fails_below(estimate, 0.01)
    assert estimate_mean(ratios).interval.ci95 is None


@pytest.mark.parametrize("count", [3, 25])
def test_values_without_spread_have_a_point_for_an_interval(count: int) -> None:
    estimate = estimate_median([1.5] * count)
    assert ends(estimate.interval) == pytest.approx([1.5] * 4, rel=1e-12)
    assert estimate_mean([0.9] * count).interval.ci95 == pytest.approx((0.9, 0.9))


def test_values_in_coarse_steps_have_an_interval_between_them() -> None:
    assert estimate_median([1.0] * 19 + [9.0]).interval.ci95 == (1.0, 1.0)
    low, high = estimate_median([1.0, 2.0] * 10).interval.ci95 or (0.0, 0.0)
    assert 1.0 <= low < math.sqrt(2) < high <= 2.0


def test_values_too_far_apart_have_no_upper_end() -> None:
    assert estimate_median([1e-300, 1.0, 1e300]).interval.ci95 is None


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf, 0.0, -1.0])
def test_a_throughput_that_cannot_be_one_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="not"):
        estimate_median([1.0, wrong, 1.0])
    with pytest.raises(ValueError, match="not"):
        estimate_speedup([1.0, 1.0, 1.0], [1.0, wrong, 1.0])


def test_what_is_no_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="no values"):
        estimate_mean([])
    with pytest.raises(ValueError, match="nan is not a finite number"):
        estimate_mean([0.9, math.nan])
    with pytest.raises(ValueError, match="shorter"):
        estimate_speedup([1.0, 1.0], [1.0])


def test_measuring_goes_on_until_the_interval_is_tight_and_no_longer() -> None:
    noisy = np.exp(0.05 * stream("until tight").normal(size=200)).tolist()
    ratios: list[float] = noisy[:3]
    while more := needs_more(estimate_median(ratios), half_width=0.015):
        ratios = noisy[: len(ratios) + more]
    estimate = estimate_median(ratios)
    assert (estimate.interval.high - estimate.interval.low) / 2 <= 0.015 * estimate.median
    # 1.96 · 0.05 / √n = 0.015 at n = 43
    assert 30 <= len(ratios) <= 60


def test_a_tight_interval_of_a_few_pairs_is_not_trusted_yet() -> None:
    for count in range(1, 10):
        ratios = [1.5 + 1e-6 * pair for pair in range(count)]
        assert needs_more(estimate_median(ratios), half_width=0.1) == 10 - count
    assert needs_more(estimate_median([1.5, 1.500001] * 5), half_width=0.1) == 0


def test_an_interval_that_no_budget_makes_tight_asks_for_the_most() -> None:
    assert needs_more(estimate_median([1.0, 5.0, 25.0] * 4), half_width=1e-6) == 1_000


def test_a_half_width_that_cannot_be_reached_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        needs_more(estimate_median([1.0, 1.1, 1.2]), half_width=0.0)


def test_a_gate_asks_for_proof() -> None:
    speedup = estimate_speedup([100.0, 101.0, 99.0, 100.0], [160.0, 161.0, 159.0, 163.0])
    assert not fails_below(speedup, 1.5)
    assert not fails_below(speedup, speedup.interval.lower_bound)
    assert fails_below(speedup, speedup.median)
