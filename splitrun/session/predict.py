"""Predictions of a run's saved model for rows that it has never seen, without labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from splitrun.data import Join
from splitrun.plan import EVALUATION_BATCH_ROWS
from splitrun.session.inputs import Inputs
from splitrun.session.predictions import Predictions
from splitrun.session.trained import TrainedModel, Unseen, unseen_of


@dataclass(frozen=True)
class Predicted:
    """What a saved model makes of new rows."""

    status: str
    """Of the run; see `TrainedModel.status`."""
    predictions: Predictions
    unseen: Unseen
    join: Join | None
    """How the rows of several files belong together; None where there is one without a key."""


def predict(
    path: Path,
    inputs: Inputs,
    *,
    batch_rows: int = EVALUATION_BATCH_ROWS,
    allow_code: bool = False,
) -> Predicted:
    """What the model of a run says of the rows of other files.

    The files are read, encoded and joined as those of the training were. With the default
    `batch_rows`, rows in the order of the held-out ones get their predictions bit for bit.

    Args:
        path: the run's directory.
        batch_rows: rows that are computed at once; other numbers may round otherwise.
        allow_code: import and run the classes that the run's spec names.

    Raises:
        RunDirectoryError: not a run directory, or one without a sound model.
        DataError: a file that is missing, damaged, or not what the model was trained on.
        UsageError: a party without a file, or a file without a party.
        RunFailed: a module fails, or what comes of the rows is not finite.
    """
    model = TrainedModel.open(path, allow_code=allow_code)
    parties = model.given(inputs, "unlabelled")
    outputs = model.apply(parties, batch_rows=batch_rows).outputs
    return Predicted(
        status=model.status,
        predictions=Predictions.of(parties, outputs, "unlabelled"),
        unseen=unseen_of(parties),
        join=parties.join,
    )
