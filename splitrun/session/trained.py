"""The saved model of a run, and what it makes of rows: those that were held out, or new ones.

The rows go through the program that evaluates in training, in the serial runtime: the same batches
give the same bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from torch import Tensor

from splitrun.data import NewRows, PartyEncoder, UnseenValues
from splitrun.errors import DataError, RunDirectoryError
from splitrun.events import Classification, EvaluatedRows
from splitrun.files import is_something
from splitrun.model import classification, evaluate, intra_op_threads
from splitrun.party import Parties, merge
from splitrun.plan import EVALUATION_BATCH_ROWS, Facts, compile
from splitrun.records.run import Manifest, fate, way_on
from splitrun.runtime import Job, Observer, find_runtime
from splitrun.session.inputs import (
    Inputs,
    as_in_training,
    refuse_other_columns,
    with_inputs,
)
from splitrun.session.job import job_of
from splitrun.session.prepare import refuse_code
from splitrun.session.run_directory import RunDirectory
from splitrun.session.store import load_encoder, load_facts, load_weights
from splitrun.spec import Document, Spec
from splitrun.spec.effective import as_trained

Unseen = Mapping[str, tuple[UnseenValues, ...]]
"""By party, of those that have some, words of its columns that no training row had."""


def unseen_of(parties: Parties) -> Unseen:
    """What the parties' new rows have of it."""
    return {party.name: party.data.unseen for party in parties if party.data.unseen}


@dataclass(frozen=True)
class OpenedRun:
    """A run's directory, and what it tells of the run."""

    path: Path
    status: str
    """Of the run: `done`, or `interrupted` for a model whose training was not finished, and so on;
    see `splitrun.records.run.fate`."""
    manifest: Manifest
    document: Document

    @classmethod
    def open(cls, path: Path) -> OpenedRun:
        """One that may have a model.

        Raises:
            RunDirectoryError: not a run directory, or one that never got a model.
        """
        directory = RunDirectory.open(path)
        manifest = directory.manifest()
        status = fate(path, manifest.status)
        if status == "killed" and not is_something(directory.model):
            killed = f"{path}: the run was killed before it had a model"
            raise RunDirectoryError(f"{killed}; {way_on(path, manifest)}")
        document = directory.document()
        document = replace(document, spec=as_trained(document.spec))
        return cls(path, status, manifest, document)

    @property
    def name(self) -> str:
        """Of the directory, which tells runs apart."""
        return self.path.resolve().name

    @property
    def spec(self) -> Spec:
        """What was trained by."""
        return self.document.spec

    @property
    def directory(self) -> Path:
        """Where relative paths and custom classes of the spec are looked up."""
        return Path(self.manifest.directory)

    @property
    def shards(self) -> Path:
        """The directory with a shard for each party."""
        return RunDirectory(self.path).model


@dataclass(frozen=True)
class Applied:
    """What a model makes of rows."""

    outputs: Tensor
    """The top's, `[rows, ...]`, for held-out rows, or those of other files."""
    metrics: dict[EvaluatedRows, dict[str, float | None]] = field(default_factory=dict)
    """Of the rows that there are."""
    classes: dict[EvaluatedRows, Classification] = field(default_factory=dict)
    """Likewise, class by class, where there are classes."""


@dataclass(frozen=True)
class TrainedModel(OpenedRun):
    """The model that a run has saved, with all that applying it needs."""

    encoders: Mapping[str, PartyEncoder]
    """By party."""
    facts: Facts
    """Of the training."""

    @classmethod
    def open(cls, path: Path, *, allow_code: bool = False) -> TrainedModel:
        """That of a run's directory.

        Args:
            allow_code: import and run the classes that the run's spec names.

        Raises:
            RunDirectoryError: not a run directory, or one without a sound model.
            ModelError: classes that may not be run.
        """
        run = OpenedRun.open(path)
        document, shards = run.document, run.shards
        if not allow_code:
            with document.located():
                refuse_code(document.spec, run.directory)
        parties = document.spec.parties
        encoders = {party: load_encoder(shards, party) for party in parties}
        facts = merge(document.spec, [load_facts(shards, party) for party in parties])
        return cls(path, run.status, run.manifest, document, encoders, facts)

    def parties(self, data_dir: Path | None = None) -> Parties:
        """The parties with the rows of the training, and the split of it.

        Args:
            data_dir: where known datasets are looked up first.

        Raises:
            UsageError: their data cannot be read any more.
        """
        with self.document.located():
            return Parties.load(
                self.spec, self.directory, data_dir=data_dir, encoders=self.encoders
            )

    def given(self, inputs: Inputs, new_rows: NewRows) -> Parties:
        """The parties with all rows of other files, read and encoded as in the training.

        Raises:
            UsageError: a party without a file, or a file without a party.
            DataError: a file that is missing, damaged, or not what the model was trained on.
        """
        spec = with_inputs(self.spec, inputs, self.directory)
        try:
            refuse_other_columns(spec, inputs, self.directory, self.encoders, new_rows)
            return Parties.load(spec, self.directory, encoders=self.encoders, new_rows=new_rows)
        except DataError as error:
            raise as_in_training(error) from error

    def apply(
        self,
        parties: Parties,
        metrics: Sequence[str] | None = None,
        batch_rows: int = EVALUATION_BATCH_ROWS,
    ) -> Applied:
        """What it makes of the parties' held-out rows and, where there are some, of validation
        rows.

        Args:
            metrics: beside the loss; None for rows without labels, which have neither.
            batch_rows: rows that are computed at once.

        Raises:
            RunDirectoryError: the saved weights are damaged.
            RunFailed: a module fails, or what comes of the rows is not finite.
        """
        data = parties.label_holder.data
        validations, tests = len(data.validation_ids), len(data.test_ids)
        facts = replace(self.facts, validation_rows=validations, test_rows=tests)
        plan = compile(self.spec, facts).evaluation(batch_rows)
        with self.document.located():
            job = job_of(parties, plan)
        load_weights(self.shards, {name: work.stage.module for name, work in job.roles.items()})
        parts = outputs_of(job)
        outputs = parts[-1][0][:tests]  # of the validation rows none, where there are no others
        if metrics is None:
            return Applied(outputs)
        holder, unit, applied = parties.label_holder, data.label_unit, Applied(outputs)
        loss, own = holder.loss, holder.own_figures
        with intra_op_threads(self.spec.runtime.intra_op_threads):  # as in training
            for rows, part in zip(facts.evaluated_rows, parts, strict=True):
                applied.metrics[rows] = evaluate(loss, metrics, *part, unit=unit, own=own)
                if told := classification(loss, data.classes, *part):
                    applied.classes[rows] = told
        return applied


def outputs_of(job: Job) -> list[tuple[Tensor, Tensor, Tensor | None]]:
    """What a job that only evaluates makes of its rows, part by part: the top's outputs,
    `[rows, ...]`, the labels and, where rows differ in it, what these count for.

    Raises:
        RunFailed: a module fails, or what comes of the rows is not finite.
    """
    given: list[tuple[Tensor, Tensor, Tensor | None]] = []

    def keep(
        outputs: Tensor, labels: Tensor, weights: Tensor | None = None
    ) -> dict[str, float | None]:
        given.append((outputs, labels, weights))
        return {}

    name = job.plan.top.name
    roles = {**job.roles, name: replace(job.roles[name], score=keep, classify=None)}
    find_runtime("serial")(replace(job, roles=roles, deadline=None, digests=False), Observer())
    return given
