"""A case: odd files, what their user is told, and the clean files that they are to equal."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROWS = 40

Files = Mapping[str, str | bytes]

ONE_FILE = """\
name: odd
dataset: {type: csv, path: rows.csv, label: y, batch_size: 8}
parties:
  alice: {columns: [a], bottom: {type: mlp, out: 2}}
  bob: {columns: [b], bottom: {type: mlp, out: 2}}
top: {party: alice, model: {type: mlp, out: 1}, loss: binary_cross_entropy}
runtime: serial
"""

TWO_FILES = """\
name: odd
dataset: {type: csv, key: id, label: y, batch_size: 8}
parties:
  bank: {path: bank.csv, columns: "*", bottom: {type: mlp, out: 2}}
  partner: {path: partner.csv, columns: "*", bottom: {type: mlp, out: 2}}
top: {party: bank, model: {type: mlp, out: 1}, loss: binary_cross_entropy}
runtime: serial
"""


@dataclass(frozen=True)
class Case:
    """One oddity. Without `told` it is right as it is; with `told` it is refused in such words and,
    with what is advised added to the command line, it is right."""

    files: Files
    twin: Files | None = None
    """The same without the oddity; None where nothing is to be made of it."""
    told: tuple[str, ...] = ()
    """Pieces of the refusal; among them the file's place."""
    remedy: tuple[str, ...] = ()
    """Overrides that the refusal advises; each one's key stands in it."""
    overrides: tuple[str, ...] = ()
    """What is typed in any case, for the files and for their twin."""
    more: tuple[str, ...] = ()
    """What is typed for the odd files alone, their twin needing no such word."""
    spec: str = ONE_FILE
    twin_spec: str | None = None
    warned: tuple[str, ...] = ()
    """Pieces of what is said though nothing is refused."""
    words: frozenset[str] = frozenset()
    """Where there is no twin: the words of column `b`, as they stand in the file."""


def rows(
    cells: Callable[[int], object],
    *,
    a: Callable[[int], object] = lambda row: row % 7,
    y: Callable[[int], object] = lambda row: row % 2,
    delimiter: str = ",",
    header: Sequence[str] = ("a", "b", "y"),
    count: int = ROWS,
) -> str:
    """A file with columns a, b and y, of which `b` is the odd one."""
    lines = [delimiter.join(header)]
    lines += [delimiter.join(str(it(row)) for it in (a, cells, y)) for row in range(count)]
    return "\n".join(lines) + "\n"


def column(
    cell: Callable[[int], object],
    value: Callable[[int], object] | None,
    *,
    told: Sequence[str] = (),
    remedy: Sequence[str] = (),
    overrides: Sequence[str] = (),
    delimiter: str = ",",
) -> Case:
    """A column with such cells, which stand for such values; None: for nothing that can be read."""
    typed = (f"dataset.delimiter='{delimiter}'",) if delimiter != "," else ()
    return Case(
        {"rows.csv": rows(cell, delimiter=delimiter)},
        {"rows.csv": rows(value, delimiter=delimiter)} if value else None,
        tuple(told),
        tuple(remedy),
        (*typed, *overrides),
    )


def warned(cell: Callable[[int], object]) -> Case:
    """A column whose cells are words, though hardly meant to be: the model is given every one as a
    category of its own, and whoever trains it is told so."""
    return Case(
        {"rows.csv": rows(cell, count=2 * ROWS)}, warned=("bob", "'b'", "every training row")
    )


def parquet(**columns: Any) -> bytes:
    """A Parquet file of these columns: lists, or arrow arrays."""
    import pyarrow as pa
    import pyarrow.parquet

    content = io.BytesIO()
    pyarrow.parquet.write_table(pa.table(dict(columns)), content)
    return content.getvalue()


def npz(**columns: Any) -> bytes:
    """An `.npz` archive of these arrays."""
    import numpy as np

    content = io.BytesIO()
    arrays: dict[str, Any] = {name: np.asarray(values) for name, values in columns.items()}
    np.savez(content, **arrays)
    return content.getvalue()


def write(directory: Path, files: Files, spec: str) -> Path:
    """Writes a case's files and its spec, whose path it returns."""
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    (directory / "odd.yaml").write_text(spec, encoding="utf-8")
    return directory / "odd.yaml"
