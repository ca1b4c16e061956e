"""Doubts about a cell's figures: that they are voiced, and how often for nothing.

4,000 cells a case; streams were fixed before the first run.
"""

from __future__ import annotations

import numpy as np
import pytest

from splitrun.study.bench.measure import outliers, reliability_warnings
from splitrun.study.statistics import find_trend
from tests.study.arms import heavy_tailed, normal, stream
from tests.study.benches import measured

CELLS = 4_000
STEADY = [10_000.0, 10_050.0, 9_980.0, 10_020.0, 9_960.0, 10_010.0, 9_990.0, 10_030.0]


def kinds(rates: list[float], others_percent: float = 0.0) -> list[str]:
    return [
        doubt.kind
        for doubt in reliability_warnings(measured(rates, others_percent=others_percent), cores=2)
    ]


def test_steady_trials_on_a_quiet_machine_raise_no_doubt() -> None:
    assert kinds(STEADY, others_percent=15) == []
    assert kinds([10_000.0]) == []


def test_a_trial_that_stands_out_is_told_but_not_a_little_one() -> None:
    assert kinds([*STEADY, 7_000]) == ["outliers"]
    assert kinds([*STEADY[:4], 7_000, *STEADY[4:], 13_000]) == ["outliers"]
    assert outliers([100.0, 100.0, 100.0, 100.0, 104.0]) == []
    assert outliers([100.0, 100.0, 100.0, 100.0, 106.0]) == [4]
    assert outliers([100.0, 100.0, 100.0, 50.0]) == []


def test_a_slow_first_trial_has_words_of_its_own() -> None:
    assert kinds([5_000, *STEADY]) == ["slow first trial"]
    assert kinds([5_000, *STEADY, 7_000]) == ["slow first trial", "outliers"]
    assert kinds([15_000, *STEADY]) == ["outliers"]
    (doubt,) = reliability_warnings(measured([5_000, *STEADY]), cores=2)
    assert "50% of the others'" in doubt.text


def test_a_machine_that_slows_down_is_told() -> None:
    assert kinds([rate * (1 - 0.01 * trial) for trial, rate in enumerate(STEADY)]) == ["drift"]


@pytest.mark.parametrize(("percent", "found"), [(19, []), (21, ["busy machine"])])
def test_a_tenth_of_the_cores_may_be_others(percent: float, found: list[str]) -> None:
    assert kinds(STEADY, others_percent=percent) == found


@pytest.mark.parametrize(("trials", "most"), [(3, 0.0), (5, 0.08), (10, 0.02), (30, 0.005)])
def test_trials_of_normal_noise_rarely_stand_out(trials: int, most: float) -> None:
    noise = normal(stream("bench outliers", trials), (CELLS, trials))
    assert np.mean([bool(outliers(row)) for row in np.exp(0.05 * noise).tolist()]) <= most


@pytest.mark.parametrize(("trials", "least"), [(5, 0.85), (10, 0.99), (30, 0.999)])
def test_a_trial_of_half_the_throughput_is_found_nearly_always(trials: int, least: float) -> None:
    rates = np.exp(0.03 * normal(stream("bench one slow", trials), (CELLS, trials)))
    rates[:, 2] /= 2
    assert np.mean([2 in outliers(row) for row in rates.tolist()]) >= least


@pytest.mark.parametrize("trials", [5, 10, 20])
@pytest.mark.parametrize("noise", [normal, heavy_tailed])
def test_an_interval_of_a_trend_holds_the_true_one(noise: object, trials: int) -> None:
    draw = normal if noise is normal else heavy_tailed
    deviations = 0.02 * draw(stream("bench trend", draw.__name__, trials), (CELLS, trials))
    times = np.arange(trials)
    truth = -0.2
    rates = np.exp(deviations + np.log1p(truth) * times / (trials - 1))
    found = [find_trend(times.tolist(), row) for row in rates.tolist()]
    missed = np.mean([not (it is not None and it.low <= truth <= it.high) for it in found])
    assert missed <= 0.06


def test_a_trend_is_exact_where_there_is_no_noise_and_unknown_for_few_values() -> None:
    trend = find_trend([0, 1, 2, 4, 8], [0.5 ** (time / 8) for time in (0, 1, 2, 4, 8)])
    assert trend is not None
    assert trend.change == pytest.approx(-0.5)
    assert trend.low == pytest.approx(trend.high)
    assert find_trend([0, 1, 2, 3], [1, 2, 3, 4]) is None
