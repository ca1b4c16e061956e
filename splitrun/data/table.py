"""Rows by column, as numbers or as categories."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MISSING_MARKS = frozenset({"", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "null", "none"})
"""Written for a missing number, in any case."""


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
    held_out: NDArray[np.bool_] | None = None
    """Whether each row is one of a test file, [rows]; None without such a file."""

    def take(self, rows: NDArray[np.int64]) -> Table:
        """The rows with these numbers, in this order."""
        columns: dict[str, Column] = {
            name: Categories(column.codes[rows], column.values)
            if isinstance(column, Categories)
            else column[rows]
            for name, column in self.columns.items()
        }
        place = self.place
        held_out = None if self.held_out is None else self.held_out[rows]
        return Table(self.origin, len(rows), columns, lambda row: place(int(rows[row])), held_out)
