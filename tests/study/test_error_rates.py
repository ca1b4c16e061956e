"""How often verdicts and gates err, by simulation: they claim 5 %, and 6 % is the most allowed.

4,000 comparisons a case put the standard error of a rate of 5 % at 0.34 points, so that a right
method stays below 6 % in nearly every case. Streams were fixed before the first run.
"""

from __future__ import annotations

import numpy as np
import pytest

from splitrun.study import (
    Finding,
    MedianEstimate,
    compare_metric,
    estimate_speedup,
    fails_below,
    needs_more,
)
from tests.study.arms import (
    Arms,
    Noise,
    heavy_tailed,
    lopsided,
    metrics,
    normal,
    stream,
    throughputs,
)

COMPARISONS = 4_000
MOST_ERRORS = 0.06
COUNTS = [3, 5, *(pytest.param(count, marks=pytest.mark.long) for count in (12, 30))]
MARGIN = 0.005
MOST_PAIRS = 60


def estimates(arms: Arms) -> list[MedianEstimate]:
    return [estimate_speedup(baseline, arm) for baseline, arm in arms.rows()]


def share_that_pass(speedups: list[MedianEstimate], bound: float) -> float:
    return float(np.mean([not fails_below(speedup, bound) for speedup in speedups]))


def share_that_miss(speedups: list[MedianEstimate], truth: float) -> float:
    intervals = [speedup.interval for speedup in speedups]
    return float(np.mean([not interval.low <= truth <= interval.high for interval in intervals]))


def share_found(arms: Arms, finding: Finding, margin: float) -> float:
    verdicts = [compare_metric(*row, margin).verdict for row in arms.rows()]
    return float(np.mean([verdict.finding is finding for verdict in verdicts]))


def measured_until_tight(arms: Arms, half_width: float) -> list[MedianEstimate]:
    """Of every comparison the estimate at which it stopped; those with as many pairs go together,
    so that what a bootstrap of so many pairs draws is drawn once."""
    waiting = {3: list(arms.rows())}
    stopped = []
    for pairs in range(3, MOST_PAIRS + 1):
        for baseline, arm in waiting.pop(pairs, []):
            speedup = estimate_speedup(baseline[:pairs], arm[:pairs])
            more = needs_more(speedup, half_width)
            if more == 0 or pairs >= MOST_PAIRS:
                stopped.append(speedup)
            else:
                waiting.setdefault(min(pairs + more, MOST_PAIRS), []).append((baseline, arm))
    return stopped


@pytest.mark.parametrize("pairs", COUNTS)
@pytest.mark.parametrize(
    ("noise", "drift"),
    [(normal, 0.0), (heavy_tailed, 0.0), (lopsided, 0.0), (normal, 0.2)],
    ids=["log-normal", "heavy-tailed", "lopsided", "drifting"],
)
def test_identical_arms_pass_no_gate_and_show_no_speedup(
    noise: Noise, drift: float, pairs: int
) -> None:
    generator = stream("identical arms", noise.__name__, str(drift), pairs)
    speedups = estimates(throughputs(generator, (COMPARISONS, pairs), noise, drift=drift))
    assert share_that_pass(speedups, 1.0) <= MOST_ERRORS
    assert share_that_miss(speedups, 1.0) <= MOST_ERRORS


def test_stopping_at_the_first_tight_interval_keeps_the_gate_honest() -> None:
    stopped = []
    for half_width in (0.10, 0.07, 0.05, 0.035):
        shape = (COMPARISONS // 4, MOST_PAIRS)
        arms = throughputs(stream("stopping", str(half_width)), shape, normal)
        stopped += measured_until_tight(arms, half_width)
    assert share_that_pass(stopped, 1.0) <= MOST_ERRORS


@pytest.mark.parametrize("pairs", COUNTS)
def test_a_95_percent_interval_holds_the_true_speedup_in_95_percent(pairs: int) -> None:
    generator = stream("coverage", pairs)
    arms = throughputs(generator, (COMPARISONS, pairs), normal, speedup=1.7)
    assert 0.03 <= share_that_miss(estimates(arms), 1.7) <= 0.07


@pytest.mark.parametrize("seeds", COUNTS)
@pytest.mark.parametrize("noise", [normal, heavy_tailed])
def test_arms_without_a_difference_are_not_called_different(noise: Noise, seeds: int) -> None:
    arms = metrics(stream("no difference", noise.__name__, seeds), (COMPARISONS, seeds), noise)
    # No margin to speak of: none is let off as equivalent.
    assert share_found(arms, Finding.DIFFERENT, margin=1e-9) <= MOST_ERRORS


@pytest.mark.parametrize("seeds", COUNTS)
@pytest.mark.parametrize(
    ("loss", "noise"), [(2 * MARGIN, normal), (MARGIN, normal), (MARGIN, heavy_tailed)]
)
def test_a_loss_of_the_margin_or_more_is_not_called_equivalent(
    loss: float, noise: Noise, seeds: int
) -> None:
    generator = stream("loss", str(loss), noise.__name__, seeds)
    arms = metrics(generator, (COMPARISONS, seeds), noise, loss=loss)
    assert share_found(arms, Finding.EQUIVALENT, MARGIN) <= MOST_ERRORS
