"""Columns of a text file, read by pandas, at once or block by block, and never silently.

Its C reader is the fastest that is exact (decision 26), but it keeps quiet about much: rows of
another length where only some columns are read, rows that a quotation mark swallows, cells that it
takes for what they are not. So what passes to it is counted, and where the counts are odd the file
is looked at closely. Columns that begin with words, or turn out to have some, are read as words,
cell by cell as they stand, and what they hold is decided by `kinds`.
"""

from __future__ import annotations

import codecs
import re
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice, product
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from splitrun.data.dates import date_features
from splitrun.data.kinds import LARGEST_WHOLE, as_categories, column_of
from splitrun.data.sources.content import is_packed, open_file
from splitrun.data.sources.records import BLOCK_BYTES, TextFile
from splitrun.data.table import (
    MISSING_MARKS,
    Categories,
    Column,
    InMemory,
    NewColumn,
    Table,
    Words,
)
from splitrun.errors import DataError

BLOCK_CELLS = 1 << 22
"""Cells that are read at a time."""
SAMPLE_ROWS = 100
"""From so many rows it is guessed how columns are best read; what holds is decided by all."""


def read_table(
    file: TextFile,
    columns: Sequence[str],
    text: Collection[str],
    new: NewColumn = InMemory,
) -> Table:
    """These columns of a text file; those also in `text` as categories, with their cells verbatim.

    Of a column of dates its features are read; either may be asked for.

    Args:
        new: makes what takes a column's numbers or codes while it is read.

    Raises:
        DataError: the file is damaged, its rows are of unequal lengths, or a column is not what it
            looks like.
    """
    names, reading = file.header(), file.reading
    columns = reading.columns_for(columns)
    file.refuse_same_names(names, columns)
    positions = {name: names.index(name) for name in columns}
    as_words = {*text, *reading.categorical, *reading.dates}.intersection(columns)
    as_words |= _begin_with_words(file, positions)
    rows, numbers, words = _Reading(file, names, new).read(positions, as_words)
    if turned := positions.keys() - numbers.keys() - words.keys():
        again = {name: positions[name] for name in positions if name in turned}
        _, _, more = _Reading(file, names, new).read(again, turned)
        words |= more
    taken: dict[str, Column] = {}
    for name in columns:
        if name in numbers:
            taken[name] = numbers.pop(name)
        elif name in text:
            taken[name] = as_categories(words.pop(name), reading)
        elif name in reading.dates:
            taken |= date_features(name, words.pop(name), reading, file.place)
        else:
            taken[name] = column_of(name, words.pop(name), reading, file.place, file.where)
    return Table(str(file.path), rows, taken, file.place, new)


def _begin_with_words(file: TextFile, positions: Mapping[str, int]) -> set[str]:
    """The columns that hold anything but plain numbers in the first rows."""
    found = set()
    plain = _plain_number(file.reading.decimal)
    empty = _missing_marks() | frozenset(file.reading.missing_values)
    for _, cells in islice(file.records(), file.has_header, SAMPLE_ROWS):
        found |= {
            name
            for name, position in positions.items()
            if position < len(cells)
            and not plain.fullmatch(cells[position])
            and cells[position].strip() not in empty
        }
    return found


@lru_cache
def _plain_number(decimal: str) -> re.Pattern[str]:
    """A number that pandas reads as it is meant; one with leading zeros may be an id."""
    point = re.escape(decimal)
    whole = "0?[0-9]|[1-9][0-9]*"
    return re.compile(rf"[+-]?((?:{whole})(?:{point}[0-9]*)?|{point}[0-9]+)([eE][+-]?[0-9]+)?")


@lru_cache
def _missing_marks() -> frozenset[str]:
    """`MISSING_MARKS` in all cases."""
    cased = (product(*({char, char.upper()} for char in mark)) for mark in MISSING_MARKS)
    return frozenset("".join(chars) for marks in cased for chars in marks)


@dataclass
class _Counted:
    """The blocks of a file for pandas, which asks for bytes; and what has passed."""

    blocks: Iterator[bytes]
    delimiter: int
    padded_quote: re.Pattern[bytes]
    is_padded: bool = False
    """Whether a quoted cell may stand behind a blank."""
    delimiters: int = 0
    quotes: int = 0
    rows: int = 0
    last_is_full: bool = True
    """Whether the last column has no empty cell, as it has in rows that are too short."""

    def read(self, _: int = -1) -> bytes:
        """The next block."""
        block = next(self.blocks, b"")
        if block:
            cells = np.frombuffer(block, np.uint8)
            self.delimiters += int(np.count_nonzero(cells == self.delimiter))
            if b'"' in block:
                self.quotes += block.count(b'"')
                self.is_padded |= self.padded_quote.search(block) is not None
        return block

    def __iter__(self) -> Iterator[bytes]:
        return self.blocks


@dataclass(frozen=True)
class _Reading:
    """One pass through a file."""

    file: TextFile
    names: Sequence[str]
    new: NewColumn
    skips_blanks: bool = False
    """Whether blanks before quotation marks are looked for, which takes pandas longer."""

    def read(
        self, positions: Mapping[str, int], as_words: Collection[str]
    ) -> tuple[int, dict[str, NDArray[np.float64]], dict[str, Categories]]:
        """The number of rows, and columns as numbers or as words.

        Those that are not to be read as words, but hold some, are left out.
        """
        numbers = {name: self.new() for name in positions if name not in as_words}
        words = {name: Words(self.new()) for name in positions if name in as_words}
        counted = _Counted(self.file.blocks(), ord(self.file.delimiter), self.file.padded_quote)
        for frame in self._frames(counted, positions, as_words):
            for name, column in words.items():
                column.append(*pd.factorize(frame[positions[name]].to_numpy(object)))
            for name in list(numbers):
                values = frame[positions[name]]
                if _is_exact(values):
                    numbers[name].append(values.to_numpy(np.float64))
                else:
                    del numbers[name]
        if counted.is_padded and self.file.skips_blanks and not self.skips_blanks:
            return replace(self, skips_blanks=True).read(positions, as_words)
        self._refuse_odd_counts(counted)
        made = {name: column.whole() for name, column in numbers.items()}
        if any(map(_seems_whole, made.values())) and _has_leading_zeros(self.file):
            made = {name: values for name, values in made.items() if not _seems_whole(values)}
        return (
            counted.rows,
            made,
            {name: self._restored(column.whole()) for name, column in words.items()},
        )

    def _restored(self, cells: Categories) -> Categories:
        """With the words that the file has."""
        return replace(cells, values=tuple(map(self.file.restored, cells.values)))

    def _frames(
        self, counted: _Counted, positions: Mapping[str, int], as_words: Collection[str]
    ) -> Iterator[pd.DataFrame]:
        """Blocks of rows, whose columns are named by their positions; one without rows for a file
        without."""
        last = len(self.names) - 1
        try:
            for frame in self._parsed(counted, self._options(positions, as_words)):
                counted.rows += len(frame)
                counted.last_is_full &= not frame[last].isna().any()
                yield frame
        except UnicodeDecodeError as error:
            self.file.refuse_encoding(error)
        except pd.errors.ParserError as error:
            if "EOF inside string" in str(error):
                self.file.refuse_open_quote()
            self.file.refuse_ragged(len(self.names))
            message = f"{self.file.path}: cannot be read as CSV: {error}; mend the file"
            raise DataError(message) from error

    def _options(self, positions: Mapping[str, int], as_words: Collection[str]) -> dict[str, Any]:
        """What pandas is told of the file; the last column is read in any case."""
        reading = self.file.reading
        width = len(self.names)
        used = sorted({*positions.values(), width - 1})
        marks = [*_missing_marks(), *reading.missing_values]
        wordy = {positions[name] for name in as_words}
        return {
            "sep": self.file.delimiter,
            "header": 0 if self.file.has_header else None,
            "names": list(range(width)),
            "index_col": False,
            # Where it is to choose columns, pandas reads on one core.
            **({"usecols": used} if len(used) < width else {}),
            "dtype": dict.fromkeys(wordy, object),
            "keep_default_na": False,
            "na_values": {it: [""] if it in wordy else marks for it in used},
            "decimal": reading.decimal,
            "skipinitialspace": self.skips_blanks,
        }

    def _parsed(self, counted: _Counted, options: Mapping[str, Any]) -> Iterator[pd.DataFrame]:
        """What pandas makes of the file."""
        first = int(self.file.has_header)
        if next(islice(self.file.records(), first, first + 1), None) is None:
            used = options.get("usecols", options["names"])
            kinds = {it: options["dtype"].get(it, np.float64) for it in used}
            yield pd.DataFrame({it: np.array([], kind) for it, kind in kinds.items()})
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pd.errors.ParserWarning)
            warnings.simplefilter("ignore", pd.errors.DtypeWarning)  # such columns are read again
            if self.new is InMemory and (at_once := _read_at_once(self.file, options)):
                frame, counted.delimiters = at_once
                yield frame
                return
            rows = max(1, BLOCK_CELLS // len(self.names))
            with pd.read_csv(cast("Any", counted), chunksize=rows, **options) as blocks:
                yield from blocks

    def _refuse_odd_counts(self, counted: _Counted) -> None:
        """Look closely where delimiters or lines are not as many as the rows say."""
        width = len(self.names)
        records = counted.rows + self.file.has_header
        is_odd = counted.delimiters != records * (width - 1) or not counted.last_is_full
        if is_odd and (counted.quotes or self._has_other_counts(width - 1)):
            self.file.refuse_ragged(width)
        if counted.quotes and sum(1 for _ in self.file.lines()) != records:
            self.file.refuse_swallowed(width)

    def _has_other_counts(self, delimiters: int) -> bool:
        """Whether some line of a file without quotation marks has not so many; empty lines are no
        rows."""
        for block in self.file.line_blocks():
            cells = np.frombuffer(block, np.uint8)
            ends = np.flatnonzero((cells == ord("\n")) | (cells == ord("\r")))
            starts = np.concatenate(([0], ends + 1))
            starts = starts[np.diff(starts, append=len(cells) + 1) > 1]
            is_delimiter = cells == ord(self.file.delimiter)
            counts = (
                np.add.reduceat(is_delimiter, starts, dtype=np.int64) if len(starts) else starts
            )
            if (counts != delimiters).any():
                return True
        return False


def _read_at_once(file: TextFile, options: Mapping[str, Any]) -> tuple[pd.DataFrame, int] | None:
    """What pandas makes of a plain file and the number of its delimiters; None for another file,
    or where something is wrong with it, which is found block by block.

    Given a path, pandas reads on several cores; given blocks, on one.
    """
    if file.is_converted or is_packed(file.path) or _plain_delimiters(file, BLOCK_BYTES) is None:
        return None
    with ThreadPoolExecutor(1) as beside:
        counting = beside.submit(_plain_delimiters, file)
        frame = None
        with suppress(ValueError, OSError):  # all errors of pandas' parser are ValueErrors
            path = str(file.path.absolute())
            frame = pd.read_csv(path, compression=None, low_memory=True, **options)
        delimiters = counting.result()
    return None if frame is None or delimiters is None else (frame, delimiters)


def _plain_delimiters(file: TextFile, most_bytes: int | None = None) -> int | None:
    """The number of delimiters in a file, or in its beginning, if it is plain: if `blocks` gives
    every byte as it is, and none is a quotation mark; None for another."""
    block = bytearray(BLOCK_BYTES)
    cells = np.frombuffer(block, np.uint8)
    delimiters = done = 0
    with open_file(file.path) as opened:
        while (most_bytes is None or done < most_bytes) and (length := opened.readinto(block)):  # type: ignore[attr-defined]
            odd = any(block.find(mark, 0, length) >= 0 for mark in _NOT_PLAIN)
            if odd or (not done and block.startswith(codecs.BOM_UTF8)):
                return None
            delimiters += int(np.count_nonzero(cells[:length] == ord(file.delimiter)))
            done += length
    return delimiters


_NOT_PLAIN = (b'"', b"\0", b"\f")


def _is_exact(values: pd.Series[Any]) -> bool:
    """Whether pandas made numbers of the cells, and float64 has them all."""
    if values.dtype.kind not in "iuf":
        return False
    array = values.to_numpy()
    if not len(array):
        return True
    low, high = float(array.min()), float(array.max())
    if np.isnan(low):
        low, high = float(np.fmin.reduce(array)), float(np.fmax.reduce(array))
    return bool(np.isnan(low) or -LARGEST_WHOLE < low <= high < LARGEST_WHOLE)


def _seems_whole(values: NDArray[np.float64]) -> bool:
    """Whether the first numbers there are whole ones, as of ids."""
    known = values[:BLOCK_CELLS:64][:SAMPLE_ROWS]
    known = known[np.isfinite(known)]
    return len(known) > 0 and bool((known == np.floor(known)).all())


def _has_leading_zeros(file: TextFile) -> bool:
    """Whether some cell begins with a zero and two digits more, as `007` does."""
    before = b"\n"
    ends = [ord(file.delimiter), *b'\r\n" ']
    for block in file.blocks():
        cells = np.frombuffer(before + block, np.uint8)
        # All ends but the delimiter are among the first characters: few cells are left to look at.
        starts = np.flatnonzero((cells[:-1] == ends[0]) | (cells[:-1] <= ord('"'))) + 1
        zeros = starts[cells[starts] == ord("0")]
        zeros = zeros[zeros < len(cells) - 2]
        zeros = zeros[np.isin(cells[zeros - 1], ends)]
        if (_are_digits(cells[zeros + 1]) & _are_digits(cells[zeros + 2])).any():
            return True
        before = (before + block)[-3:]
    return False


def _are_digits(cells: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return (cells >= ord("0")) & (cells <= ord("9"))
