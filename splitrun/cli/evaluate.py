"""`splitrun eval`: evaluate a saved model."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from splitrun.cli.options import AllowCode, DataDir, Json, own_stdout
from splitrun.cli.output import echo, echo_json

if TYPE_CHECKING:
    from splitrun.session import Evaluation


def evaluate(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN", help="The directory of one run.")],
    data_dir: DataDir = None,
    predictions: Annotated[
        Path | None,
        typer.Option("--predictions", help="Also write the held-out rows' predictions, as CSV."),
    ] = None,
    allow_code: AllowCode = False,
    json_output: Json = False,
) -> None:
    """Evaluate a run's saved model on the rows that were held out."""
    from splitrun.session import evaluate_run

    with own_stdout():
        evaluation = evaluate_run(run_dir, data_dir=data_dir, allow_code=allow_code)
    if evaluation.status != "done":
        echo(f"warning: the run is {evaluation.status}; this is its last model", err=True)
    if evaluation.differing:
        name = evaluation.differing[0]
        then, now = evaluation.at_the_end[name], evaluation.metrics[name]
        what = f"{name} is {now} and was {then} at the end of the training"
        why = "a module keeps what no model holds, or computes otherwise on this machine"
        echo(f"warning: {what}: {why}", err=True)
    if predictions is not None:
        _write(evaluation, predictions)
    if json_output:
        echo_json({"run_dir": str(run_dir), "metrics": {"test": evaluation.metrics}})
    else:
        from splitrun.dashboard import metrics_text

        echo(f"{run_dir}\n  test     {metrics_text(evaluation.metrics)}")


def _write(evaluation: Evaluation, path: Path) -> None:
    from splitrun.data.csv_text import csv_cell
    from splitrun.errors import UsageError

    outputs = evaluation.predictions.tolist()
    several = len(outputs[0]) > 1
    names = [f"probability of {name}" for name in evaluation.classes[0 if several else 1 :]]
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(map(csv_cell, ["row", *(names or ["prediction"])]))
            rows = evaluation.row_ids.tolist()
            writer.writerows([row, *output] for row, output in zip(rows, outputs, strict=True))
    except OSError as error:
        message = f"{path}: cannot be written: {error.strerror}"
        raise UsageError(f"{message}; name a file in a directory that exists") from error
