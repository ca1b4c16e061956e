"""Whether what an arm learns, over paired seeds, is what the baseline learns.

Not to find a difference is no proof that there is none, so sameness has a test of its own: two
one-sided t-tests, each at 5 %, that the mean difference is above −margin and below +margin
(Schuirmann, "A comparison of the two one-sided tests procedure and the power approach for assessing
the equivalence of average bioavailability", J. Pharmacokinetics and Biopharmaceutics 15, 1987).

A difference can be real and still smaller than the margin: its 95 % interval excludes 0, and lies
within ± margin. That is `equivalent`, since the margin says which differences matter; `different`
is a difference that has been shown to exist, and not to be negligible. So neither verdict errs more
than 5 %: `different` where there is no difference, `equivalent` where it is the margin or more.
They hold for a number of seeds fixed beforehand; adding seeds until one appears errs more often.

Where no seed shows any difference there is no spread to test with, and nothing that more seeds
could make smaller: that is `equivalent`, too, however few they are.

Gates for scripts are conditions on a comparison that end a command with exit code 4. A gate asks
for proof: it lets pass what the measurements show with 95 % confidence, and fails what is merely
possible.

The time to a target value of the metric joins what was measured apart. The curves tell after how
many epochs it is reached, seed by seed; the arm's throughput tells how long those take. Evaluations
themselves are outside the clock.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median_high

from splitrun.study.intervals import FEWEST, MOST_MORE, ONE_SIDED, TWO_SIDED, more_needed, t_power
from splitrun.study.scoring import Curve
from splitrun.study.statistics import MeanEstimate, MedianEstimate, estimate_mean

_POWER = 0.8
"""Probability with which the seeds that are asked for settle it."""


class Finding(StrEnum):
    """What is known about an arm's metric against the baseline's."""

    IDENTICAL = "identical"
    """The weights are the same."""
    EQUIVALENT = "equivalent"
    """The mean difference is within ± margin, or there is none at any seed."""
    DIFFERENT = "different"
    """The mean difference is not 0, nor shown to be within ± margin."""
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Verdict:
    """A finding, and what an inconclusive one lacks."""

    finding: Finding
    more_seeds: int = 0
    """Seeds that would settle it, most likely; 0 where it is settled."""

    def __str__(self) -> str:
        if self.finding is not Finding.INCONCLUSIVE:
            return str(self.finding)
        least = "at least " if self.more_seeds >= MOST_MORE else ""
        seeds = "seed" if self.more_seeds == 1 else "seeds"
        return f"{self.finding}: {least}{self.more_seeds:,} more {seeds} needed"


@dataclass(frozen=True)
class MetricComparison:
    """An arm's metric against the baseline's, over paired seeds."""

    difference: MeanEstimate
    """Arm less baseline, in the metric's own unit."""
    margin: float
    verdict: Verdict

    @property
    def shows_sameness(self) -> bool:
        """Whether the arm has been shown to be as good as the baseline."""
        return self.verdict.finding in (Finding.IDENTICAL, Finding.EQUIVALENT)


def compare_metric(
    baseline: Sequence[float], arm: Sequence[float], margin: float, *, identical: bool = False
) -> MetricComparison:
    """Judge an arm's metric by the baseline's at the same seeds, in the same order.

    Args:
        baseline: the metric, one value a seed.
        arm: the same seeds' values.
        margin: the largest difference that doesn't matter, in the metric's unit.
        identical: whether, at every seed, both ended with the same weights.

    Raises:
        ValueError: there are no seeds, the two differ in length, a value is not finite, or the
            margin is not positive.
    """
    if not margin > 0:
        raise ValueError(f"a margin of {margin} lets nothing be equivalent: give a positive one")
    pairs = zip(baseline, arm, strict=True)
    differences = [other - reference for reference, other in pairs]
    difference = estimate_mean(differences)
    if identical:
        verdict = Verdict(Finding.IDENTICAL)
    elif not any(differences):
        verdict = Verdict(Finding.EQUIVALENT)
    else:
        verdict = _judge(difference, margin)
    return MetricComparison(difference, margin, verdict)


def _judge(difference: MeanEstimate, margin: float) -> Verdict:
    interval = difference.interval
    if -margin < interval.lower_bound and interval.upper_bound < margin:
        return Verdict(Finding.EQUIVALENT)
    if interval.low > 0 or interval.high < 0:
        return Verdict(Finding.DIFFERENT)
    return Verdict(Finding.INCONCLUSIVE, _more_seeds(difference, margin))


def _more_seeds(difference: MeanEstimate, margin: float) -> int:
    """Fewest more seeds with which `equivalent` or `different` has 80 % power.

    The differences to come are taken to have the mean and deviation of those seen: a mean of 0
    would promise too much to an arm whose difference is near the margin, which no number of seeds
    makes equivalent, but a few may show to be different.
    """
    if difference.count < FEWEST:
        return FEWEST - difference.count
    size = abs(difference.mean)

    def suffice(seeds: int) -> bool:
        scale = math.sqrt(seeds) / difference.deviation
        below = t_power(ONE_SIDED, seeds, (margin - size) * scale)
        above = t_power(ONE_SIDED, seeds, (margin + size) * scale)
        not_zero = t_power(TWO_SIDED, seeds, size * scale)
        # Both one-sided tests succeed at least this often (Bonferroni).
        within = below + above - 1
        return within >= _POWER or not_zero >= _POWER

    return more_needed(difference.count, suffice)


def fails_below(speedup: MedianEstimate, bound: float) -> bool:
    """Whether the speedup was not shown to be `bound` or more (one-sided, 95 %).

    An arm that is no faster than `bound` passes in 5 % of comparisons, and in some 6 % where rounds
    go on until the interval is tight; with fewer than three pairs nothing passes.
    """
    return speedup.interval.lower_bound < bound


def fails_assertion(verdict: Verdict, asserted: Finding) -> bool:
    """Whether the verdict is not the asserted one; what is identical is equivalent, too."""
    if asserted is Finding.EQUIVALENT and verdict.finding is Finding.IDENTICAL:
        return False
    return verdict.finding is not asserted


@dataclass(frozen=True)
class TimeToTarget:
    """When one arm reaches the target, over all seeds."""

    time_s: float | None
    """In the median of the seeds; None where half of them or more never get there."""
    reached: int
    """Seeds that do."""


def time_to_target(
    curves: Sequence[Curve], target: float, epoch_s: float, *, is_falling: bool
) -> TimeToTarget:
    """When an arm that takes so many seconds an epoch first reaches the target.

    Args:
        is_falling: less of the metric is better.

    Raises:
        ValueError: there are no curves.
    """
    epochs = [_first(curve, target, is_falling=is_falling) for curve in curves]
    time_s = median_high(epochs) * epoch_s
    reached = sum(math.isfinite(epoch) for epoch in epochs)
    return TimeToTarget(time_s if math.isfinite(time_s) else None, reached)


def _first(curve: Curve, target: float, *, is_falling: bool) -> float:
    """The first epoch after which the metric is at least as good; infinite if there is none."""
    good = [
        epoch
        for epoch, value in curve.items()
        if (value <= target if is_falling else value >= target)
    ]
    return min(good, default=math.inf)
