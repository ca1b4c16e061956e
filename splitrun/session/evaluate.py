"""How good a saved model is: its metrics on the rows that were held out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from splitrun.errors import UsageError
from splitrun.party import Parties
from splitrun.records.run import Manifest
from splitrun.session.store import check_data
from splitrun.session.trained import TrainedModel


@dataclass(frozen=True)
class Evaluation:
    """What a saved model makes of the held-out rows."""

    status: str
    """Of the run; see `TrainedModel.status`."""
    metrics: dict[str, float | None]
    at_the_end: Mapping[str, float | None]
    """What the training found at its end; empty where it was not finished."""
    row_ids: Tensor
    """Rows of the source, int64 `[rows]`."""
    predictions: Tensor
    """Probabilities, float32 `[rows, outputs]`; or numbers in the label's own units, float64 where
    the model was trained on standardised ones."""
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
    model = TrainedModel.open(path, allow_code=allow_code)
    spec = model.spec
    with model.document.located():
        parties = Parties.load(spec, model.directory, data_dir=data_dir, encoders=model.encoders)
    check_data(model.shards, parties)
    data = parties.label_holder.data
    if not len(data.test_ids):
        raise UsageError(f"{path}: no rows were held out; train with dataset.test_fraction above 0")
    metrics = spec.training.metrics or spec.top.loss.default_metrics
    outputs, found = model.apply(parties, metrics)
    return Evaluation(
        status=model.status,
        metrics=found,
        at_the_end=_at_the_end(model.manifest),
        row_ids=data.test_ids,
        predictions=data.restored(spec.top.loss.predictions(outputs)),
        classes=data.classes,
    )


def _at_the_end(manifest: Manifest) -> Mapping[str, float | None]:
    if manifest.status != "done" or manifest.result is None:
        return {}
    return manifest.result.metrics.get("test", {})
