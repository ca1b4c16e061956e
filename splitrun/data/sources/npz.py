"""Arrays that NumPy saved under names (`numpy.savez`): an array [rows] is a column of its name, and
the columns of an array `x` [rows, n] are `x0`, `x1`, ….

Nothing is unpickled.
"""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from splitrun.data.sources.content import open_file, sha256
from splitrun.errors import DataError, one_line
from splitrun.spec.files import ReadingKeys

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from splitrun.data.sources.typed import Numbers, Values
    from splitrun.data.table import Column, NewColumn, Table

_END = ".npy"


@dataclass(frozen=True)
class _Stored:
    """An array in the file, as its header says."""

    name: str
    shape: tuple[int, ...]
    kind: str
    """NumPy's character for the kind of its values."""

    @property
    def columns(self) -> tuple[str, ...]:
        if len(self.shape) == 1:
            return (self.name,)
        return tuple(f"{self.name}{index}" for index in range(self.shape[1]))


@dataclass(frozen=True)
class NpzFile:
    """One file of arrays that have equally many rows."""

    path: Path
    reading: ReadingKeys
    where: str
    """The key of the spec under which `reading` stands, for remedies."""

    def columns(self) -> tuple[str, ...]:
        """In the order in which the arrays were saved; no row is read.

        Raises:
            DataError: it is damaged, or its arrays are no columns of equal length.
        """
        return tuple(self._array_of)

    def read(
        self, columns: Sequence[str], text: Collection[str], new: NewColumn | None = None
    ) -> Table:
        """These columns of all rows; see `splitrun.data.sources.Source`.

        Args:
            new: makes what takes a column's numbers or codes while it is read.
        """
        from splitrun.data.sources.typed import TypedColumns
        from splitrun.data.table import InMemory, Table

        columns = self.reading.columns_for(columns)
        typed = TypedColumns(self.reading, self.where, self.place, new or InMemory, text)
        found: dict[str, Mapping[str, Column]] = {}
        for array in dict.fromkeys(self._array_of[name] for name in columns):
            for name, own in zip(array.columns, self._read(array).T, strict=True):
                if name in columns:
                    found[name] = (
                        {name: typed.numbers(name, [_numbers(own)])}
                        if array.kind in "iuf" and not typed.are_words(name)
                        else typed.words(name, [_values(own)])
                    )
        rows = next(iter(self._array_of.values())).shape[0] if self._array_of else 0
        taken = {own: column for name in columns for own, column in found[name].items()}
        return Table(str(self.path), rows, taken, self.place, typed.new)

    def fingerprint(self) -> str:
        """SHA-256 of the file."""
        return sha256(self.path)

    def place(self, row: int) -> str:
        """`file: row N`, the first being 1."""
        return f"{self.path}: row {row + 1}"

    @cached_property
    def _array_of(self) -> Mapping[str, _Stored]:
        """By column, the array that holds it."""
        found: dict[str, _Stored] = {}
        first: _Stored | None = None
        for array in self._stored():
            _refuse_array(self.path, array)
            first = first or array
            if array.shape[0] != first.shape[0]:
                counts = f"{first.shape[0]:,} rows and {array.name!r} {array.shape[0]:,}"
                message = f"{self.path}: {first.name!r} has {counts}"
                raise DataError(f"{message}; save arrays of one length")
            for column in array.columns:
                if column in found:
                    message = f"{self.path}: {column!r} names two columns"
                    raise DataError(f"{message}; rename the array {array.name!r}")
                found[column] = array
        return found

    def _stored(self) -> list[_Stored]:
        from numpy.lib import format as npy

        arrays = []
        with _opened(self.path) as archive:
            for member in archive.namelist():
                with archive.open(member) as file:
                    version = npy.read_magic(file)
                    read = npy.read_array_header_1_0 if version == (1, 0) else _later_header
                    shape, _, dtype = read(file)
                arrays.append(_Stored(member.removesuffix(_END), shape, dtype.kind))
        return arrays

    def _read(self, array: _Stored) -> NDArray[Any]:
        """[rows, columns]."""
        from numpy.lib import format as npy

        with _opened(self.path) as archive, archive.open(array.name + _END) as file:
            values: NDArray[Any] = npy.read_array(file, allow_pickle=False)
            return values.reshape(len(values), len(array.columns))


def _numbers(values: NDArray[Any]) -> Numbers:
    import numpy as np

    return values, np.isnan(values)


def _values(values: NDArray[Any]) -> Values:
    import numpy as np

    distinct, codes = np.unique(values, return_inverse=True)
    if distinct.dtype.kind == "M":
        codes = np.where(np.isnat(values), -1, codes)
        distinct = np.char.replace(np.datetime_as_string(distinct), "T", " ")
    elif distinct.dtype.kind == "S":
        distinct = np.char.decode(distinct, "utf-8", "backslashreplace")
    return codes, distinct.tolist()


def _later_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    from numpy.lib import format as npy

    return npy.read_array_header_2_0(file)


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The archive, whose faults, found now or while it is read, are DataErrors."""
    import zlib

    with open_file(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                yield archive
        except (
            zipfile.BadZipFile,
            zlib.error,
            OSError,
            ValueError,
            EOFError,
            KeyError,
            MemoryError,
            RuntimeError,
            NotImplementedError,
        ) as error:
            message = f"{path}: cannot be read as NumPy's arrays: {one_line(error)}"
            raise DataError(f"{message}; get the file again, or save it again") from error


def _refuse_array(path: Path, array: _Stored) -> None:
    if len(array.shape) not in (1, 2):
        what = f"has {len(array.shape)} dimensions"
        remedy = "save arrays [rows] or [rows, columns], and nothing else"
    elif array.kind == "O":
        what = "holds Python objects, which could run code"
        remedy = "save numbers, or text by np.asarray(words, dtype=str)"
    elif array.kind not in "biufUSM":
        what = "holds neither numbers, text nor dates"
        remedy = "save numbers"
    else:
        return
    raise DataError(f"{path}: the array {array.name!r} {what}; {remedy}")
