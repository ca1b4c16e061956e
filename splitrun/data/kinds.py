"""What a column of text holds: one set of rules for text files, and for the text in others.

It is decided over the whole column, and never silently. A column that holds numbers becomes
numbers. One that looks like numbers, dates, times or ids, in half of its distinct values or of its
rows, but cannot be read as they are, is refused with the first such cell and with what to say in
the spec. All else is categories; so is what the spec calls so.

What counts as missing: what the spec lists; and in a column of numbers an empty cell and the usual
marks (`NA`, `nan`, `null`, …). In a column of categories only an empty cell does, and it is a
category of its own, the empty string: `NA` is a word there, for it may be Namibia.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from splitrun.data.dates import likely_formats, usual_parts
from splitrun.data.numerals import (
    NEARLY_NUMBERS,
    Numerals,
    candidates,
    likely_units,
    looks_numeric,
    several_units,
    tidied,
)
from splitrun.data.table import Categories, Column, is_missing
from splitrun.data.words import bare
from splitrun.errors import DataError
from splitrun.spec.files import ReadingKeys
from splitrun.spec.wording import option

MOSTLY = 0.5
"""From this share of its distinct values, or of its rows, on, a column is meant to hold a thing."""
MOST_WORDS = 20
"""Distinct words beside numbers that may be marks of what is missing."""
LARGEST_WHOLE = 2**53
"""Below it float64 has all whole numbers."""

_ID = re.compile(r"0[0-9]{2,}")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_HAS_DIGIT = re.compile(r"[0-9]")


def column_of(
    name: str,
    cells: Categories,
    reading: ReadingKeys,
    place: Callable[[int], str],
    where: str = "dataset",
) -> Column:
    """A column's cells as numbers or as categories; those of dates, see `dates`.

    Args:
        name: the column's.
        cells: as they stand in the file.
        reading: what the spec says about the file.
        place: where a row stands, for a person.
        where: the key of `reading` in the spec: `dataset`, or `parties.bank.reading`.

    Raises:
        DataError: the column looks like what it cannot be read as.
    """
    if name in reading.categorical:
        return as_categories(cells, reading)
    return _Decision(name, cells, reading, place, where).column()


def as_categories(cells: Categories, reading: ReadingKeys) -> Categories:
    """Cells as they are but for what nobody sees; what the spec lists as missing is empty."""
    words = [bare(word) for word in cells.values]
    return renamed(cells, ["" if word in reading.missing_values else word for word in words])


def renamed(cells: Categories, words: Sequence[str]) -> Categories:
    """The same rows with another word for each value; values are sorted by code point."""
    if tuple(words) == cells.values:
        return cells
    values = tuple(sorted(set(words)))
    code_of = {word: code for code, word in enumerate(values)}
    return Categories(np.array([code_of[word] for word in words], np.int64)[cells.codes], values)


@dataclass(frozen=True)
class _Decision:
    """What is made of one column."""

    name: str
    cells: Categories
    reading: ReadingKeys
    place: Callable[[int], str]
    where: str

    def column(self) -> Column:
        words = [bare(word) for word in self.cells.values]
        listed = self.reading.missing_values
        present = np.array(
            [word not in listed and not is_missing(word) for word in words], np.bool_
        )
        rows = np.bincount(self.cells.codes, minlength=len(words))
        now = Numerals.of(self.reading)
        numbers = now.parse(words)
        marks = now.parse(listed)  # -999 stands for -999.0, too
        present &= (rows > 0) & ~np.isin(numbers, marks[~np.isnan(marks)])
        unread = present & np.isnan(numbers)
        if not unread.any():
            self._refuse_ids(words, present, numbers)
            self._refuse_mixed_units(now, words, present)
            return np.where(present, numbers, np.nan)[self.cells.codes]
        total = np.array([present.sum(), rows[present].sum()])

        def mostly(chosen: NDArray[np.bool_]) -> bool:
            """Whether these are half of what is there, by distinct values or by rows."""
            counts = np.array([chosen.sum(), rows[chosen].sum()])
            return bool((counts >= MOSTLY * total).any()) and bool(counts.any())

        if mostly(present & (~np.isnan(numbers) | looks_numeric(words))):
            self._refuse_numbers(words, present, mostly)
        self._refuse_dates(words, present, mostly)
        self._refuse_near_numbers(words, present, mostly)
        return as_categories(self.cells, self.reading)

    def _refuse_numbers(
        self,
        words: Sequence[str],
        present: NDArray[np.bool_],
        mostly: Callable[[NDArray[np.bool_]], bool],
    ) -> None:
        """Refuse a column that is mostly numbers when they are read in some way."""
        now = Numerals.of(self.reading)
        units = likely_units(list(itertools.compress(words, present)))
        read = {way: present & ~np.isnan(way.parse(words)) for way in candidates(now, units)}
        most = max(int(it.sum()) for it in read.values())
        best = [way for way, it in read.items() if it.sum() == most]
        simplest = min(_changes(now, way) for way in best)
        best = [way for way in best if _changes(now, way) == simplest]
        several, with_unit = several_units(words)
        if len(several) > 1 and not set(now.units) & several and mostly(present & with_unit):
            what = f"column {self.name!r} has several units: {', '.join(sorted(several))}"
            self._refuse(self._first(present & with_unit), what, "convert its cells to one")
        if not mostly(read[best[0]]):
            return
        rest = present & ~read[best[0]]
        others = list(itertools.compress(words, rest))
        if not _may_be_marks(others):
            row = self._first(rest)
            what = f"{self._cell(row)}, which holds numbers"
            self._refuse(row, what, "mend the cell")
        missing = (*self.reading.missing_values, *others)
        remedies = [
            " ".join(
                option(self.where, key, value)
                for key, value in (
                    *(("decimal", way.decimal),) * (way.decimal != now.decimal),
                    *(("thousands", way.thousands),) * (way.thousands != now.thousands),
                    *(("units", way.units),) * (way.units != now.units),
                    *(("missing_values", missing),) * bool(others),
                )
            )
            for way in best
        ]
        if best == [now]:
            row = self._first(rest)
            listed = ", ".join(map(_quoted, others))
            what = f"{listed} in column {self.name!r}, which holds numbers"
            self._refuse(row, what, f"if nothing is known there, set {remedies[0]}")
        row = self._first(read[best[0]] & ~read[now])
        differences = [_difference(now, way) for way in best]
        told = differences[0]
        if len(differences) > 1:
            told = f"probably {told}, perhaps {' or '.join(differences[1:])}"
        what = f"{self._cell(row)} has {told}"
        self._refuse(row, what, "set " + ", or ".join(remedies))

    def _refuse_dates(
        self,
        words: Sequence[str],
        present: NDArray[np.bool_],
        mostly: Callable[[NDArray[np.bool_]], bool],
    ) -> None:
        """Refuse dates and times."""
        formats, matches = likely_formats(list(itertools.compress(words, present)))
        chosen = np.zeros(len(words), np.bool_)
        chosen[np.flatnonzero(present)] = matches
        if not mostly(chosen):
            return
        row, rest = self._first(chosen), present & ~chosen
        if not formats:
            what = f"{self._cell(row)} is a time in no form that is read"
            remedy = "write a duration as a number, and a time as 2026-11-29T13:45:30+01:00"
            self._refuse(row, what, remedy)
        others = list(itertools.compress(words, rest))
        if not _may_be_marks(others):
            odd = f"{self._cell(self._first(rest))}, which holds dates"
            self._refuse(self._first(rest), odd, "mend the cell")
        missing = (*self.reading.missing_values, *others)
        marks = (option(self.where, "missing_values", missing),) if others else ()
        dates = {name: date.model_dump() for name, date in self.reading.dates.items()}
        remedies = [
            " ".join((option(self.where, "dates", dates | {self.name: declared}), *marks))
            for declared in (
                {"parts": usual_parts(form)} | ({} if form == "iso" else {"format": form})
                for form in formats
            )
        ]
        what = f"{self._cell(row)} is a date or a time"
        self._refuse(row, what, "for features made of it, set " + ", or ".join(remedies))

    def _refuse_near_numbers(
        self,
        words: Sequence[str],
        present: NDArray[np.bool_],
        mostly: Callable[[NDArray[np.bool_]], bool],
    ) -> None:
        """Refuse fractions, numbers in other digits, and what else is hardly a category."""
        for pattern, (what, remedy) in NEARLY_NUMBERS.items():
            near = present & _matches(re.compile(pattern), words)
            if mostly(near):
                row = self._first(near)
                self._refuse(row, f"{self._cell(row)} is {what}", remedy)

    def _refuse_ids(
        self, words: Sequence[str], present: NDArray[np.bool_], numbers: NDArray[np.float64]
    ) -> None:
        """Refuse whole numbers that float64 or leading zeros make ids of."""
        zeros = present & _matches(_ID, words)
        if zeros.any():
            row = self._first(zeros)
            what = f"{self._cell(row)} has leading zeros, as ids have"
            self._refuse(row, what, "write numbers without them")
        large = present & (np.abs(numbers) >= LARGEST_WHOLE) & np.isfinite(numbers)
        whole = [
            index for index in np.flatnonzero(large).tolist() if _WHOLE.fullmatch(words[index])
        ]
        if len({int(words[index]) for index in whole}) > len(np.unique(numbers[whole])):
            row = self._first(large)
            what = f"{self._cell(row)} is too long for a number"
            self._refuse(row, f"{what}, since others would be equal to it", "use shorter ones")

    def _refuse_mixed_units(
        self, now: Numerals, words: Sequence[str], present: NDArray[np.bool_]
    ) -> None:
        """Refuse kilograms beside grams."""
        if len(now.units) < 2:
            return
        there = itertools.compress(words, present)
        if len(units := now.units_of(there)) > 1:
            chosen = np.array([bool(now.units_of([word])) for word in words]) & present
            row = self._first(chosen)
            what = f"column {self.name!r} has several units: {', '.join(sorted(units))}"
            self._refuse(row, what, "convert its cells to one")

    def _first(self, chosen: NDArray[np.bool_]) -> int:
        """The first row with one of these values."""
        return int(np.argmax(chosen[self.cells.codes]))

    def _cell(self, row: int) -> str:
        """A cell and its column, for a person."""
        return f"{_quoted(bare(self.cells.at(row)))} in column {self.name!r}"

    def _refuse(self, row: int, what: str, remedy: str) -> NoReturn:
        categorical = option(self.where, "categorical", (*self.reading.categorical, self.name))
        raise DataError(
            f"{self.place(row)}: {what}; {remedy}, or to have categories, set {categorical}"
        )


def _matches(pattern: re.Pattern[str], words: Sequence[str]) -> NDArray[np.bool_]:
    found = (pattern.fullmatch(tidied(word)) is not None for word in words)
    return np.fromiter(found, np.bool_, len(words))


def _may_be_marks(words: Sequence[str]) -> bool:
    """Whether these words, beside numbers or dates, may all stand for what is missing, as those do
    that spreadsheets write for an error (`#DIV/0!`)."""
    digits = (_HAS_DIGIT.search(word) for word in words if not word.startswith("#"))
    return len(words) <= MOST_WORDS and not any(digits)


def _quoted(word: str) -> str:
    """A cell as a message shows it."""
    return f"'{word}'" if word.isprintable() else ascii(word)


def _changes(now: Numerals, way: Numerals) -> int:
    return (
        (now.decimal != way.decimal) + (now.thousands != way.thousands) + (now.units != way.units)
    )


_MARKS = {",": "commas", ".": "points", " ": "blanks", "'": "apostrophes", "_": "underscores"}


def _difference(now: Numerals, way: Numerals) -> str:
    """What a way of writing numbers has that `now` has not, for a person."""
    parts = []
    if way.thousands and way.thousands != now.thousands:
        parts.append(f"thousands grouped by {_MARKS[way.thousands]}")
    if way.decimal != now.decimal:
        parts.append("a decimal comma" if way.decimal == "," else "a decimal point")
    if way.units != now.units:
        added = [unit for unit in way.units if unit not in now.units]
        parts.append(f"the unit {' and '.join(map(repr, added))}")
    return " and ".join(parts)
