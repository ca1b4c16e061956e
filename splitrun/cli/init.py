"""`splitrun init`: a spec for files that are there."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from splitrun.cli.output import echo
from splitrun.errors import UsageError
from splitrun.files import located

_EXAMPLE = "for example splitrun init bank=bank.csv partner=partner.csv"


def init(
    files: Annotated[
        list[str],
        typer.Argument(metavar="PARTY=FILE...", help="Each party's file: CSV, Parquet or NumPy."),
    ],
    label: Annotated[
        str | None, typer.Option("--label", help="The column to predict; its party has the top.")
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", help="The column that rows are joined by.")
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="SPEC", help="Where the spec is written.")
    ] = Path("spec.yaml"),
) -> None:
    """Write a spec for given files.

    How they are read, their key and their label are found out. What is understood of each column
    stands beside it as a comment, to be checked and changed. Nothing is overwritten.
    """
    given = parsed(files)
    if os.path.lexists(output):
        raise UsageError(f"{output}: is there already; name another file with -o")
    from splitrun.cli.draft import Draft
    from splitrun.data.survey import survey

    surveys = [survey(party, path) for party, path in given.items()]
    draft = Draft.of(surveys, label, key)
    text = "\n".join(draft.lines(output)) + "\n"
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        message = f"{output}: cannot be written: {error.strerror}"
        raise UsageError(f"{message}; name a file in a directory that exists") from error
    echo(f"{output}: written; {draft.next(output)}")


def parsed(arguments: Sequence[str]) -> dict[str, Path]:
    """The parties' files.

    Raises:
        UsageError: it is no PARTY=FILE, there are fewer than two, or two parties have one file.
    """
    from splitrun.spec.section import PARTY_PATTERN

    given: dict[str, Path] = {}
    for argument in arguments:
        party, equals, path = argument.partition("=")
        if not (equals and path and re.match(PARTY_PATTERN, party)):
            raise UsageError(f"{argument}: is no PARTY=FILE; write a name and a file, {_EXAMPLE}")
        if party in given:
            raise UsageError(f"{argument}: {party} has a file already; name each party once")
        place = located(path, Path())
        for other, file in given.items():
            if os.path.realpath(file) == os.path.realpath(place):
                what = f"{path}: is the file of {other}, too"
                remedy = "give each party a file of its own; for one file that all share, write"
                raise UsageError(f"{what}; {remedy} dataset.path, and each party's columns")
        given[party] = place
    if len(given) < 2:
        raise UsageError(f"{arguments[0]}: one party alone; give two or more, {_EXAMPLE}")
    return given
