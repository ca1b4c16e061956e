"""Commands about a run that was made: `splitrun eval`, `watch`, `trace` and `report`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from splitrun.cli.options import AllowCode, DataDir, Json, RunDir, own_stdout, run_argument
from splitrun.cli.output import Phases, echo, echo_json, followed
from splitrun.cli.predict import STDOUT, InputFiles, parsed, tell_new, unseen_json, write
from splitrun.cli.streams import printed
from splitrun.errors import UsageError
from splitrun.units import SCREEN

if TYPE_CHECKING:
    from splitrun.report.trace import Steps


def evaluate(
    run_dir: RunDir,
    inputs: InputFiles = None,
    data_dir: DataDir = None,
    predictions: Annotated[
        Path | None,
        typer.Option(
            "--predictions",
            metavar="FILE",
            help="Also write what the model says of each row, beside its label: CSV, or Parquet if "
            "it ends in .parquet.",
        ),
    ] = None,
    allow_code: AllowCode = False,
    json_output: Json = False,
) -> None:
    """Evaluate a run's saved model on held-out or other rows.

    Without --input, these are the rows that the training held out; others need labels, too.
    """
    phases = Phases()
    phases.status("starting …")
    from msgspec import to_builtins

    from splitrun.session import evaluate_run

    if predictions == STDOUT:
        raise UsageError("--predictions -: stdout carries the metrics; name a file")
    given = parsed(inputs or ())
    phases.status("evaluating …")
    with own_stdout():
        evaluation = evaluate_run(run_dir, given, data_dir=data_dir, allow_code=allow_code)
    if evaluation.status != "done":
        echo(f"warning: the run is {evaluation.status}; this is the model it has saved", err=True)
    if evaluation.differing:
        name = evaluation.differing[0]
        then, now = evaluation.at_the_end[name], evaluation.metrics[name]
        what = f"{name} is {now} and was {then} at the end of the training"
        why = "a module keeps what no model holds, or computes otherwise on this machine"
        echo(f"warning: {what}: {why}", err=True)
    if given is not None:
        tell_new(evaluation.join, evaluation.unseen)
    if predictions is not None:
        write(evaluation.predictions, predictions)
    rows = "test" if given is None else "input"
    parts = {"validation": evaluation.validation, rows: evaluation.metrics}
    found = {part: metrics for part, metrics in parts.items() if metrics}
    if json_output:
        content: dict[str, object] = {
            "run_dir": str(run_dir),
            "metrics": found,
        }
        if evaluation.classes:
            content["classes"] = {
                {"test": rows}.get(part, part): to_builtins(told)
                for part, told in evaluation.classes.items()
            }
        if given is not None:
            told = evaluation.predictions
            content |= {"rows": len(told.keys), "evaluated": len(told.values)}
            content |= {"unseen": unseen_json(evaluation.unseen)}
        echo_json(content)
    else:
        width = max(8, *map(len, found))
        lines = (f"  {part:<{width}} {SCREEN.metrics(each)}" for part, each in found.items())
        echo("\n".join((str(run_dir), *lines)))


def watch(
    run_dir: RunDir,
    replay: Annotated[
        float | None,
        typer.Option(
            "--replay",
            metavar="SPEED",
            help="Show the run from its beginning, so many times as fast as it was; 1 is as fast.",
        ),
    ] = None,
) -> None:
    """Show a run's dashboard, now or afterwards.

    Of a comparison, give an arm's directory, such as RUN/arms/stale-4.

    It shows what the run is at, until it ends or Ctrl-C; of a run that is over, the last frame.
    Without a terminal, one frame is printed.
    """
    from splitrun.cli.console import Console
    from splitrun.dashboard.keys import keyboard_of_stdin
    from splitrun.dashboard.watching import watch as watch_run

    if replay is not None and not 0 < replay < float("inf"):
        raise typer.BadParameter("must be a positive number, such as 10", param_hint="--replay")
    watch_run(run_dir, Console(), replay, keyboard_of_stdin())


_LARGE_BYTES = 512 << 20
"""Viewers hold a trace in memory, several times over."""


def trace(
    directory: RunDir,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
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
    """Write a run's timeline for ui.perfetto.dev or chrome://tracing.

    Of a comparison, give an arm's directory, such as RUN/arms/stale-4.
    """
    from splitrun.records.run import stand
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
    path: Annotated[Path, run_argument()],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where it is written; default: report.html in that directory.",
        ),
    ] = None,
) -> None:
    """Write a page about a run or a comparison; it opens offline."""
    from splitrun.report.write import write

    page = write(path, followed(output) if output else None)
    with printed(page):
        echo(str(page))
