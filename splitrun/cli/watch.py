"""`splitrun watch`: the dashboard of a run that is on in another process, or is over."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


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
    from splitrun.cli.console import Console
    from splitrun.dashboard.watching import watch as watch_run

    if replay is not None and not 0 < replay < float("inf"):
        raise typer.BadParameter("must be a positive number, such as 10", param_hint="--replay")
    watch_run(run_dir, Console(), replay)
