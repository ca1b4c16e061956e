"""What the arms learn, in whole trainings over paired seeds.

Weights depend neither on the runtime nor on links nor on emulated hardware. So these trainings have
no links and no emulated hardware, and run serially, which is fast; what they end with is what the
real run would end with, bit for bit. They may run several at once, in any order, for the same
reason.

Where the spec does not say how often to evaluate, an arm is evaluated after every epoch or, where
its pipeline would mostly drain for it, after so many that it seldom does: there are curves then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field

import torch

from splitrun.errors import CodecOverflow, NonFiniteLoss, RunFailed, UsageError
from splitrun.model import evaluate
from splitrun.party import Party
from splitrun.session.run_statistics import RunStatistics
from splitrun.spec import Link, Spec, own_metrics
from splitrun.study.arms import BASELINE, Arm
from splitrun.study.executors import Executor, InProcess, Outcome, Task
from splitrun.study.training import (
    InitialWeights,
    Recorder,
    Subject,
    WeightDigests,
    train_fresh,
)
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


@dataclass(frozen=True)
class _Learned:
    """What came of one training of an arm."""

    value: float | None
    """Of the metric at the end; None where it is beyond numbers."""
    curve: Curve
    seed: int
    first_weights: WeightDigests
    weights_sha256: str


def score(
    subjects: Mapping[Arm, Subject],
    metric: str | None,
    seeds: int,
    watcher: Watcher,
    executor: Executor | None = None,
) -> dict[Arm, Scores]:
    """Train every arm once at each of so many seeds, the spec's and those after it.

    An arm that diverges is trained at no later seed; where several trainings run at once, what
    later ones of it came to is dropped. So the scores are the same wherever they were found.

    Args:
        metric: one that fits the loss; None is the loss itself.
        executor: of the trainings; default: this process.

    Returns:
        Of all arms but those that diverged at some seed.

    Raises:
        RunFailed: a role failed; or the baseline diverged; or an arm begins as another network.
            What was at work beside it is brought to its end before.
    """
    scoring = _Scoring(subjects, metric, seeds, watcher)
    parties, at_work = subjects[BASELINE].parties, executor or InProcess()
    with closing(at_work.outcomes(parties, scoring.tasks(), watcher.tell)) as outcomes:
        for outcome in outcomes:
            scoring.take(outcome)
    if scoring.failures:
        raise scoring.failures[0]
    return scoring.scores


class _Scoring:
    """The scores of all arms, as far as they are known."""

    def __init__(
        self, subjects: Mapping[Arm, Subject], metric: str | None, seeds: int, watcher: Watcher
    ) -> None:
        self._subjects, self._metric, self._seeds = subjects, metric, seeds
        self._watcher = watcher
        self._plans = {arm: subject.plan() for arm, subject in subjects.items()}
        self._initial_weights = InitialWeights()
        self.scores = {arm: Scores() for arm in subjects}
        self.failures: list[RunFailed] = []
        """What ends it all, the first one first."""

    def tasks(self) -> Iterator[Task[Arm, _Learned]]:
        """Seed by seed a training of every arm, until something fails."""
        for index in range(self._seeds):
            for arm in tuple(self.scores):
                if self.failures:
                    return
                if arm in self.scores:
                    yield self._task(arm, index)

    def _task(self, arm: Arm, index: int) -> Task[Arm, _Learned]:
        plan = self._plans[arm]
        every_epochs = epochs_between(plan.depth, plan.steps_per_epoch)
        spec = bare(self._subjects[arm].spec, index, every_epochs)
        subject = self._subjects[arm].under(spec)
        recorder = self._watcher.training(arm, subject.plan(), index + 1)
        name = f"{arm} at seed {spec.seed}"
        return Task(arm, name, subject, _learn, (self._metric,), recorder)

    def take(self, outcome: Outcome[Arm, _Learned]) -> None:
        """Keep what a training came to, unless an earlier seed has ended its arm."""
        arm = outcome.key
        if arm not in self.scores:
            return
        try:
            learned = outcome.result()
            value = self._value(arm, learned)
        except RunFailed as error:
            if isinstance(error, NonFiniteLoss | CodecOverflow) and arm != BASELINE:
                self._watcher.left_out(arm, str(error))
                del self.scores[arm]
            else:
                self.failures.append(error)
            return
        scores = self.scores[arm]
        scores.values.append(value)
        scores.curves[learned.seed] = learned.curve
        scores.weights_sha256.append(learned.weights_sha256)
        self._watcher.scored(arm, scores)

    def _value(self, arm: Arm, learned: _Learned) -> float:
        """What it learned, if it can be compared."""
        mine, name = learned.first_weights, self._metric or "loss"
        if differing := self._initial_weights.differing(learned.seed, str(arm), mine):
            raise RunFailed("the comparison", f"the first weights of {arm}", differing)
        if learned.value is None:
            raise NonFiniteLoss(str(arm), "its evaluation", f"{name} is beyond numbers")
        return learned.value


def _learn(subject: Subject, recorder: Recorder | None, metric: str | None) -> _Learned:
    """Train a subject to its end."""
    first_weights = subject.first_weights(subject.plan())
    outcome = train_fresh(subject, "serial", (metric,) if metric else (), recorder)
    name, statistics = metric or "loss", outcome.statistics
    return _Learned(
        statistics.decisive.get(name),
        _curve(statistics, name),
        subject.spec.seed,
        first_weights,
        outcome.weights_sha256,
    )


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
