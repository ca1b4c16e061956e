"""`splitrun trace`: a run's timeline, for a viewer of traces."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from splitrun.cli.output import echo, followed
from splitrun.cli.streams import printed
from splitrun.left import stand

if TYPE_CHECKING:
    from splitrun.report.trace import Steps

_LARGE_BYTES = 512 << 20
"""Viewers hold a trace in memory, several times over."""


def trace(
    directory: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run's directory, or a comparison's arms/ARM.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", help="Default: trace.json in the directory."),
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
            "note: this is attempt "
            f"{written.attempt} of the run, from step {written.first_step:,} on; "
            f"for earlier ones: splitrun trace {directory}/attempts/1, …",
            err=True,
        )
    status, message = stand(directory)
    if status == "killed":
        echo(f"note: the run was killed; {message}", err=True)
    if written.bytes > _LARGE_BYTES:
        size = f"{written.bytes / 2**20:,.0f} MiB"
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
