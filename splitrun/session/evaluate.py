"""A saved model, evaluated again: the same batches through the same program give the same bits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from splitrun.errors import RunDirectoryError, UsageError
from splitrun.files import is_something
from splitrun.model import evaluate
from splitrun.records.run import Manifest, fate, way_on
from splitrun.runtime import Observer, find_runtime
from splitrun.session.job import job_of
from splitrun.session.prepare import prepare
from splitrun.session.run_directory import RunDirectory
from splitrun.session.store import check_data, load_encoder, load_weights


@dataclass(frozen=True)
class Evaluation:
    """What a saved model makes of the held-out rows."""

    status: str
    """Of the run: `done`, or `interrupted` for a model whose training was not finished, and so on;
    see `splitrun.records.run.fate`."""
    metrics: dict[str, float | None]
    at_the_end: Mapping[str, float | None]
    """What the training found at its end; empty where it was not finished."""
    row_ids: Tensor
    """Rows of the source, int64 `[rows]`."""
    predictions: Tensor
    """Probabilities or values, float32 `[rows, outputs]`."""
    classes: tuple[str, ...]
    """Label values in the order of the outputs; empty for regression."""

    @property
    def differing(self) -> tuple[str, ...]:
        """Metrics that are others than at the end of the training."""
        known = self.at_the_end
        return tuple(
            name
            for name in self.metrics
            if self.metrics[name] != known.get(name, self.metrics[name])
        )


def _at_the_end(manifest: Manifest) -> Mapping[str, float | None]:
    if manifest.status != "done" or manifest.result is None:
        return {}
    return manifest.result.metrics.get("test", {})


def evaluate_run(
    path: Path, *, data_dir: Path | None = None, allow_code: bool = False
) -> Evaluation:
    """Evaluate the model of a run on the rows that were held out.

    Args:
        data_dir: where known datasets are looked up first.
        allow_code: import and run the classes that the run's spec names.

    Raises:
        RunDirectoryError: not a run directory, or one without a sound model.
        UsageError: its data cannot be read, or no rows were held out.
    """
    directory = RunDirectory.open(path)
    manifest = directory.manifest()
    status = fate(path, manifest.status)
    if status == "killed" and not is_something(directory.model):
        killed = f"{path}: the run was killed before it had a model"
        raise RunDirectoryError(f"{killed}; {way_on(path, manifest)}")
    document = directory.document()
    experiment = prepare(
        document,
        directory=Path(manifest.directory),
        data_dir=data_dir,
        encoders={party: load_encoder(directory.model, party) for party in document.spec.parties},
        allow_code=allow_code,
    )
    check_data(directory.model, experiment.parties)
    spec, plan = document.spec, experiment.plan.evaluation()
    if not plan.evaluation_batches:
        raise UsageError(f"{path}: no rows were held out; train with dataset.test_fraction above 0")
    metrics = spec.training.metrics or spec.top.loss.default_metrics
    outputs: list[Tensor] = []
    found: dict[str, float | None] = {}

    def score(output: Tensor, labels: Tensor) -> dict[str, float | None]:
        outputs.append(output)
        found.update(evaluate(spec.top.loss, metrics, output, labels))
        return found

    job = job_of(experiment.parties, plan)
    load_weights(directory.model, {name: work.stage for name, work in job.roles.items()})
    top = replace(job.roles[plan.top.name], score=score)
    roles = {**job.roles, plan.top.name: top}
    find_runtime("serial")(replace(job, roles=roles, deadline=None, digests=False), Observer())
    return Evaluation(
        status=status,
        metrics=found,
        at_the_end=_at_the_end(manifest),
        row_ids=experiment.parties.label_holder.data.test_ids,
        predictions=spec.top.loss.predictions(outputs[0]),
        classes=experiment.parties.label_holder.data.classes,
    )
