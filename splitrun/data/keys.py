"""Keys of rows: what one is, and when two are the same.

Keys are compared as text: 7 read from a column of integers is "7", and "007" is another one. That
two keys differ only in how they are written is an error, unless `key_type` says how to take them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from splitrun.data.encoding import Rows
from splitrun.data.table import Categories, Table, is_missing
from splitrun.data.words import bare
from splitrun.errors import DataError
from splitrun.spec.files import KeyType


@dataclass(frozen=True)
class KeyColumn:
    """A column of keys: a party's own, or what refers to another's."""

    party: str
    name: str
    table: Table
    """With the column as categories."""
    key_type: KeyType

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The distinct keys in the form in which they are compared, by the column's codes.

        Raises:
            DataError: a row has no key or, where keys are integers, one that is none.
        """
        column = self._column
        present = np.bincount(column.codes, minlength=len(column.values)) > 0
        if (missing := self._missing(present)).any():
            rows = missing[column.codes]
            where = self.table.place(int(np.argmax(rows)))
            message = f"{where}: no key in column {self.name!r}, as in {rows.sum():,} row(s) in all"
            raise DataError(f"{message}; fill the cells, or leave the rows out")
        if self.key_type != "integer":
            return column.values
        texts = [integer_of(value) for value in column.values]
        for code, text in enumerate(texts):
            if text is None and present[code]:
                message = f"{self.place_of(code)}: the key {column.values[code]!r} is no integer"
                raise DataError(f"{message}; mend it, or use dataset.key_type=text")
        return tuple(text or "" for text in texts)

    @property
    def codes(self) -> Rows:
        """Every row's index into `texts`, [rows]."""
        return self._column.codes

    @property
    def ranks(self) -> Rows:
        """The place of each of `texts` in their order by code points."""
        ranks = np.empty(len(self.texts), np.int64)
        ranks[sorted(range(len(ranks)), key=self.texts.__getitem__)] = np.arange(len(ranks))
        return ranks

    def rows_by_text(self, instead: str) -> dict[str, int]:
        """The row that each key stands in.

        Args:
            instead: what helps where rows share a key, beside to keep one of them.

        Raises:
            DataError: two rows have the same key, or keys that are one but for how they are
                written.
        """
        texts = self.texts
        rows: dict[str, int] = {}
        for row, code in enumerate(self.codes.tolist()):
            if rows.setdefault(texts[code], row) != row:
                self._refuse_twice(texts[code], instead)
        if self.key_type == "auto":
            self._refuse_spellings(rows)
        return rows

    def place_of(self, code: int) -> str:
        """Where the first row with this code stands."""
        return self.table.place(int(np.argmax(self.codes == code)))

    def _missing(self, present: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which of the column's values are no key: blank ones and, where all others are integers,
        `NA` and the like; among words it may be a key."""
        words = [bare(value) for value in self._column.values]
        marks = np.array([is_missing(word) for word in words], bool) & present
        if not marks.any():
            return marks
        others = (word for word, here in zip(words, present & ~marks, strict=True) if here)
        if any(integer_of(word) is None for word in others):
            return np.array([not word for word in words], bool) & present
        return marks

    @property
    def _column(self) -> Categories:
        column = self.table.columns[self.name]
        assert isinstance(column, Categories), "keys are read as text"
        return column

    def _refuse_twice(self, text: str, instead: str) -> None:
        same = np.array([each == text for each in self.texts], bool)[self.codes]
        first, second, *_ = map(int, np.flatnonzero(same))
        what = f"the key {self._column.at(second)!r} in column {self.name!r} is that of"
        message = f"{self.table.place(second)}: {what} {self.table.place(first)}, too"
        raise DataError(f"{message}; keep one of the rows{instead}")

    def _refuse_spellings(self, rows: Mapping[str, int]) -> None:
        """Raises DataError where two keys differ only in how they are written."""
        written: dict[str, str] = {}
        for text in rows:
            other = written.setdefault(plain_key(text), text)
            if other != text:
                later, earlier = sorted((text, other), key=rows.__getitem__, reverse=True)
                places = self.table.place(rows[later]), self.table.place(rows[earlier])
                raise spelt_otherwise(places, (later, earlier))


def spelt_otherwise(places: Sequence[str], texts: Sequence[str]) -> DataError:
    """That two keys are one but for how they are written."""
    one, other = texts
    remedy = "write them alike, or use dataset.key_type=text to take them as they are"
    if integer_of(one) is not None and integer_of(one) == integer_of(other):
        how, first = "as numbers they are the same", "use dataset.key_type=integer for that, or "
        remedy = f"{first}dataset.key_type=text to take them as they are"
    else:
        how = "they differ by upper and lower case alone"
    message = f"{places[0]}: the key {one!r}, and {other!r} at {places[1]}: {how}"
    return DataError(f"{message}; {remedy}")


_INTEGER = re.compile(r"([+-]?)0*([0-9]+)(\.0*)?", re.ASCII)


def integer_of(text: str) -> str | None:
    """An integer in its shortest form; 7.0 is one, as tables with missing cells write 7."""
    match = _INTEGER.fullmatch(text)
    if match is None:
        return None
    sign, digits, _ = match.groups()
    return f"-{digits}" if sign == "-" and digits != "0" else digits


def plain_key(text: str) -> str:
    """What keys have in common that differ only in how they are written."""
    if text.isdigit() and text.isascii() and text[0] != "0":  # as most are
        return text
    return integer_of(text) or text.casefold()


_MIDNIGHT = re.compile(r"[T ]00:00(:00(\.0*)?)?Z?$")
_LAST_ZEROS = re.compile(r"(\.[0-9]*?)0+$")


def unmarked(text: str) -> str:
    """A key's letters and digits, without the midnight of a date and the last zeros of a number."""
    text = _LAST_ZEROS.sub(r"\1", _MIDNIGHT.sub("", text))
    return "".join(filter(str.isalnum, text.casefold())) or text


def form_of(text: str) -> str:
    """What a key looks like, without what it is: C-00017 is A-99999."""
    forms = (
        "9" if it.isdigit() else "A" if it.isupper() else "a" if it.islower() else it for it in text
    )
    return "".join(forms)
