"""`value`: what each party's columns bring, and what they take.

Two questions, each with an answer of its own. *What would be lost without the party?* Models are
trained with all parties and without each partner, at the same seeds, on the same rows. *What does
the model use?* The party's rows, or one of its columns, are permuted among the evaluated rows, so
that they fit nothing else any more, and the models of all parties are evaluated again (Breiman,
"Random forests", Machine Learning 45, 2001). What several parties know is little loss without one
of them, though the model may use it a lot.

Leaving a partner out leaves the samples as they are, though without it more rows might be in
common: a difference is then of the columns alone. As in `quality`, there are no links and no
emulated hardware in these trainings, which change no weights.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from splitrun.data import Join
from splitrun.errors import NonFiniteLoss, UsageError
from splitrun.files import append_text
from splitrun.plan import Plan
from splitrun.records.comparison import MeasuredTraining
from splitrun.runtime.clock import frozen
from splitrun.session import Experiment
from splitrun.session.prepare import Tell
from splitrun.simulate import predict
from splitrun.spec import is_falling, metrics_of
from splitrun.study.directory import MEASURED
from splitrun.study.executors import Executor, InProcess, Task
from splitrun.study.gains import estimate_gain
from splitrun.study.intervals import Floats
from splitrun.study.judged import Column, Judge, Judged, columns_of, judged
from splitrun.study.scoring import bare, refuse_undefined
from splitrun.study.training import Subject
from splitrun.study.valuation import Cost, PartyValue, Valuation


@dataclass(frozen=True)
class ValueSettings:
    """How to value."""

    seeds: int = 5
    """Trainings of each kind: with all parties, and without each."""
    repeats: int = 5
    """Permutations of a party's rows, and of each column's, for each seed."""


@dataclass(frozen=True)
class ValueArms:
    """What is trained: by the partner that is left out, where there is something left to learn
    from, and for None with all parties."""

    experiment: Experiment
    subjects: Mapping[str | None, Subject]
    plans: Mapping[str | None, Plan]
    """Over the spec's links."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """What evaluations come to beside the loss; the first is the one that counts unless another
        is asked for."""
        return metrics_of(self.experiment.parties.spec)


def line_up(experiment: Experiment) -> ValueArms:
    """What a valuation trains, checked before anything is.

    Args:
        experiment: with probed costs.

    Raises:
        UsageError: no rows are held out, there is no partner with columns, or a model cannot be
            trained without one.
    """
    parties, plan = experiment.parties, experiment.plan
    if not plan.facts.evaluated_rows:
        remedy = "hold some out, by dataset.test_fraction"
        raise UsageError(f"no rows are held out, so nothing tells what columns bring; {remedy}")
    partners = [it.party for it in plan.bottoms if it.party != parties.spec.top.party]
    if not partners:
        remedy = "give another party a bottom"
        raise UsageError(f"no party but the label holder has columns to be valued; {remedy}")
    subjects: dict[str | None, Subject] = {None: Subject(parties).with_facts_of(plan)}
    plans: dict[str | None, Plan] = {None: plan}
    for party in partners if len(plan.bottoms) > 1 else ():
        subject = Subject(parties.without(party))
        try:
            plans[party] = subject.plan()
            subject.first_weights(plans[party])  # what does not fit is told before any training
        except UsageError as error:
            raise UsageError(f"without {party}, the models cannot be trained: {error}") from error
        subjects[party] = subject.with_facts_of(plans[party])
    return ValueArms(experiment, subjects, plans)


@frozen()
def value(
    arms: ValueArms,
    settings: ValueSettings,
    metric: str | None,
    directory: Path,
    tell: Tell,
    executor: Executor | None = None,
) -> Valuation:
    """Train with all parties and without each partner, permute, and judge.

    Args:
        metric: one of the spec's `training.metrics`, or `loss`; default: its first.
        directory: gets a line of every training, as they come.
        tell: told what is begun, as it is.
        executor: of trainings; default: this process.

    Raises:
        RunFailed: a role failed, or a training diverged.
        UsageError: the rows that decide do not define the metric.
        OSError: the directory cannot be written.
    """
    name = metric or arms.metrics[0]
    known = next((each for each in arms.metrics if each == name), None)
    parties = arms.experiment.parties
    if known is not None:
        refuse_undefined(parties.label_holder, known)
    judge = Judge.of(parties, name, known)
    found: dict[str | None, list[Floats]] = {left_out: [] for left_out in arms.subjects}
    permuted: dict[Column, list[Floats]] = {column: [] for column in columns_of(parties)}
    tasks = _tasks(arms, settings, (name, known, settings.repeats), tell)
    with closing((executor or InProcess()).outcomes(parties, tasks, tell)) as outcomes:
        for outcome in outcomes:
            left_out, arm = outcome.key, _arm(outcome.key)
            model = outcome.result()
            found[left_out].append(model.scores)
            score = float(model.scores[0])
            if not math.isfinite(score):
                raise NonFiniteLoss(arm, "its evaluation", f"{name} is beyond numbers")
            line = _line(arm, model.seed, name, score, model.weights_sha256)
            append_text(directory / MEASURED, line)
            for column, scores in model.permuted.items():
                permuted[column].append(scores)
    with_all = np.array(found[None])
    gains = {it: judge.estimate(with_all, each) for it, each in found.items() if it}
    importances = {it: judge.estimate(with_all, each) for it, each in permuted.items()}
    return Valuation(
        metric=name,
        is_falling=is_falling(parties.spec, name),
        decided_on=judge.decided_on,
        evaluated_rows=len(judge.ids),
        train_rows=arms.experiment.plan.facts.train_rows,
        with_all=estimate_gain(with_all),
        parties=[
            PartyValue(
                party=party.name,
                gain=gains.get(party.name),
                importance=importances[party.name, None],
                columns={name: importances[party.name, name] for name in features.places},
                cost=None if party.holds_label else _cost(arms, party.name),
                more_rows=more_rows(parties.join, party.name),
            )
            for party in parties
            if (features := party.data.encoder.features) is not None
        ],
    )


def _tasks(
    arms: ValueArms, settings: ValueSettings, judged_by: tuple[str, str | None, int], tell: Tell
) -> Iterator[Task[str | None, Judged]]:
    """Seed by seed a training with all parties, and without each partner."""
    for index in range(settings.seeds):
        for left_out, subject in arms.subjects.items():
            tell(f"seed {index + 1} of {settings.seeds}, {_arm(left_out)}")
            seeded = subject.under(bare(subject.spec, index))
            name = f"{_arm(left_out)} at seed {seeded.spec.seed}"
            arguments = (arms.metrics, *judged_by, left_out is None)
            yield Task(left_out, name, seeded, judged, arguments)


def _arm(left_out: str | None) -> str:
    return f"without {left_out}" if left_out else "all"


def _line(arm: str, seed: int, metric: str, score: float, weights_sha256: str) -> str:
    """A training, as a line of a file."""
    line = MeasuredTraining(
        arm=arm, seed=seed, metric=metric, value=score, curve={}, weights_sha256=weights_sha256
    )
    return msgspec.json.encode(line).decode() + "\n"


def _cost(arms: ValueArms, party: str) -> Cost:
    costs, runtime = arms.experiment.costs, arms.experiment.document.spec.runtime.type
    assert costs is not None  # they were probed
    plans = [arms.plans[None], *filter(None, [arms.plans.get(party)])]
    epoch_s = [predict(plan, costs, runtime).train_s / plan.epochs for plan in plans]
    return Cost(
        bytes_per_epoch=bytes_per_epoch(plans[0], party),
        epoch_s=epoch_s[0],
        epoch_without_s=epoch_s[1] if len(plans) > 1 else None,
    )


def bytes_per_epoch(plan: Plan, partner: str) -> int:
    """Bytes of cuts and gradients between a partner and the label holder, both ways."""
    own = {role.name for role in plan.roles if role.party == partner}
    channels = [it for it in plan.channels if own & {it.source, it.target}]
    return plan.facts.train_rows * sum(map(plan.bytes_per_row, channels))


def more_rows(join: Join | None, partner: str) -> int:
    """How many samples more there would be if they did not have to have a row at this partner."""
    if join is None or partner not in join.lone:
        return 0
    others = [rows for party, rows in join.lone.items() if party != partner]
    lacking = np.unique(np.concatenate(others)) if others else ()
    return int((~np.isin(join.lone[partner], lacking)).sum())
