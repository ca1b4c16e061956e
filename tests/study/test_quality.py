"""Verdicts on an arm's metric, and gates on them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from splitrun.spec import loads
from splitrun.study import Finding, Verdict, compare_metric, fails_assertion
from splitrun.study.scoring import bare, epochs_between
from tests.runtime.running import synthetic
from tests.study.arms import stream

MARGIN = 0.005
aurocs = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=30)


def judge(differences: list[float], *, identical: bool = False) -> Verdict:
    arm = [0.9 + difference for difference in differences]
    return compare_metric([0.9] * len(arm), arm, MARGIN, identical=identical).verdict


def test_each_verdict_has_its_case() -> None:
    assert str(judge([0.0], identical=True)) == "identical"
    assert str(judge([0.0005, -0.001, 0.0, 0.001, -0.0005])) == "equivalent"
    assert str(judge([-0.010, -0.012, -0.009, -0.011])) == "different"
    assert str(judge([0.004, -0.008, 0.003])).startswith("inconclusive: ")


def test_a_real_difference_within_the_margin_is_equivalent() -> None:
    comparison = compare_metric([0.9] * 4, [0.899, 0.8991, 0.8989, 0.899], MARGIN)
    assert comparison.difference.interval.high < 0
    assert comparison.verdict.finding is Finding.EQUIVALENT


def test_a_real_difference_not_known_to_be_within_the_margin_is_different() -> None:
    comparison = compare_metric([0.9] * 4, [0.896, 0.895, 0.8965, 0.894], MARGIN)
    assert comparison.difference.interval.lower_bound < -MARGIN < comparison.difference.mean
    assert comparison.verdict.finding is Finding.DIFFERENT


@given(aurocs)
def test_equivalent_is_what_two_one_sided_t_tests_at_5_percent_say(
    pairs: list[tuple[float, float]],
) -> None:
    baseline, arm = (list(side) for side in zip(*pairs, strict=True))
    comparison = compare_metric(baseline, arm, margin=0.2)
    differences = np.array(arm) - np.array(baseline)
    if differences.size < 3 or np.ptp(differences) < 1e-6:
        return
    above = stats.ttest_1samp(differences, -0.2, alternative="greater").pvalue
    below = stats.ttest_1samp(differences, 0.2, alternative="less").pvalue
    equivalent = comparison.verdict.finding is Finding.EQUIVALENT
    assert equivalent == (max(above, below) < 0.05)


@given(aurocs)
def test_only_an_inconclusive_verdict_asks_for_seeds_and_it_always_does(
    pairs: list[tuple[float, float]],
) -> None:
    baseline, arm = (list(side) for side in zip(*pairs, strict=True))
    verdict = compare_metric(baseline, arm, MARGIN).verdict
    assert (verdict.finding is Finding.INCONCLUSIVE) == (verdict.more_seeds > 0)
    assert verdict.more_seeds <= 1_000


@given(aurocs)
def test_swapping_arm_and_baseline_changes_no_verdict(pairs: list[tuple[float, float]]) -> None:
    baseline, arm = (list(side) for side in zip(*pairs, strict=True))
    assert compare_metric(baseline, arm, 0.1).verdict == compare_metric(arm, baseline, 0.1).verdict


@pytest.mark.parametrize(("seeds", "more"), [(1, 2), (2, 1)])
def test_fewer_than_three_seeds_settle_nothing(seeds: int, more: int) -> None:
    assert judge([0.0001] * seeds) == Verdict(Finding.INCONCLUSIVE, more)


@pytest.mark.parametrize("seeds", [1, 2, 3, 10])
def test_no_difference_at_any_seed_is_equivalence_however_few_they_are(seeds: int) -> None:
    assert judge([0.0] * seeds) == Verdict(Finding.EQUIVALENT)
    assert judge([0.0] * seeds, identical=True) == Verdict(Finding.IDENTICAL)
    assert judge([0.0] * seeds + [0.1]).finding is not Finding.EQUIVALENT


def test_the_seeds_asked_for_show_equivalence_in_four_of_five_cases() -> None:
    seen = np.array([1.0, -1.0] * 4)
    seen *= 0.008 / seen.std(ddof=1)
    total = seen.size + judge(seen.tolist()).more_seeds
    drawn = 0.008 * stream("power").normal(size=(4_000, total))
    equivalent = [judge(row).finding is Finding.EQUIVALENT for row in drawn.tolist()]
    assert 0.78 <= np.mean(equivalent) <= 0.84


def test_an_arm_near_the_margin_is_told_the_seeds_that_show_it_to_be_different() -> None:
    near = judge([-0.0045, -0.0085, -0.0005])
    assert near.finding is Finding.INCONCLUSIVE
    more = [-0.0045, -0.0085, -0.0005] * (1 + near.more_seeds // 3)
    assert judge([*more, -0.0045, -0.0045]).finding is Finding.DIFFERENT


def test_a_verdict_says_how_many_seeds_it_lacks() -> None:
    assert str(Verdict(Finding.INCONCLUSIVE, 1)) == "inconclusive: 1 more seed needed"
    assert str(Verdict(Finding.INCONCLUSIVE, 7)) == "inconclusive: 7 more seeds needed"
    assert str(judge([0.4, -0.4, 0.4, -0.4])) == "inconclusive: at least 1,000 more seeds needed"


@pytest.mark.parametrize("margin", [0.0, -0.1, math.nan])
def test_a_margin_that_lets_nothing_be_equivalent_is_refused(margin: float) -> None:
    with pytest.raises(ValueError, match="margin"):
        compare_metric([0.9], [0.9], margin)


def test_metrics_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(ValueError, match="nan is not a finite number"):
        compare_metric([0.9, 0.9], [0.9, math.nan], MARGIN)
    with pytest.raises(ValueError, match="shorter"):
        compare_metric([0.9, 0.9], [0.9], MARGIN)
    with pytest.raises(ValueError, match="no values"):
        compare_metric([], [], MARGIN)


def test_an_assertion_holds_for_its_verdict_and_for_what_implies_it() -> None:
    for finding in (Finding.IDENTICAL, Finding.EQUIVALENT, Finding.DIFFERENT):
        assert not fails_assertion(Verdict(finding), finding)
    assert not fails_assertion(Verdict(Finding.IDENTICAL), Finding.EQUIVALENT)


@pytest.mark.parametrize("found", [Finding.INCONCLUSIVE, Finding.DIFFERENT])
def test_an_assertion_fails_on_what_is_not_shown(found: Finding) -> None:
    assert fails_assertion(Verdict(found), Finding.EQUIVALENT)
    assert fails_assertion(Verdict(Finding.EQUIVALENT), Finding.IDENTICAL)


@given(st.integers(1, 64), st.integers(1, 500))
def test_curves_have_a_point_an_epoch_unless_pipelines_would_mostly_drain(
    depth: int, steps_per_epoch: int
) -> None:
    every = epochs_between(depth, steps_per_epoch)
    assert every == 1 or every * steps_per_epoch >= 8 * depth
    assert every == 1 or (every - 1) * steps_per_epoch < 8 * depth


@pytest.mark.parametrize("said", [{}, {"evaluate_every_epochs": 2}, {"evaluate_every_steps": 5}])
def test_arms_are_evaluated_for_curves_where_the_spec_does_not_say_how_often(
    said: dict[str, int],
) -> None:
    training = synthetic()["training"] | {"epochs": 3} | said
    spec = loads(yaml.safe_dump(synthetic(training=training)), "made.yaml").spec
    assert bare(spec, 0).training == spec.training
    for every, most in ((1, 1), (7, 3)):
        evaluated = bare(spec, 0, every).training.evaluate_every_epochs
        assert evaluated == (said.get("evaluate_every_epochs") if said else most)
