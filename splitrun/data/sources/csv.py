"""One CSV file with a header, UTF-8.

The values are pandas' business (`table`). Here is what must be known before it, without its import,
and what it cannot tell afterwards: the line on which a row starts when cells hold line breaks and
blank lines are skipped.
"""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from splitrun.data.sources.content import open_text, sha256
from splitrun.errors import DataError

if TYPE_CHECKING:
    from splitrun.data.table import Table

DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class CsvSource:
    """A file and the character between its cells."""

    path: Path
    delimiter: str

    def columns(self) -> tuple[str, ...]:
        """The header's names."""
        return read_header(self.path, self.delimiter)

    def read(self, columns: Sequence[str], text: Collection[str]) -> Table:
        """These columns of all rows; see `table.read_table`."""
        from splitrun.data.table import read_table

        return read_table(self.path, self.delimiter, columns, text)

    def fingerprint(self) -> str:
        """SHA-256 of the file; empty where there is none that can be read."""
        try:
            return sha256(self.path)
        except DataError:
            return ""


def records(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The line on which each record starts and its cells, header included, blank lines left out.

    Raises:
        DataError: the file cannot be opened, is not UTF-8, or a cell does not end.
    """
    line = 1
    try:
        with io.TextIOWrapper(open_text(path), encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=delimiter)
            for cells in reader:
                if len(cells) > 1 or any(cell.strip() for cell in cells):
                    yield line, cells
                line = reader.line_num + 1
    except UnicodeDecodeError as error:
        refuse_encoding(path, error)
    except csv.Error as error:
        message = f"{path}:{line}: {error}; look for a quotation mark that is not closed"
        raise DataError(message) from error


def read_header(path: Path, delimiter: str) -> tuple[str, ...]:
    """The names of the columns; a column may be nameless (one file index often is).

    Raises:
        DataError: no such file, no header, a name given twice, or not this delimiter.
    """
    line, cells = next(records(path, delimiter), (0, []))
    if not cells:
        raise DataError(f"{path}: the file is empty; it needs a header and at least two rows")
    if all(_is_number(cell) for cell in cells):
        message = f"{path}:{line}: only numbers where the header should be; name the columns there"
        raise DataError(message)
    for position, cell in enumerate(cells):
        if cell in cells[:position]:
            called = f"{cell!r} names" if cell else "no name for"
            message = f"{path}:{line}: {called} two columns; give each a name of its own"
            raise DataError(message)
    if len(cells) == 1:
        likely = max(DELIMITERS, key=cells[0].count)
        if likely in cells[0]:
            message = f"{path}:{line}: one column only when split at {delimiter!r}"
            raise DataError(f"{message}; set dataset.delimiter to {likely!r}")
    return tuple(cells)


def csv_cell(value: object) -> object:
    """A cell to write. Spreadsheets would run text that begins like a formula, so an apostrophe
    goes before it; a number stays one, be it text or not."""
    if not isinstance(value, str) or _NUMBER.fullmatch(value):
        return value
    return f"'{value}" if value.lstrip(" ")[:1] in _FORMULA else value


_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")


def place(path: Path, delimiter: str, row: int) -> str:
    """`file:line` of the row with this number, counted from 0 after the header."""
    for number, (line, _) in enumerate(records(path, delimiter), start=-1):
        if number == row:
            return f"{path}:{line}"
    return str(path)


def refuse_ragged(
    path: Path, delimiter: str, columns: int, *, most_records: int | None = None
) -> None:
    """Raises DataError for the first record that has not this many cells."""
    for line, cells in islice(records(path, delimiter), most_records):
        if len(cells) != columns:
            message = f"{path}:{line}: {len(cells)} cells, but the header has {columns}"
            raise DataError(f"{message}; mend the line, or quote cells that hold {delimiter!r}")


def refuse_open_quote(path: Path, delimiter: str) -> NoReturn:
    """Raises DataError for the file's last record, which runs to the end inside a quoted cell."""
    [(line, _)] = deque(records(path, delimiter), maxlen=1)
    message = f"{path}:{line}: a quoted cell does not end; close its quotation mark"
    raise DataError(message)


def refuse_encoding(path: Path, error: UnicodeDecodeError) -> NoReturn:
    """Raises DataError for the first line that is not UTF-8."""
    with open_text(path) as file:
        for line, raw in enumerate(file, start=1):
            try:
                raw.decode()
            except UnicodeDecodeError:
                message = f"{path}:{line}: not UTF-8"
                raise DataError(f"{message}; convert the file, e.g. iconv -t utf-8") from error
    raise DataError(f"{path}: not UTF-8; convert the file, e.g. iconv -t utf-8") from error


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
