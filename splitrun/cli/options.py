"""Arguments and options that several commands share."""

from __future__ import annotations

import contextlib
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from splitrun.spec import Document

SpecFile = Annotated[Path, typer.Argument(metavar="SPEC", help="The experiment, a YAML file.")]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY=VALUE]...",
        help="Changes to the spec, e.g. pipeline.depth=8 training.epochs=2; ~links deletes a key.",
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="Where a public dataset's file, such as bank.csv, is looked up first; then come "
        "$SPLITRUN_DATA_DIR and the cache, and if none has it, it is downloaded.",
    ),
]
RunsDir = Annotated[
    Path, typer.Option("--runs-dir", help="Where the directory of the run is made.")
]
AllowCode = Annotated[
    bool,
    typer.Option(
        "--allow-code",
        help="Import and run the classes that the spec names; without it, they are refused.",
    ),
]
Unproven = Annotated[
    bool,
    typer.Option(
        "--unproven",
        help="Take the faster of what is advised, though nobody has shown it to be as accurate.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def plain(text: str) -> str:
    """Text from a file of a stranger's, without what a terminal would take for commands."""
    return "".join(
        char if char.isprintable() or char in "\n\t" else ascii(char)[1:-1] for char in text
    )


def own_stdout() -> AbstractContextManager[object]:
    """While this lasts, what a user's module prints goes to stderr: stdout is for the result."""
    return contextlib.redirect_stdout(sys.stderr)


def load_document(spec: Path, overrides: list[str] | None, data_dir: Path | None) -> Document:
    """The spec with its overrides, and its columns checked; warnings go to stderr."""
    from splitrun.data import check_columns
    from splitrun.spec import load

    document = load(spec, overrides or ())
    for warning in document.warnings:
        typer.echo(f"warning: {warning}", err=True)
    with document.located():
        check_columns(document.spec, document.directory, data_dir)
    return document


def note_no_faults(document: Document) -> None:
    """Tell whoever measures a spec with faults that none of them happens."""
    if document.spec.faults:
        typer.echo("note: faults happen in `splitrun train` alone, so none does here", err=True)
