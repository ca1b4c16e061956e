"""What the arms learn: whole trainings over paired seeds.

Weights depend neither on the runtime nor on links nor on emulated hardware. So these trainings have
no links and no emulated hardware, and run serially, which is fast; what they end with is what the
real run would end with, bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from splitrun.data import Data
from splitrun.errors import NonFiniteLoss, RunFailed, UsageError
from splitrun.model import evaluate
from splitrun.session.run_statistics import RunStatistics
from splitrun.spec import Spec
from splitrun.spec.contracts import Metric
from splitrun.study.arms import BASELINE, Arm
from splitrun.study.timing import Watcher
from splitrun.study.training import InitialWeights, Subject, train_fresh

_SEEDS = 2**32
"""A seed is less than this."""


Curve = Mapping[int, float]
"""The metric at every evaluation, by the epochs trained until then."""


@dataclass
class Scores:
    """Of one arm, one value a seed."""

    values: list[float] = field(default_factory=list)
    """At the end."""
    curves: dict[int, Curve] = field(default_factory=dict)
    """By seed."""
    weights_sha256: list[str] = field(default_factory=list)


def score(
    subjects: Mapping[Arm, Subject], metric: Metric | None, seeds: int, watcher: Watcher
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
    scores = {arm: Scores() for arm in subjects}
    beginnings = InitialWeights()
    for index in range(seeds):
        for arm in tuple(scores):
            watcher.tell(f"metric: seed {index + 1} of {seeds}, {arm}")
            bare = subjects[arm].under(_bare(subjects[arm].spec, index))
            seed = bare.spec.seed
            if differing := beginnings.differing(seed, str(arm), bare.first_weights(bare.plan())):
                raise RunFailed("the comparison", f"the first weights of {arm}", differing)
            try:
                outcome = train_fresh(bare, "serial", (metric,) if metric else ())
                value = outcome.statistics.test.get(name)
                if value is None:
                    raise NonFiniteLoss(str(arm), "its evaluation", f"{name} is beyond numbers")
            except NonFiniteLoss as error:
                if arm == BASELINE:
                    raise
                watcher.tell(f"left out {arm}: {error}")
                del scores[arm]
                continue
            scores[arm].values.append(value)
            scores[arm].curves[seed] = _curve(outcome.statistics, name)
            scores[arm].weights_sha256.append(outcome.weights_sha256)
            watcher.scored(arm, scores[arm])
    return scores


def refuse_undefined(spec: Spec, data: Data, metric: Metric) -> None:
    """Refuse a metric that no outputs have on the held-out rows: AUROC where one class occurs.

    Raises:
        UsageError: it is such a one.
    """
    assert data.labels is not None  # it is the label holder's
    labels = data.labels[data.test_ids]
    outputs = torch.zeros(len(labels), spec.top.loss.width(len(data.classes)) or 1)
    if evaluate(spec.top.loss, (metric,), outputs, labels)[metric] is None:
        message = f"{metric} is not defined on the held-out rows"
        raise UsageError(f"{message}; name another --metric, or hold out more rows")


def _curve(statistics: RunStatistics, metric: str) -> Curve:
    values = ((record.epoch, record.test.get(metric)) for record in statistics.history)
    return {epoch: value for epoch, value in values if value is not None}


def _bare(spec: Spec, index: int) -> Spec:
    """Without links and emulated hardware, at the seed of this index."""
    parties = {
        name: party.model_copy(update={"compute": None}) for name, party in spec.parties.items()
    }
    top = spec.top.model_copy(update={"compute": None})
    seed = (spec.seed + index) % _SEEDS
    return spec.model_copy(update={"links": {}, "parties": parties, "top": top, "seed": seed})
