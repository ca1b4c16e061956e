"""Commands about a run that was made: `splitrun eval`, `watch`, `trace` and `report`."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from splitrun.cli.options import AllowCode, DataDir, Json, own_stdout
from splitrun.cli.output import echo, echo_json, followed
from splitrun.cli.streams import printed
from splitrun.records.run import stand
from splitrun.units import SCREEN

if TYPE_CHECKING:
    from splitrun.report.trace import Steps
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
        from splitrun.units import SCREEN

        echo(f"{run_dir}\n  test     {SCREEN.metrics(evaluation.metrics)}")


def _write(evaluation: Evaluation, path: Path) -> None:
    from splitrun.data.sources.csv import csv_cell
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


def watch(
    run_dir: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="A run's directory, or a comparison's arms/ARM."),
    ],
    replay: Annotated[
        float | None,
        typer.Option(
            "--replay",
            metavar="SPEED",
            help="Show the run from its beginning, so many times as fast as it was; 1 is as fast.",
        ),
    ] = None,
) -> None:
    """Show a run's dashboard: what it is at now, until it ends or Ctrl-C; of a run that is over,
    the last frame. Without a terminal, one frame is printed.
    """
    from splitrun.cli.output import Console
    from splitrun.dashboard.live import watch as watch_run

    if replay is not None and not 0 < replay < float("inf"):
        raise typer.BadParameter("must be a positive number, such as 10", param_hint="--replay")
    watch_run(run_dir, Console(), replay)


_LARGE_BYTES = 512 << 20
"""Viewers hold a trace in memory, several times over."""


def trace(
    directory: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run's directory, or a comparison's arms/ARM.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            metavar="FILE",
            help="Where it is written; default: trace.json in the directory.",
        ),
    ] = None,
    steps: Annotated[
        str | None,
        typer.Option(
            "--steps", metavar="A:B", help="Only the time of steps A to B-1; either may be absent."
        ),
    ] = None,
) -> None:
    """Write what happened in a run as a timeline for ui.perfetto.dev or chrome://tracing."""
    from splitrun.report.trace import write_trace

    path = followed(output) if output else directory / "trace.json"
    written = write_trace(directory, path, None if steps is None else _parsed(steps))
    if written.missing_events:
        echo(f"note: {written.missing_events:,} events of the run's middle are not kept", err=True)
    if written.attempt > 1:
        echo(
            f"note: this is attempt {written.attempt} of the run, "
            f"from step {written.first_step:,} on; "
            f"for earlier ones: splitrun trace {directory}/attempts/1, …",
            err=True,
        )
    status, message = stand(directory)
    if status == "killed":
        echo(f"note: the run was killed; {message}", err=True)
    if written.bytes > _LARGE_BYTES:
        size = SCREEN.size(written.bytes)
        echo(f"warning: {size} is a lot for a viewer; cut with --steps A:B", err=True)
    with printed(path):
        echo(path)


def _parsed(text: str) -> Steps:
    from splitrun.report.trace import Steps

    numbers = re.fullmatch(r"(\d*):(\d*)", text)
    if numbers is not None:
        start, stop = int(numbers[1] or 0), int(numbers[2]) if numbers[2] else None
        if stop is None or start < stop:
            return Steps(start, stop)
    raise typer.BadParameter(
        "must be two numbers, the second one larger, such as 100:120", param_hint="--steps"
    )


def report(
    path: Annotated[
        Path, typer.Argument(metavar="RUN", help="The directory of a run or of a comparison.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            metavar="FILE",
            help="Where it is written; default: report.html in that directory.",
        ),
    ] = None,
) -> None:
    """Write a page that shows where the time went and what came out; it opens offline."""
    from splitrun.report.write import write

    page = write(path, followed(output) if output else None)
    with printed(page):
        echo(str(page))
