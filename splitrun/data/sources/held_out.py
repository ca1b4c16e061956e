"""Two files of a party, one after the other: rows to train on, and rows that are held out."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from splitrun.data.sources import Source
from splitrun.errors import DataError

if TYPE_CHECKING:
    from splitrun.data.table import Categories, Column, Table


@dataclass(frozen=True)
class HeldOutSource:
    """A source that a test file goes with."""

    train: Source
    test: Source
    test_path: str
    """As the spec has it."""

    def columns(self) -> tuple[str, ...]:
        """Those of the file to train on."""
        return self.train.columns()

    def read(self, columns: Sequence[str], text: Collection[str]) -> Table:
        """These columns of both, the test file's rows last; made where those of the first are.

        Raises:
            DataError: also where the test file lacks some, they hold something else there, or it
                has no row, or is the file to train on.
        """
        import numpy as np

        from splitrun.data.table import Table

        if missing := [name for name in columns if name not in self.test.columns()]:
            message = f"{self.test_path}: no column {missing[0]!r}, which the file to train on has"
            raise DataError(f"{message}; add it, or take it off the columns")
        first, second = self.train.read(columns, text), self.test.read(columns, text)
        if not second.rows:
            message = f"{self.test_path}: a header and no row, though its rows are the test rows"
            raise DataError(f"{message}; name a file with some, or leave test_path out")
        if os.path.realpath(first.origin) == os.path.realpath(second.origin):
            message = f"{self.test_path}: the file to train on and the file to test on are one"
            raise DataError(f"{message}; name another file, or leave test_path out")

        def place(row: int) -> str:
            return first.place(row) if row < first.rows else second.place(row - first.rows)

        return Table(
            f"{first.origin} and {second.origin}",
            first.rows + second.rows,
            {name: _both(name, first, second) for name in first.columns},
            place,
            first.new,
            first.new_array,
            held_out=np.arange(first.rows + second.rows) >= first.rows,
        )

    def fingerprint(self) -> str:
        """Those of both files."""
        # Told apart from those of two parts of one file.
        return f"{self.train.fingerprint()} held out: {self.test.fingerprint()}"


def _both(name: str, first: Table, second: Table) -> Column:
    """A column of two tables, one after the other.

    Raises:
        DataError: it holds numbers in one and words in the other.
    """
    import numpy as np

    from splitrun.data.table import Categories, blocks_of

    one, other = first.columns[name], second.columns[name]
    made = first.new()
    if not isinstance(one, Categories) and not isinstance(other, Categories):
        for numbers in (one, other):
            for block in blocks_of(len(numbers)):
                made.append(numbers[block])
        return made.whole()
    words: dict[str, int] = {}
    for table, column, beside in ((first, one, second), (second, other, first)):
        as_words = column if isinstance(column, Categories) else _empty_words(column)
        if as_words is None:
            words_at = beside.columns[name]
            assert isinstance(words_at, Categories), "one of the two holds words"
            message = f"{beside.place(0)}: {words_at.at(0)!r} in column {name!r}, which holds"
            remedy = "mend the cells, or list the column as categorical"
            raise DataError(f"{message} numbers in {table.origin}; {remedy}")
        codes = np.array([words.setdefault(it, len(words)) for it in as_words.values], np.int64)
        for block in blocks_of(table.rows):
            made.append(codes[as_words.codes[block]])
    return Categories(made.whole(), tuple(words))


def _empty_words(column: Column) -> Categories | None:
    """A column of no cells but empty ones, as words; None for one of numbers."""
    import numpy as np

    from splitrun.data.table import Categories

    assert not isinstance(column, Categories), "it is read as numbers"
    return Categories(np.zeros(len(column), np.int64), ("",)) if np.isnan(column).all() else None
