"""`splitrun report`: a run or a comparison as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from splitrun.cli.output import echo, followed
from splitrun.cli.streams import printed


def report(
    path: Annotated[
        Path, typer.Argument(metavar="RUN", help="The directory of a run or of a comparison.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", help="Default: report.html in that directory."),
    ] = None,
) -> None:
    """Write a page that shows where the time went and what came out; it opens offline."""
    from splitrun.report.write import write

    page = write(path, followed(output) if output else None)
    with printed(page):
        echo(str(page))
