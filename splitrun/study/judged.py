"""One training of a valuation: what its model makes of the rows that decide, and of the same rows
with columns permuted among them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from splitrun.events import EvaluatedRows
from splitrun.model import evaluate, intra_op_threads
from splitrun.party import Parties, Party
from splitrun.plan import Plan
from splitrun.seeds import derive_seed
from splitrun.session.job import job_of
from splitrun.session.trained import outputs_of
from splitrun.spec import is_falling
from splitrun.study.gains import Rows, estimate_gain, row_groups, scores
from splitrun.study.intervals import Floats
from splitrun.study.statistics import MeanEstimate
from splitrun.study.training import Recorder, Subject, train_fresh

Column = tuple[str, str | None]
"""A party and one of its columns; None: all of them together."""


def columns_of(parties: Parties) -> Iterator[Column]:
    """All that can be permuted."""
    for party in parties:
        if (features := party.data.encoder.features) is not None:
            yield party.name, None
            yield from ((party.name, name) for name in features.places)


@dataclass(frozen=True)
class Judged:
    """What one training came to."""

    seed: int
    scores: Floats
    """See `gains.scores`."""
    permuted: Mapping[Column, Floats]
    """The scores where columns are permuted, each the mean over repeats; empty without a party."""
    weights_sha256: str


def judged(
    subject: Subject,
    recorder: Recorder | None,
    metrics: Sequence[str],
    metric: str,
    known: str | None,
    repeats: int,
    permutes: bool,  # noqa: FBT001 - a task's argument
) -> Judged:
    """Train a subject to its end, and judge it.

    Args:
        metrics: of evaluations on the way.
        metric: that it is judged by.
        known: see `Judge.of`.
        repeats: permutations of each column.
        permutes: whether there are any.
    """
    judge = Judge.of(subject.parties, metric, known)
    model, weights_sha256 = _trained(subject, metrics, judge.ids, recorder)
    permuted = {}
    for column in columns_of(subject.parties) if permutes else ():
        shuffled = [model.permuted(column, it) for it in range(repeats)]
        permuted[column] = np.mean([judge.scores(it) for it in shuffled], axis=0)
    return Judged(model.plan.seed, judge.scores(model.outputs()), permuted, weights_sha256)


@dataclass(frozen=True)
class Judge:
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
    def of(cls, parties: Parties, metric: str, known: str | None) -> Judge:
        """Who tells by this metric; `known` where it is one of the spec's, and not the loss."""
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

    def permuted(self, column: Column, repeat: int) -> Tensor:
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
    subject: Subject, metrics: Sequence[str], ids: Tensor, recorder: Recorder | None
) -> tuple[_Model, str]:
    """The model that is trained, to be judged on these samples, and the digest of its weights."""
    plan = subject.plan()
    outcome = train_fresh(subject, "serial", metrics, recorder)
    facts = replace(plan.facts, validation_rows=0, test_rows=len(ids))
    evaluates = replace(plan, facts=facts).evaluation()
    model = _Model(subject.parties.with_evaluated(ids), evaluates, outcome.modules)
    return model, outcome.weights_sha256
