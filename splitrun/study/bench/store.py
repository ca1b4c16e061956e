"""A bench's directory: the cells that are done, so that the next start goes on from there.

runs/<name>-bench-<hash>/
    spec.yaml           the spec as given
    resolved.yaml       the spec as understood, before the grid's overrides
    bench.json          all there is to know so far
    soak.json           what a long run came to
    cells/<hash>.json   what one cell came to

What came of it is a report, which is shown as a table, and can be exported as Markdown, CSV or
JSON.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from splitrun.errors import UsageError
from splitrun.files import is_directory, is_regular, is_something, read_bytes, remove, write_text
from splitrun.records.bench import BenchHeader
from splitrun.records.run import UNTYPED, Invocation
from splitrun.session.environment import environment
from splitrun.spec import Document, resolved_yaml
from splitrun.study.bench.grid import Axis
from splitrun.study.bench.measure import Measured, all_cores, load_average
from splitrun.units import csv_cell, plain


@dataclass(frozen=True)
class BenchDirectory:
    """The directory of one experiment's grid."""

    path: Path
    asked: Invocation = UNTYPED
    """What was typed to start the bench."""

    @classmethod
    def create(
        cls,
        runs_dir: Path,
        document: Document,
        axes: Sequence[Axis],
        asked: Invocation = UNTYPED,
    ) -> BenchDirectory:
        """A new directory under `runs_dir`, or the one that this grid has already.

        Raises:
            UsageError: it cannot be written.
        """
        resolved = resolved_yaml(document.spec)
        content = json.dumps([resolved, [asdict(axis) for axis in axes]])
        digest = hashlib.sha256(content.encode()).hexdigest()
        path = runs_dir / f"{document.spec.name}-bench-{digest[:8]}"
        try:
            (path / "cells").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(path, error) from error
        _replace(path / "spec.yaml", document.text)
        _replace(path / "resolved.yaml", resolved)
        return cls(path, asked)

    def clear(self) -> None:
        """Forget every cell.

        Raises:
            UsageError: one cannot be removed.
        """
        for file in (self.path / "cells").glob("*.json"):
            try:
                remove(file)
            except OSError as error:
                raise _unwritable(file, error) from error

    def cell(self, identity: str) -> Measured | None:
        """What a cell came to; None where it is not done, or its file is damaged."""
        try:
            content = msgspec.json.decode(read_bytes(self._file(identity)), type=dict[str, Any])
            if "turns" in content:  # as trials were called before
                content["trials"] = content.pop("turns")
            return msgspec.convert(content, Measured)
        except (OSError, ValueError, RecursionError):
            return None

    def keep(self, identity: str, measured: Measured) -> None:
        """Write down what a cell came to; a reader sees all of it or nothing.

        Raises:
            UsageError: it cannot be written.
        """
        _replace(self._file(identity), json.dumps(asdict(measured)) + "\n")

    def write(self, name: str, record: BenchHeader) -> None:
        """Write or replace a JSON file; a reader sees the old one or the new one.

        Raises:
            UsageError: it cannot be written.
        """
        _replace(self.path / name, json.dumps(record.to_json(), indent=1) + "\n")

    def header(self, document: Document, settings: Mapping[str, object]) -> BenchHeader:
        """What is known before anything is measured."""
        return BenchHeader(
            name=document.spec.name,
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            directory=str(self.path),
            environment=environment(document.directory),
            load_average=load_average(),
            all_cores=all_cores(),
            settings=settings,
            asked=self.asked,
        )

    def _file(self, identity: str) -> Path:
        return self.path / "cells" / f"{identity}.json"


def _replace(file: Path, text: str) -> None:
    try:
        write_text(file, text)
    except OSError as error:
        raise _unwritable(file, error) from error


def _unwritable(path: Path, error: OSError) -> UsageError:
    message = f"{path}: cannot be written: {error.strerror}"
    return UsageError(f"{message}; give another --runs-dir")


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
