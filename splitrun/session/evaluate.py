"""How good a saved model is: its metrics on the rows that were held out, or on those of other
files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from splitrun.data import Join
from splitrun.errors import UsageError
from splitrun.events import Classification, EvaluatedRows
from splitrun.records.run import Manifest
from splitrun.session.inputs import Inputs
from splitrun.session.predictions import Predictions
from splitrun.session.store import check_data
from splitrun.session.trained import TrainedModel, Unseen, unseen_of
from splitrun.spec import metrics_of


@dataclass(frozen=True)
class Evaluation:
    """What a saved model makes of rows with labels."""

    status: str
    """Of the run; see `TrainedModel.status`."""
    metrics: Mapping[str, float | None]
    """Of the held-out rows, or those of other files."""
    validation: Mapping[str, float | None]
    """Of the rows that decisions rested on, where there are some."""
    at_the_end: Mapping[str, float | None]
    """What the training found at its end for the same rows; empty where it was not finished, and
    for other rows."""
    classes: Mapping[EvaluatedRows, Classification]
    """Of both, `test` and `validation`, what is found class by class, where there are classes."""
    predictions: Predictions
    """With the labels beside them."""
    unseen: Unseen
    join: Join | None
    """How the rows of several files belong together; None where there is one without a key."""

    @property
    def differing(self) -> tuple[str, ...]:
        """Metrics that are others than at the end of the training."""
        known = self.at_the_end
        return tuple(
            name
            for name in self.metrics
            if self.metrics[name] != known.get(name, self.metrics[name])
        )


def evaluate_run(
    path: Path,
    inputs: Inputs | None = None,
    *,
    data_dir: Path | None = None,
    allow_code: bool = False,
) -> Evaluation:
    """Evaluate the model of a run on the rows that were held out, or on all rows of other files.

    Args:
        path: the run's directory.
        inputs: the other files.
        data_dir: where known datasets are looked up first.
        allow_code: import and run the classes that the run's spec names.

    Raises:
        RunDirectoryError: not a run directory, or one without a sound model.
        UsageError: its data, or the other files, cannot be read, or no rows were held out.
    """
    model = TrainedModel.open(path, allow_code=allow_code)
    spec, at_the_end = model.spec, _at_the_end(model.manifest)
    if inputs is not None:
        parties, at_the_end = model.given(inputs, "labelled"), {}
    else:
        parties = model.parties(data_dir)
        check_data(model.shards, parties)
    data = parties.label_holder.data
    if not len(data.test_ids) + len(data.validation_ids):
        raise UsageError(f"{path}: no rows were held out; train with dataset.test_fraction above 0")
    applied = model.apply(parties, metrics_of(spec))
    return Evaluation(
        status=model.status,
        metrics=applied.metrics.get("test", {}),
        validation=applied.metrics.get("validation", {}),
        at_the_end=at_the_end,
        classes=applied.classes,
        predictions=Predictions.of(
            parties, applied.outputs, "labelled" if inputs is not None else None
        ),
        unseen=unseen_of(parties),
        join=parties.join,
    )


def _at_the_end(manifest: Manifest) -> Mapping[str, float | None]:
    if manifest.status != "done" or manifest.result is None:
        return {}
    return manifest.result.metrics.get("test", {})
