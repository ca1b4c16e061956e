"""`splitrun ls`: the runs of a directory, and what differs between them."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from splitrun.cli.options import Json, LookedIn, Where
from splitrun.cli.output import echo, echo_json, tell
from splitrun.errors import UsageError
from splitrun.units import SCREEN, age, csv_cell, plain

if TYPE_CHECKING:
    from rich.segment import Segment

    from splitrun.catalogue.entry import Catalogue, Entry
    from splitrun.catalogue.keys import Key

_LONGEST_CELL = 28
"""Columns of a terminal."""
_GAP = 2
_MOST_NAMED = 5


def ls(
    runs_dir: LookedIn = Path("runs"),
    sort: Annotated[
        str | None,
        typer.Option(
            "--sort",
            metavar="KEY",
            help="A metric or throughput, the best first; or any other column. Default: the newest "
            "first.",
        ),
    ] = None,
    where: Where = None,
    columns: Annotated[
        str | None,
        typer.Option(
            "--columns",
            metavar="KEY,KEY,…",
            help="What is shown of each; default: how it stands, what came of it, and keys of the "
            "spec that differ.",
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="So many at most, the first.")
    ] = None,
    csv_output: Annotated[
        bool, typer.Option("--csv", help="Print comma-separated values, of all columns.")
    ] = False,
    json_output: Json = False,
) -> None:
    """List runs, comparisons, valuations and benches.

    A KEY is a column, a metric or a key of the spec, of which its end is enough: lr for
    training.optimizer.lr.
    """
    from splitrun.catalogue.keys import find_key, selected
    from splitrun.catalogue.order import best_first, differing, usual_keys
    from splitrun.catalogue.reading import read_catalogue

    if csv_output and json_output:
        raise UsageError("--csv: and --json: one of them, for there is one stdout")
    catalogue = read_catalogue(runs_dir)
    entries = selected(catalogue.entries, where or ())
    key = find_key(sort, catalogue.entries) if sort and catalogue.entries else None
    entries = best_first(entries, key) if key else entries
    differ = differing(entries)
    keys = _named(columns, catalogue.entries) if columns else usual_keys(entries, differ, key)
    entries = entries[:limit]
    if json_output:
        content = [as_json(entry) for entry in entries]
        told = {"others": catalogue.others, "links": catalogue.links}
        echo_json({"runs_dir": str(runs_dir), "differ": differ, "runs": content, **told})
        return
    if csv_output:
        echo(_csv(entries, keys), nl=False)
    else:
        table = _table(entries, keys, catalogue.entries)
        _print(table if columns else _without_empty(table))
    _tell(catalogue, entries)


def as_json(entry: Entry) -> dict[str, Any]:
    """All that there is to know of one."""
    asked = entry.found.asked
    return {
        "run": entry.run,
        "path": str(entry.path),
        "kind": entry.kind,
        "status": entry.status,
        "message": entry.found.message,
        "started": entry.started.isoformat(timespec="seconds"),
        "age_s": round(entry.age_s),
        "size_bytes": entry.size_bytes,
        "steps": entry.found.steps,
        "samples_per_s": entry.found.samples_per_s,
        "metrics": entry.found.metrics,
        "command": asked.command,
        "overrides": asked.overrides,
        "spec": entry.spec,
    }


def _named(columns: str, entries: Sequence[Entry]) -> list[Key]:
    from splitrun.catalogue.keys import column_key, find_key

    names = [name.strip() for name in columns.split(",") if name.strip() not in ("", "run")]
    return [column_key("run"), *(find_key(name, entries) for name in names if entries)]


@dataclass(frozen=True)
class _Column:
    """A head, and a cell for each entry."""

    head: str
    cells: tuple[str, ...]
    right: bool


def _table(entries: Sequence[Entry], keys: Sequence[Key], known: Sequence[Entry]) -> list[_Column]:
    from splitrun.catalogue.keys import HEADS, is_number
    from splitrun.catalogue.order import short_names

    short = short_names([key.name for key in keys if key.kind == "spec"], known)
    table = []
    for key in keys:
        values = [key.of(entry) for entry in entries]
        head = HEADS.get(key.name) or short.get(key.name, key.name)
        right = any(map(is_number, values))
        table.append(_Column(head, tuple(plain(_cell(key, value)) for value in values), right))
    return table


def _without_empty(table: Sequence[_Column]) -> list[_Column]:
    """But columns in which nothing is known."""
    return [it for it in table if not it.cells or set(it.cells) != {SCREEN.unknown}]


def _cell(key: Key, value: Any) -> str:
    """A value as a person reads it."""
    from splitrun.catalogue.keys import text_of

    if value is None:
        return SCREEN.unknown
    if key.kind == "metric":
        return SCREEN.value(value)
    forms = {"age": age, "size": SCREEN.size, "samples_per_s": SCREEN.whole, "steps": SCREEN.whole}
    if key.kind == "column" and key.name in forms:
        return forms[key.name](value)
    return text_of(value).replace("\n", " ")


def _csv(entries: Sequence[Entry], keys: Sequence[Key]) -> str:
    from splitrun.catalogue.keys import text_of

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([key.name for key in keys])
    for entry in entries:
        values = [key.of(entry) for key in keys]
        cells = (it if it is None or isinstance(it, float) else text_of(it) for it in values)
        writer.writerow(map(csv_cell, cells))
    return text.getvalue()


def _print(table: Sequence[_Column]) -> None:
    """On a terminal as wide as it is, and told what is left out; elsewhere all of it, in lines."""
    if not sys.stdout.isatty():
        widths = [_width(column) for column in table]
        echo("\n".join(_line(cells, table, widths) for cells in _rows(table)))
        return
    from rich.segment import Segments

    from splitrun.cli.console import Console

    console = Console()
    shown = _fitted(table, console.width)
    console.print(Segments(_drawn(shown)), end="", soft_wrap=True)
    left_out = [column.head for column in table[len(shown) :]]
    if left_out:
        named = ", ".join(left_out[:_MOST_NAMED]) + (", …" if len(left_out) > _MOST_NAMED else "")
        columns = SCREEN.plural(len(left_out), "column")
        tell(f"no room for {columns}: {named}; --columns chooses, --csv has all")


def _fitted(table: Sequence[_Column], width: int) -> list[_Column]:
    """The first columns, as many as there is room for, with no cell too long."""
    shown: list[_Column] = []
    left = width
    for column in table:
        cells = column.cells if column.head == "run" else map(_shortened, column.cells)
        fitting = _Column(column.head, tuple(cells), column.right)
        left -= _width(fitting)
        if left < 0 and shown:
            break
        shown.append(fitting)
        left -= _GAP
    return shown


def _shortened(text: str) -> str:
    from splitrun.dashboard.line import fit

    return fit(text, _LONGEST_CELL) if _length(text) > _LONGEST_CELL else text


def _width(column: _Column) -> int:
    return max(map(_length, (column.head, *column.cells)))


def _length(text: str) -> int:
    """In columns of a terminal."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _rows(table: Sequence[_Column]) -> list[tuple[str, ...]]:
    """The heads, then the cells of every entry."""
    heads = tuple(column.head for column in table)
    return [heads, *zip(*(column.cells for column in table), strict=True)]


def _padded(text: str, width: int, *, right: bool) -> str:
    space = " " * (width - _length(text))
    return space + text if right else text + space


def _line(cells: Sequence[str], table: Sequence[_Column], widths: Sequence[int]) -> str:
    padded = [
        _padded(cell, width, right=column.right)
        for cell, column, width in zip(cells, table, widths, strict=True)
    ]
    return (" " * _GAP).join(padded).rstrip()


def _drawn(table: Sequence[_Column]) -> list[Segment]:
    """The table for a terminal: heads dim, and how runs stand in colour."""
    from rich.segment import Segment

    from splitrun.dashboard.line import DIM, STATUS

    widths = [_width(column) for column in table]
    heads, *rows = _rows(table)
    segments = [Segment(_line(heads, table, widths), DIM), Segment.line()]
    for cells in rows:
        for cell, column, width in zip(cells, table, widths, strict=True):
            style = STATUS.get(cell) if column.head == "status" else None
            segments.append(Segment(_padded(cell, width, right=column.right), style))
            segments.append(Segment(" " * _GAP))
        segments[-1] = Segment.line()
    return segments


def _tell(catalogue: Catalogue, entries: Sequence[Entry]) -> None:
    """On stderr: what no line of the table tells."""
    if not entries:
        there = len(catalogue.entries)
        why = f"none of {there} is so" if there else "`splitrun train SPEC` makes one"
        echo(f"no runs in {catalogue.directory}: {why}", err=True)
    for entry in entries:
        if entry.status == "damaged":
            echo(f"damaged: {entry.found.message}", err=True)
    for names, what in ((catalogue.others, "not splitrun's"), (catalogue.links, "not followed")):
        if names:
            more = ", …" if len(names) > _MOST_NAMED else ""
            named = ", ".join(names[:_MOST_NAMED])
            tell(f"{SCREEN.plural(len(names), 'name')} left out, {what}: {named}{more}")
