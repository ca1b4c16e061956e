"""What the arms learn: whole trainings over paired seeds.

Weights depend neither on the runtime nor on links nor on emulated hardware. So these trainings have
no links and no emulated hardware, and run serially, which is fast; what they end with is what the
real run would end with, bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from splitrun.errors import NonFiniteLoss, UsageError
from splitrun.session.ledger import Ledger
from splitrun.spec import Spec
from splitrun.spec.model import Metric
from splitrun.study.arms import BASELINE, Arm
from splitrun.study.training import Subject, train_fresh
from splitrun.study.watcher import Watcher

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
        RunFailed: a role failed; or the baseline diverged.
        UsageError: the held-out rows do not define the metric.
    """
    name = metric or "loss"
    scores = {arm: Scores() for arm in subjects}
    for index in range(seeds):
        for arm in tuple(scores):
            watcher.tell(f"metric: seed {index + 1} of {seeds}, {arm}")
            bare = replace(subjects[arm], spec=_bare(subjects[arm].spec, index))
            try:
                outcome = train_fresh(bare, "serial", (metric,) if metric else ())
            except NonFiniteLoss as error:
                if arm == BASELINE:
                    raise
                watcher.tell(f"left out {arm}: {error}")
                del scores[arm]
                continue
            value = outcome.ledger.test.get(name)
            if value is None:
                message = f"{metric} is not defined on the held-out rows"
                raise UsageError(f"{message}; name another --metric, or hold out more rows")
            scores[arm].values.append(value)
            scores[arm].curves[bare.spec.seed] = _curve(outcome.ledger, name)
            scores[arm].weights_sha256.append(outcome.weights_sha256)
    return scores


def _curve(ledger: Ledger, metric: str) -> Curve:
    evaluations = [record for record in ledger.history if "test" in record]
    return {
        record["epoch"]: record["test"][metric]
        for record in evaluations
        if record["test"][metric] is not None
    }


def _bare(spec: Spec, index: int) -> Spec:
    """Without links and emulated hardware, at the seed of this index."""
    parties = {
        name: party.model_copy(update={"compute": None}) for name, party in spec.parties.items()
    }
    top = spec.top.model_copy(update={"compute": None})
    seed = (spec.seed + index) % _SEEDS
    return spec.model_copy(update={"links": {}, "parties": parties, "top": top, "seed": seed})
