"""Rows by column, as numbers or as categories."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from splitrun.data.words import bare

BLOCK_ROWS = 1 << 14
"""That are computed at a time, so that little is held beside what is made of them."""
MISSING_MARKS = frozenset({"", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "null", "none"})
"""Written for a missing number, in any case."""


def is_missing(word: str) -> bool:
    """Whether this is what is written for a missing number."""
    return bare(word).lower() in MISSING_MARKS


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


class Chunks(Protocol):
    """Takes a column part by part."""

    def append(self, part: NDArray[Any]) -> None:
        """The next rows."""
        ...

    def whole(self) -> NDArray[Any]:
        """All rows; the parts are no longer needed."""
        ...


class InMemory:
    """Parts of a column, put together at the end."""

    def __init__(self) -> None:
        self._parts: list[NDArray[Any]] = []

    def append(self, part: NDArray[Any]) -> None:
        """The next rows."""
        self._parts.append(part)

    def whole(self) -> NDArray[Any]:
        """All rows."""
        parts, self._parts = self._parts, []
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


def blocks_of(rows: int) -> Iterator[slice]:
    """So many rows in blocks that are computed at a time; one empty block, where there are none."""
    for start in range(0, max(1, rows), BLOCK_ROWS):
        yield slice(start, start + BLOCK_ROWS)


class Words:
    """A column of words that comes part by part.

    Args:
        codes: takes the column's codes.
    """

    def __init__(self, codes: Chunks) -> None:
        self._codes = codes
        self._code_of: dict[str, int] = {}

    def append(self, codes: NDArray[np.int64], words: Iterable[str]) -> None:
        """The next rows: codes `[rows]`, -1 for empty cells, and the words that they stand for."""
        code_of = self._code_of
        known = [code_of.setdefault(word, len(code_of)) for word in words]
        if (codes < 0).any():
            known.append(code_of.setdefault("", len(code_of)))  # the last, which is -1, too
        self._codes.append(np.array(known or [0], np.int64)[codes])

    def whole(self) -> Categories:
        """All rows, with values sorted by code point."""
        values = tuple(sorted(self._code_of))
        rank = {word: code for code, word in enumerate(values)}
        order = np.array([rank[word] for word in self._code_of] or [0], np.int64)
        codes = self._codes.whole()
        np.take(order, codes, out=codes)
        return Categories(codes, values)


NewColumn = Callable[[], Chunks]
"""Makes what takes a column's numbers or codes while it is read."""
NewArray = Callable[[tuple[int, ...], type[np.generic]], NDArray[Any]]
"""Makes an array of this shape and type, whose content is whatever it is."""


@dataclass(frozen=True)
class Table:
    """Columns of equal length."""

    origin: str
    """Where they come from, for a person."""
    rows: int
    columns: Mapping[str, Column]
    place: Callable[[int], str]
    """Where the row with this number stands, for a person."""
    new: NewColumn = InMemory
    """Makes what takes a column of a table that follows from this one."""
    new_array: NewArray = np.empty
    """Makes the arrays for what is encoded of it."""
    held_out: NDArray[np.bool_] | None = None
    """Whether each row is one of a test file, [rows]; None without such a file."""

    def take(self, rows: NDArray[np.int64]) -> Table:
        """The rows with these numbers, in this order."""

        def taken(values: NDArray[Any]) -> NDArray[Any]:
            column = self.new()
            for block in blocks_of(len(rows)):
                column.append(values[rows[block]])
            return column.whole()

        columns: dict[str, Column] = {
            name: Categories(taken(column.codes), column.values)
            if isinstance(column, Categories)
            else taken(column)
            for name, column in self.columns.items()
        }
        place = self.place
        held_out = None if self.held_out is None else self.held_out[rows]

        def place_of(row: int) -> str:
            return place(int(rows[row]))

        return replace(self, rows=len(rows), columns=columns, place=place_of, held_out=held_out)
