"""Every line that a command says; `cli.console` draws what is more than lines."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from splitrun.terminal import plain


def echo(text: object, *, err: bool = False, nl: bool = True) -> None:
    """Say a line, or several, without what a terminal would take for commands.

    Args:
        err: on stderr.
        nl: whether the line ends.
    """
    typer.echo(plain(str(text)), err=err, nl=nl)


def echo_json(content: object, indent: int | None = None) -> None:
    """Print one JSON object, in ASCII."""
    typer.echo(json.dumps(content, indent=indent))


def followed(output: Path) -> Path:
    """Where a file is written that the user names: what a link leads to."""
    return output.resolve() if output.is_symlink() else output
