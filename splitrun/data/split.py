"""Which rows are trained on, which decisions rest on, and which are held out.

Test rows come first: they are chosen from all rows, by `dataset.split` and `test_fraction`, or are
those of a file of their own. Validation rows are then taken from what remains, by the same rule, so
that test rows are the same whatever `validation_fraction` is. What is left is trained on.

Shares are rounded up to whole rows, and rows are drawn, as scikit-learn's `train_test_split` does:
others can repeat it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from splitrun.data.dates import elapsed_days
from splitrun.data.encoding import Rows
from splitrun.data.labels import canonical, some
from splitrun.data.numerals import Numerals
from splitrun.data.table import Categories, Column, Table, is_missing
from splitrun.errors import DataError
from splitrun.spec.datasets import DatasetSection
from splitrun.spec.files import DateColumn, ReadingKeys
from splitrun.spec.wording import closest


@dataclass(frozen=True)
class SplitRows:
    """Three parts of the rows, which are disjoint and all of them: row numbers, ascending."""

    train: Rows
    """At least one."""
    validation: Rows
    """May be empty, as may the next ones."""
    test: Rows
    notes: tuple[str, ...] = ()
    """What the user should know of how they came about, a sentence each."""


@dataclass(frozen=True)
class Strata:
    """The classes that every part is to have the same shares of."""

    codes: NDArray[np.int64]
    """Every row's class, `[rows]`, as an index into `names`."""
    names: Sequence[str]


def split_rows(
    dataset: DatasetSection,
    table: Table,
    strata: Strata | None = None,
    test_file: Rows | None = None,
    reading: ReadingKeys | None = None,
) -> SplitRows:
    """Split the rows of a table.

    At random, the parts follow from the number of rows and the spec alone, so that every party
    finds them for itself. Otherwise they are the label holder's to find.

    Args:
        table: with the split's column, where it has one.
        strata: of all rows, where every part is to have its share of each.
        test_file: numbers of the rows that are from a test file; they are the test rows then.
        reading: how numbers and dates are written; by default, as in ISO 8601 and with a point.

    Raises:
        DataError: fewer than two rows; none left to train on; a value that is missing, no moment,
            or in no row; or a class too small to be shared out.
    """
    if table.rows < 2:
        message = f"{table.origin}: {table.rows} row(s) of data"
        raise DataError(f"{message}; at least 2 are needed, and far more to learn from")
    moments = None
    if dataset.split.by == "time":
        moments = _moments(dataset, table, reading or ReadingKeys())
    rule = _Rule(dataset, table, strata, moments)
    everything = np.arange(table.rows, dtype=np.int64)
    none, shared = everything[:0], table.rows
    if test_file is not None:
        train, validation, test = np.setdiff1d(everything, test_file), none, np.sort(test_file)
        shared = len(train)
    elif dataset.split.by == "column":
        train, validation, test = _by_value(dataset, table)
    else:
        taken = math.ceil(table.rows * dataset.test_fraction)
        train, test = rule.take(everything, taken, "test")
        validation = none
    if dataset.validation_fraction > 0:
        taken = math.ceil(shared * dataset.validation_fraction)
        train, validation = rule.take(train, taken, "validation")
    return SplitRows(train, validation, test, tuple(rule.notes))


@dataclass(frozen=True)
class _Rule:
    """How a part's rows are taken from those that are left."""

    dataset: DatasetSection
    table: Table
    strata: Strata | None
    moments: NDArray[np.float64] | None
    """When every row was, where the latest are taken."""
    notes: list[str] = field(default_factory=list)

    def take(self, rows: Rows, count: int, part: str) -> tuple[Rows, Rows]:
        """The rows that are left, and so many others; of one moment, all or none."""
        if count == 0:
            return rows, rows[:0]
        if count >= len(rows):
            raise self._nothing_left(part)
        if self.moments is None:
            return self._drawn(rows, count, part)
        own = self.moments[rows]
        late = own >= np.sort(own)[-count]
        if late.all():
            raise self._nothing_left(part, ", for rows of one moment stay together")
        if more := int(late.sum()) - count:
            what = f"{more:,} more {part} row(s) than asked for: rows of one moment stay together"
            self.notes.append(f"{self.table.origin}: {what}")
        return rows[~late], rows[late]

    def _drawn(self, rows: Rows, count: int, part: str) -> tuple[Rows, Rows]:
        random = np.random.RandomState(self.dataset.split_seed)
        is_drawn = np.zeros(len(rows), bool)
        if self.strata is None:
            is_drawn[random.permutation(len(rows))[:count]] = True
        else:
            classes = self.strata.codes[rows]
            self._refuse_small(classes, count, part)
            is_drawn[_drawn_by_class(classes, count, random)] = True
        return rows[~is_drawn], rows[is_drawn]

    def _nothing_left(self, part: str, why: str = "") -> DataError:
        message = f"{self.table.origin}: of {self.table.rows} rows, none is left to train on{why}"
        return DataError(f"{message}; lower dataset.{part}_fraction")

    def _refuse_small(self, classes: NDArray[np.int64], count: int, part: str) -> None:
        """Raises DataError where not every class can be on both sides."""
        assert self.strata is not None
        names, kept = self.strata.names, len(classes) - count
        sizes = np.bincount(classes, minlength=len(names))
        if sizes.min() < 2:
            what = f"{sizes.min()} row(s) of class {names[int(sizes.argmin())]!r}"
            remedy = "give more of them, leave them out"
        elif min(count, kept) < len(names):
            what = f"{len(names):,} classes"
            remedy = f"change dataset.{part}_fraction"
        else:
            return
        message = f"{self.table.origin}: {what} cannot be both among {kept:,} rows to train on"
        raise DataError(
            f"{message} and among {count:,} {part} rows; {remedy}, or use dataset.split=random"
        )


def _drawn_by_class(
    classes: NDArray[np.int64], count: int, random: np.random.RandomState
) -> NDArray[np.int64]:
    """So many indices into classes `[rows]`, of every class in proportion to its rows.

    As scikit-learn's StratifiedShuffleSplit draws them, which first says how many rows of a class
    are left, and then how many of the others are drawn.
    """
    sizes = np.bincount(classes)
    left = _shared_out(sizes, len(classes) - count, random)
    drawn = _shared_out(sizes - left, count, random)
    by_class = np.split(np.argsort(classes, kind="stable"), np.cumsum(sizes)[:-1])
    return np.concatenate(
        [
            own[random.permutation(len(own))[less : less + more]]
            for own, less, more in zip(by_class, left, drawn, strict=True)
        ]
    )


def _shared_out(
    sizes: NDArray[np.int64], count: int, random: np.random.RandomState
) -> NDArray[np.int64]:
    """How many of so many rows are of each class, in proportion to the classes' sizes `[classes]`.

    Shares are rounded down, and the rows that remain go one by one to the classes whose shares lost
    most by it; among those that lost the same, by lot.
    """
    shares: NDArray[np.float64] = sizes / sizes.sum() * count
    whole = np.floor(shares)
    lost = shares - whole
    remaining = int(count - whole.sum())
    for most in np.unique(lost)[::-1]:
        if remaining <= 0:
            break
        alike = np.flatnonzero(lost == most)
        lucky = random.choice(alike, size=min(len(alike), remaining), replace=False)
        whole[lucky] += 1
        remaining -= len(lucky)
    return whole.astype(np.int64)


def _by_value(dataset: DatasetSection, table: Table) -> tuple[Rows, Rows, Rows]:
    """Rows to train on, to decide on and to test on, as the values of a column say."""
    split, name = dataset.split, dataset.split.column
    assert name is not None
    words, codes = _words(table.columns[name])
    known = {words[code] for code in np.unique(codes).tolist()}
    for value in (*split.validation, *split.test):
        if canonical(value) not in known:
            near = closest(value, sorted(known))
            remedy = f"did you mean {near!r}?" if near else f"there are {some(sorted(known))}"
            message = f"{table.origin}: no row has {value!r} in column {name!r}"
            raise DataError(f"{message}, by which the rows are split; {remedy}")

    def having(values: Sequence[str]) -> NDArray[np.bool_]:
        wanted = set(map(canonical, values))
        return np.array([word in wanted for word in words], bool)[codes]

    validation, test = having(split.validation), having(split.test)
    train = ~(validation | test)
    if not train.any():
        message = f"{table.origin}: no row is left to train on, by the values of {name!r}"
        raise DataError(f"{message}; list fewer under dataset.split")
    return np.flatnonzero(train), np.flatnonzero(validation), np.flatnonzero(test)


def _words(column: Column) -> tuple[list[str], NDArray[np.int64]]:
    """A column's distinct values, numbers in one spelling, and every row's index into them."""
    if isinstance(column, Categories):
        return [canonical(word) for word in column.values], column.codes
    numbers, codes = np.unique(column, return_inverse=True)
    return [canonical(repr(number)) for number in numbers.tolist()], codes


def _moments(dataset: DatasetSection, table: Table, reading: ReadingKeys) -> NDArray[np.float64]:
    """When every row was, `[rows]`: numbers as they are, dates and times in days.

    Raises:
        DataError: a row has none, or what it has is neither.
    """
    name = dataset.split.column
    assert name is not None
    column = table.columns[name]
    words, codes = _words(column)
    missing = np.array(list(map(is_missing, words)), bool)[codes]
    if missing.any():
        message = f"{table.place(int(np.argmax(missing)))}: no {name!r}, by which rows are split"
        raise DataError(f"{message}; fill the cell, or leave the row out")
    if not isinstance(column, Categories):
        return column
    numbers = Numerals.of(reading).parse(column.values)[codes]
    wrong = ~np.isfinite(numbers)
    if wrong.mean() < 0.5:
        if wrong.any():
            row = int(np.argmax(wrong))
            message = f"{table.place(row)}: {column.at(row)!r} in column {name!r} is no number"
            raise DataError(f"{message}, and rows are split by it; mend the cell")
        return numbers
    return elapsed_days(name, column, reading.dates.get(name, DateColumn()).format, table.place)
