"""Results as a table for a screen, and as files: Markdown, CSV, JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splitrun.data.sources.csv import csv_cell
from splitrun.errors import UsageError
from splitrun.files import is_directory, is_regular, is_something, write_text
from splitrun.records.bench import BenchHeader
from splitrun.terminal import plain

SUFFIXES = (".json", ".csv", ".md")
"""Of the files that results can be exported to."""


@dataclass(frozen=True)
class ResultTable:
    """Heads, and rows as long as they."""

    heads: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class Report:
    """What was measured, in three forms."""

    shown: ResultTable
    """Text for a person."""
    names: int
    """How many columns of `shown`, from the left, name what the others are figures of."""
    lines: tuple[str, ...]
    """What there is to say about it."""
    numbers: ResultTable
    """Numbers and text for a program; None where something is unknown."""
    record: BenchHeader
    """All there is to know."""


def check_export(file: Path) -> None:
    """Refuse a file that a report could not be written to, before anything is measured.

    Raises:
        UsageError: its suffix is none that is known, or its directory is not there.
    """
    if file.suffix not in SUFFIXES:
        what = f"--export {file}: its suffix is none of {', '.join(SUFFIXES)}"
        raise UsageError(f"{what}; name a file with one of them")
    parent = file.absolute().parent
    if (is_something(file) and not is_regular(file)) or not is_directory(parent):
        what = f"--export {file}: cannot be written"
        raise UsageError(f"{what}; name a file in a directory that exists")


def export(file: Path, report: Report) -> None:
    """Write a report in the form that the file's suffix names.

    Raises:
        UsageError: it cannot be written.
    """
    forms = {".json": to_json, ".csv": to_csv, ".md": to_markdown}
    try:
        write_text(file.resolve(), forms[file.suffix](report))
    except OSError as error:
        raise UsageError(f"--export {file}: cannot be written: {error.strerror}") from error


def to_json(report: Report) -> str:
    """Its record."""
    return json.dumps(report.record.to_json(), indent=1) + "\n"


def to_csv(report: Report) -> str:
    """Its numbers; what is unknown is an empty field."""
    text = io.StringIO()
    table = report.numbers
    rows = ([csv_cell(value) for value in row] for row in (table.heads, *table.rows))
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def to_markdown(report: Report) -> str:
    """Its table for a person, and below it a list of what there is to say."""
    heads, rows = report.shown.heads, report.shown.rows
    rule = ["---"] * report.names + ["---:"] * (len(heads) - report.names)
    table = [_markdown_row(cells) for cells in (heads, rule, *rows)]
    return "".join([*table, "\n", *(f"- {_markdown(line)}\n" for line in report.lines)])


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_markdown(cell).replace("|", r"\|") for cell in cells) + " |\n"


def _markdown(text: str) -> str:
    """On one line, and no HTML."""
    return plain(" ".join(text.split())).replace("<", "&lt;")
