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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import torch
from torch import Tensor, nn

from splitrun.data import Join
from splitrun.errors import NonFiniteLoss, UsageError
from splitrun.events import EvaluatedRows
from splitrun.files import append_text
from splitrun.model import evaluate, intra_op_threads
from splitrun.party import Parties, Party
from splitrun.plan import Plan
from splitrun.records.comparison import MeasuredTraining
from splitrun.runtime.clock import frozen
from splitrun.seeds import derive_seed
from splitrun.session import Experiment
from splitrun.session.job import job_of
from splitrun.session.prepare import Tell
from splitrun.session.trained import outputs_of
from splitrun.simulate import predict
from splitrun.spec import is_falling, metrics_of
from splitrun.study.directory import MEASURED
from splitrun.study.gains import Rows, estimate_gain, row_groups, scores
from splitrun.study.intervals import Floats
from splitrun.study.quality import bare, refuse_undefined
from splitrun.study.statistics import MeanEstimate
from splitrun.study.training import Subject, train_fresh
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
    arms: ValueArms, settings: ValueSettings, metric: str | None, directory: Path, tell: Tell
) -> Valuation:
    """Train with all parties and without each partner, permute, and judge.

    Args:
        metric: one of the spec's `training.metrics`, or `loss`; default: its first.
        directory: gets a line of every training, as they come.
        tell: told what is begun, as it is.

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
    judge = _Judge.of(parties, name, known)
    found: dict[str | None, list[Floats]] = {left_out: [] for left_out in arms.subjects}
    permuted: dict[_Column, list[Floats]] = {column: [] for column in _columns(parties)}
    for index in range(settings.seeds):
        for left_out, subject in arms.subjects.items():
            arm = f"without {left_out}" if left_out else "all"
            tell(f"seed {index + 1} of {settings.seeds}, {arm}")
            model, weights_sha256 = _trained(subject, index, arms.metrics, judge.ids)
            found[left_out].append(judge.scores(model.outputs()))
            score = float(found[left_out][-1][0])
            if not math.isfinite(score):
                raise NonFiniteLoss(arm, "its evaluation", f"{name} is beyond numbers")
            line = _line(arm, model.plan.seed, name, score, weights_sha256)
            append_text(directory / MEASURED, line)
            if left_out is not None:
                continue
            for column, each in permuted.items():
                shuffled = [model.permuted(column, it) for it in range(settings.repeats)]
                each.append(np.mean([judge.scores(it) for it in shuffled], axis=0))
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


def _line(arm: str, seed: int, metric: str, score: float, weights_sha256: str) -> str:
    """A training, as a line of a file."""
    line = MeasuredTraining(
        arm=arm, seed=seed, metric=metric, value=score, curve={}, weights_sha256=weights_sha256
    )
    return msgspec.json.encode(line).decode() + "\n"


_Column = tuple[str, str | None]
"""A party and one of its columns; None: all of them together."""


def _columns(parties: Parties) -> Iterator[_Column]:
    for party in parties:
        if (features := party.data.encoder.features) is not None:
            yield party.name, None
            yield from ((party.name, name) for name in features.places)


@dataclass(frozen=True)
class _Judge:
    """Tells what models make of the rows that decide."""

    parties: Parties
    metric: str
    metrics: tuple[str, ...]
    """That have to be computed for it: itself, or none for the loss."""
    decided_on: EvaluatedRows
    ids: Tensor
    """int64 [rows], the samples that decide."""
    groups: Rows
    """Of rows, see `gains.row_groups`."""

    @classmethod
    def of(cls, parties: Parties, metric: str, known: str | None) -> _Judge:
        data = parties.label_holder.data
        decided_on: EvaluatedRows = "validation" if len(data.validation_ids) else "test"
        ids = data.parts[decided_on]
        metrics = (known,) if known else ()
        return cls(parties, metric, metrics, decided_on, ids, row_groups(len(ids)))

    def scores(self, outputs: Tensor) -> Floats:
        """The metric of the top's outputs, see `gains.scores`."""
        holder = self.parties.label_holder
        data, loss, figures = holder.data, holder.loss, holder.own_figures
        assert data.labels is not None  # it is the label holder's
        labels = data.labels[self.ids]
        weights = None if data.weights is None else data.weights[self.ids]

        def score(rows: Rows) -> float | None:
            at = torch.from_numpy(rows)
            own = None if weights is None else weights[at]
            rows_of = (outputs[at], labels[at], own)
            found = evaluate(loss, self.metrics, *rows_of, unit=data.label_unit, own=figures)
            return found[self.metric]

        with intra_op_threads(self.parties.spec.runtime.intra_op_threads):
            return scores(score, self.groups)

    def estimate(self, with_it: Floats, without: Sequence[Floats]) -> MeanEstimate:
        """How much better the first is, seed by seed."""
        gains = with_it - np.array(without)
        return estimate_gain(-gains if is_falling(self.parties.spec, self.metric) else gains)


@dataclass(frozen=True)
class _Model:
    """A trained model, and the samples that it is judged on."""

    parties: Parties
    """With these samples alone."""
    plan: Plan
    """That evaluates once."""
    modules: Mapping[str, nn.Module]

    def outputs(self) -> Tensor:
        """The top's, [rows, ...]."""
        return outputs_of(job_of(self.parties, self.plan, modules=self.modules))[0][0]

    def permuted(self, column: _Column, repeat: int) -> Tensor:
        """The top's outputs where these columns have each other's rows."""
        name, own = column
        party = self.parties.by_name[name]
        rows = len(party.data.test_ids)
        stream = derive_seed("permutation", self.plan.seed, name, own or "", repeat)
        order = torch.randperm(rows, generator=torch.Generator().manual_seed(stream))
        by_name = {**self.parties.by_name, name: _permuted(party, own, order)}
        return replace(self, parties=replace(self.parties, by_name=by_name)).outputs()


def _permuted(party: Party, column: str | None, order: Tensor) -> Party:
    """A party one of whose columns, or all, have their rows in another order."""
    features = list(party.data.features)
    if column is None:
        features = [tensor[order] for tensor in features]
    else:
        assert party.data.encoder.features is not None  # it has columns
        index, columns = party.data.encoder.features.places[column]
        features[index] = features[index].clone()
        features[index][:, columns] = party.data.features[index][order, columns]
    return replace(party, data=replace(party.data, features=tuple(features)))


def _trained(
    subject: Subject, index: int, metrics: Sequence[str], ids: Tensor
) -> tuple[_Model, str]:
    """The model that is trained at the seed of this index, to be judged on these samples, and the
    digest of its weights."""
    subject = subject.under(bare(subject.spec, index))
    plan = subject.plan()
    outcome = train_fresh(subject, "serial", metrics)
    facts = replace(plan.facts, validation_rows=0, test_rows=len(ids))
    evaluates = replace(plan, facts=facts).evaluation()
    model = _Model(subject.parties.with_evaluated(ids), evaluates, outcome.modules)
    return model, outcome.weights_sha256


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
