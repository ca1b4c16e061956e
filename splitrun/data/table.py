"""Rows by column, as numbers or as categories; and a CSV file read into them.

Whether a column holds numbers is decided over the whole file, and never silently: a column that is
mostly numbers and partly words is refused, not turned into thousands of categories.

What counts as missing: in a column of numbers an empty cell and the usual marks (`NA`, `nan`,
`null`, …). In a column of categories only an empty cell, and that is a category of its own, the
empty string; `NA` is a word there, for it may be Namibia. A label's classes are read as categories,
but must all be there: beside numbers, `NA` is a missing one (`splitrun.data.labels`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from splitrun.data.sources import csv as csv_source
from splitrun.data.sources.content import open_text
from splitrun.errors import DataError

MISSING_MARKS = frozenset({"", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "null", "none"})
"""Written for a missing number, in any case."""

MOSTLY = 0.5
"""From this share of numbers among its distinct values on, a column is meant to hold numbers."""


@dataclass(frozen=True)
class Categories:
    """A column of words."""

    codes: NDArray[np.int64]
    """[rows], indices into `values`."""
    values: tuple[str, ...]
    """The distinct words; the empty string stands for empty cells."""

    def at(self, row: int) -> str:
        """The word in this row."""
        return self.values[int(self.codes[row])]


Column = NDArray[np.float64] | Categories
"""Numbers [rows], NaN where missing; or categories."""


@dataclass(frozen=True)
class Table:
    """Columns of equal length."""

    origin: str
    """Where they come from, for a person."""
    rows: int
    columns: Mapping[str, Column]
    place: Callable[[int], str]
    """Where the row with this number stands, for a person."""

    def take(self, rows: NDArray[np.int64]) -> Table:
        """The rows with these numbers, in this order."""
        columns: dict[str, Column] = {
            name: Categories(column.codes[rows], column.values)
            if isinstance(column, Categories)
            else column[rows]
            for name, column in self.columns.items()
        }
        place = self.place
        return Table(self.origin, len(rows), columns, lambda row: place(int(rows[row])))


def read_table(path: Path, delimiter: str, columns: Sequence[str], text: Collection[str]) -> Table:
    """These columns of a CSV file; those also in `text` as categories, with their cells verbatim.

    Raises:
        DataError: rows of other lengths than the header, an open quote, not UTF-8, or a column
            that is partly numbers.
    """
    header = csv_source.read_header(path, delimiter)
    # Where the first row is longer than the header, pandas would take its first cell for an index.
    csv_source.refuse_ragged(path, delimiter, len(header), most_records=2)
    frame = _read_frame(path, delimiter, header, [name for name in columns if name in text])
    # Where a row is shorter, pandas pads it: its last cell shows as empty.
    if frame[header[-1]].isna().any():
        csv_source.refuse_ragged(path, delimiter, len(header))
    interpreted = [name for name in columns if _was_interpreted(frame[name])]
    if interpreted:
        verbatim = _read_frame(path, delimiter, header, interpreted)
        frame = frame.assign(**{name: verbatim[name] for name in interpreted})

    def place(row: int) -> str:
        return csv_source.place(path, delimiter, row)

    taken: dict[str, Column] = {
        name: _words(frame[name]) if name in text else _numbers_or_words(frame[name], place)
        for name in columns
    }
    return Table(str(path), len(frame), taken, place)


def _read_frame(
    path: Path, delimiter: str, header: Sequence[str], text: Sequence[str]
) -> pd.DataFrame:
    try:
        with open_text(path) as file:
            return pd.read_csv(
                file,
                sep=delimiter,
                header=0,
                names=list(header),
                dtype=dict.fromkeys(text, str),
                keep_default_na=False,
                na_values=[""],
                low_memory=False,
            )
    except UnicodeDecodeError as error:
        csv_source.refuse_encoding(path, error)
    except pd.errors.ParserError as error:
        if "EOF inside string" in str(error):
            csv_source.refuse_open_quote(path, delimiter)
        csv_source.refuse_ragged(path, delimiter, len(header))
        raise DataError(f"{path}: cannot be read as CSV: {error}; mend the file") from error


def _was_interpreted(values: pd.Series[Any]) -> bool:
    """Whether pandas made of the cells neither plain numbers nor text: booleans, huge integers."""
    return not (
        values.dtype.kind in "iuf"
        or pd.api.types.infer_dtype(values, skipna=True) in {"string", "empty"}
    )


def _words(values: pd.Series[Any]) -> Categories:
    codes, distinct = pd.factorize(values.fillna(""), sort=True)
    return Categories(codes.astype(np.int64), tuple(str(word) for word in distinct))


def _numbers_or_words(values: pd.Series[Any], place: Callable[[int], str]) -> Column:
    if values.dtype.kind in "iuf":
        return values.to_numpy(np.float64)
    words = _words(values)
    present = np.array([word.strip().lower() not in MISSING_MARKS for word in words.values], bool)
    numbers = _parsed(words.values)
    numeric = present & ~np.isnan(numbers)
    if (numeric == present).all():
        return np.where(numeric, numbers, np.nan)[words.codes]
    if numeric.sum() >= MOSTLY * present.sum():
        row = int(np.argmax((present & ~numeric)[words.codes]))
        what = f"{words.at(row)!r} in column {str(values.name)!r}, which holds numbers"
        remedy = f"mend the cell, or list a party's {values.name} under dataset.categorical"
        raise DataError(f"{place(row)}: {what}; {remedy}")
    with_points = [word.replace(",", ".") for word in words.values]
    if (~np.isnan(_parsed(with_points))).sum() >= MOSTLY * present.sum():
        row = int(np.argmax(present[words.codes]))
        what = f"{words.at(row)!r} in column {str(values.name)!r} has a decimal comma"
        remedy = f"write decimal points, or list a party's {values.name} under dataset.categorical"
        raise DataError(f"{place(row)}: {what}; {remedy}")
    return words


def _parsed(words: Sequence[str]) -> NDArray[np.float64]:
    """Each word as a number, NaN where it is none."""
    return pd.to_numeric(pd.Series(words, dtype=str), errors="coerce").to_numpy(np.float64)
