"""What the arms learn, in whole trainings over paired seeds, and whether it is the baseline's.

Weights depend neither on the runtime nor on links nor on emulated hardware. So these trainings have
no links and no emulated hardware, and run serially, which is fast; what they end with is what the
real run would end with, bit for bit.

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

Where the spec does not say how often to evaluate, an arm is evaluated after every epoch or, where
its pipeline would mostly drain for it, after so many that it seldom does: there are curves then.

The time to a target value of the metric joins what was measured apart. The curves tell after how
many epochs it is reached, seed by seed; the arm's throughput tells how long those take. Evaluations
themselves are outside the clock.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median_high

import torch

from splitrun.errors import CodecOverflow, NonFiniteLoss, RunFailed, UsageError
from splitrun.model import evaluate
from splitrun.party import Party
from splitrun.session.run_statistics import RunStatistics
from splitrun.spec import Link, Spec, own_metrics
from splitrun.study.arms import BASELINE, Arm
from splitrun.study.intervals import FEWEST, MOST_MORE, ONE_SIDED, TWO_SIDED, more_needed, t_power
from splitrun.study.statistics import MeanEstimate, MedianEstimate, estimate_mean
from splitrun.study.training import InitialWeights, Subject, train_fresh
from splitrun.study.watcher import Watcher

_SEEDS = 2**32
"""A seed is less than this."""


Curve = Mapping[int, float]
"""The metric at every evaluation, by the epochs trained until then."""


@dataclass
class Scores:
    """What one arm learned: a value for each seed."""

    values: list[float] = field(default_factory=list)
    """At the end."""
    curves: dict[int, Curve] = field(default_factory=dict)
    """By seed."""
    weights_sha256: list[str] = field(default_factory=list)


def score(
    subjects: Mapping[Arm, Subject], metric: str | None, seeds: int, watcher: Watcher
) -> dict[Arm, Scores]:
    """Train every arm once at each of so many seeds, the spec's and those after it.

    Args:
        metric: one that fits the loss; None is the loss itself.

    Returns:
        Of all arms but those that diverged at some seed.

    Raises:
        RunFailed: a role failed; or the baseline diverged; or an arm begins as another network.
    """
    name = metric or "loss"
    plans = {arm: subject.plan() for arm, subject in subjects.items()}
    scores = {arm: Scores() for arm in subjects}
    initial_weights = InitialWeights()
    for index in range(seeds):
        for arm in tuple(scores):
            every_epochs = epochs_between(plans[arm].depth, plans[arm].steps_per_epoch)
            subject = subjects[arm].under(bare(subjects[arm].spec, index, every_epochs))
            seed, plan = subject.spec.seed, subject.plan()
            recorder = watcher.training(arm, plan, index + 1)
            if differing := initial_weights.differing(seed, str(arm), subject.first_weights(plan)):
                raise RunFailed("the comparison", f"the first weights of {arm}", differing)
            try:
                outcome = train_fresh(subject, "serial", (metric,) if metric else (), recorder)
                value = outcome.statistics.decisive.get(name)
                if value is None:
                    raise NonFiniteLoss(str(arm), "its evaluation", f"{name} is beyond numbers")
            except (NonFiniteLoss, CodecOverflow) as error:
                if arm == BASELINE:
                    raise
                watcher.left_out(arm, str(error))
                del scores[arm]
                continue
            scores[arm].values.append(value)
            scores[arm].curves[seed] = _curve(outcome.statistics, name)
            scores[arm].weights_sha256.append(outcome.weights_sha256)
            watcher.scored(arm, scores[arm])
    return scores


def refuse_undefined(holder: Party, metric: str) -> None:
    """Refuse a metric that no outputs have on the rows that decide: AUROC where one class occurs.

    Of one that is a class, nobody knows what it says of other outputs.

    Args:
        holder: the label holder.

    Raises:
        UsageError: it is such a one.
    """
    spec, data = holder.spec, holder.data
    if metric in {it.name for it in own_metrics(spec).values()}:
        return
    assert data.labels is not None  # it is the label holder's
    decides = data.validation_ids if len(data.validation_ids) else data.test_ids
    labels = data.labels[decides]
    outputs = torch.zeros(len(labels), spec.top.loss.width(len(data.classes)) or 1)
    weights = None if data.weights is None else data.weights[decides]
    if evaluate(holder.loss, (metric,), outputs, labels, weights)[metric] is None:
        rows = "held-out" if decides is data.test_ids else "validation"
        message = f"{metric} is not defined on the {rows} rows"
        raise UsageError(f"{message}; name another --metric, or hold out more rows")


def _curve(statistics: RunStatistics, metric: str) -> Curve:
    values = ((record.epoch, record.decisive.get(metric)) for record in statistics.history)
    return {epoch: value for epoch, value in values if value is not None}


_FEWEST_DEPTHS = 8
"""After so many times as many steps as are in flight, an evaluation comes at the earliest."""


def epochs_between(depth: int, steps_per_epoch: int) -> int:
    """After how many epochs an arm is evaluated for its curve.

    Every evaluation drains the pipeline, after which the next gradients are less stale. So there
    are at least eight times as many steps between two of them as are in flight.

    Args:
        depth: batches in flight.
        steps_per_epoch: of the run.
    """
    return -(-_FEWEST_DEPTHS * depth // steps_per_epoch) if depth > 1 else 1


def bare(spec: Spec, index: int, every_epochs: int | None = None) -> Spec:
    """Without emulated links and hardware, at the seed of this index; codecs stay.

    Args:
        every_epochs: how often to evaluate, where the spec does not say.
    """
    parties = {
        name: party.model_copy(update={"compute": None}) for name, party in spec.parties.items()
    }
    top = spec.top.model_copy(update={"compute": None})
    seed = (spec.seed + index) % _SEEDS
    links = {key: Link(codec=link.codec) for key, link in spec.links.items()}
    update = {"links": links, "parties": parties, "top": top, "seed": seed}
    said = ("evaluate_every_epochs", "evaluate_every_steps", "early_stopping")
    if every_epochs is not None and not any(getattr(spec.training, key) for key in said):
        every_epochs = min(every_epochs, spec.training.epochs)
        evaluated = {"evaluate_every_epochs": every_epochs}
        update["training"] = spec.training.model_copy(update=evaluated)
    return spec.model_copy(update=update)


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
