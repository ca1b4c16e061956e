"""Columns of files that say of each column what it holds, as a table has them.

Numbers are numbers. What else they hold becomes words first, and words are judged by the rules for
text (`kinds`), so that a file means the same as CSV and as Parquet.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splitrun.data.dates import date_features
from splitrun.data.kinds import LARGEST_WHOLE, as_categories, column_of
from splitrun.data.numerals import Numerals
from splitrun.data.table import Categories, Column, NewColumn, Words
from splitrun.errors import DataError
from splitrun.spec.files import ReadingKeys
from splitrun.spec.wording import option

Numbers = tuple[NDArray[Any], NDArray[np.bool_]]
"""Whole numbers or floats [rows], and where they are missing [rows]."""
Values = tuple[NDArray[np.int64], Sequence[object]]
"""Codes [rows], -1 where missing, and the values that they stand for."""


@dataclass(frozen=True)
class TypedColumns:
    """What is made of the columns of one file."""

    reading: ReadingKeys
    where: str
    """The key of the spec under which `reading` stands, for remedies."""
    place: Callable[[int], str]
    new: NewColumn
    text: Collection[str]
    """Columns of categories, whatever they hold."""

    def are_words(self, name: str) -> bool:
        """Whether a column is read as words, be it one of numbers."""
        reading = self.reading
        return name in self.text or name in reading.categorical or name in reading.dates

    def numbers(self, name: str, parts: Iterable[Numbers]) -> NDArray[np.float64]:
        """float64 [rows], NaN where missing, or where a number is among `missing_values`.

        Raises:
            DataError: a whole number that a float cannot hold.
        """
        marks = Numerals.of(self.reading).parse(self.reading.missing_values)
        column, rows = self.new(), 0
        for values, missing in parts:
            found = values.astype(np.float64)
            found[missing | np.isin(values, marks)] = np.nan
            if values.dtype.kind in "iu":
                large = (values > LARGEST_WHOLE) | (values < -LARGEST_WHOLE)
                self._refuse_long(name, values, large & ~np.isnan(found), rows)
            column.append(found)
            rows += len(found)
        return column.whole()

    def _refuse_long(
        self, name: str, values: NDArray[Any], long: NDArray[np.bool_], start: int
    ) -> None:
        if long.any():
            row = int(np.argmax(long))
            message = f"{self.place(start + row)}: {values[row]} in column {name!r}"
            categorical = option(self.where, "categorical", (*self.reading.categorical, name))
            remedy = "to have a number, write it as float64; to have categories, set"
            raise DataError(f"{message} is too long for a float; {remedy} {categorical}")

    def words(self, name: str, parts: Iterable[Values]) -> Mapping[str, Column]:
        """What is not numbers, or is not to be: by the rules for text.

        Raises:
            DataError: it looks like what it cannot be read as.
        """
        cells = self._cells(parts)
        if name in self.text:
            return {name: as_categories(cells, self.reading)}
        if name in self.reading.dates:
            return date_features(name, cells, self.reading, self.place)
        return {name: column_of(name, cells, self.reading, self.place, self.where)}

    def _cells(self, parts: Iterable[Values]) -> Categories:
        cells = Words(self.new())
        for codes, values in parts:
            cells.append(codes, map(word, values))
        return cells.whole()


def word(value: object) -> str:
    """A value as one would write it: a whole number without a point, whatever its type."""
    if isinstance(value, float):
        if math.isnan(value):
            return ""
        whole = value.is_integer() and abs(value) < LARGEST_WHOLE
        return str(int(value)) if whole else repr(value)
    return str(value)
