"""A Parquet file, or a directory of part files as Spark writes it.

A column is read at a time, from all its row groups, so that no more than one is held beside what
has been made of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from splitrun.data.sources.content import open_file, sha256
from splitrun.errors import DataError, one_line
from splitrun.files import is_directory
from splitrun.spec.files import ReadingKeys

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from splitrun.data.sources.typed import Numbers, Values
    from splitrun.data.table import Column, NewColumn, Table

_Made = TypeVar("_Made")
_UNNAMED_INDEX = "__index_level_"
"""What pandas calls the index of rows that has no name; it is no column."""


@dataclass(frozen=True)
class ParquetFile:
    """One or several files of the same columns, one after another."""

    path: Path
    reading: ReadingKeys
    where: str
    """The key of the spec under which `reading` stands, for remedies."""

    def columns(self) -> tuple[str, ...]:
        """As the schema names them; no row is read.

        Raises:
            DataError: it is damaged, its parts differ, or two columns have one name.
        """
        return tuple(name for name in self._schema.names if not name.startswith(_UNNAMED_INDEX))

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
        taken: dict[str, Column] = {}
        for name in columns:
            kind = self._schema.field(name).type
            _refuse_type(self.path, name, kind)
            if _is_numeric(kind) and not typed.are_words(name):
                taken[name] = typed.numbers(name, self._each(name, _numbers))
            else:
                taken |= typed.words(name, self._each(name, _values))
        return Table(str(self.path), sum(self._rows), taken, self.place, typed.new)

    def fingerprint(self) -> str:
        """SHA-256 of the file, or those of its parts."""
        return " ".join(sha256(part) for part in self._parts)

    def place(self, row: int) -> str:
        """`file: row N`, where a file's first row is 1."""
        for part, rows in zip(self._parts, self._rows, strict=True):
            if row < rows:
                return f"{part}: row {row + 1}"
            row -= rows
        return str(self.path)

    def _each(self, name: str, made_of: Callable[[pa.Array], _Made]) -> Iterator[_Made]:
        """What is made of a column's values in each row group."""
        import pyarrow as pa

        for part in self._parts:
            with _opened(part) as file:
                for group in range(file.num_row_groups):
                    # Of a column `a.b` beside a nested column `a` with a field `b`, both are read.
                    for chunk in file.read_row_group(group, [name]).column(name).chunks:
                        is_extended = isinstance(chunk, pa.ExtensionArray)
                        yield made_of(chunk.storage if is_extended else chunk)

    @cached_property
    def _parts(self) -> tuple[Path, ...]:
        if not is_directory(self.path):
            return (self.path,)
        try:
            entries = sorted(self.path.iterdir())
        except OSError as error:
            message = f"{self.path}: {error.strerror}; make the directory readable"
            raise DataError(message) from error
        for entry in entries:
            if "=" in entry.name and is_directory(entry):
                message = f"{self.path}: partitioned by {entry.name.partition('=')[0]!r}"
                raise DataError(f"{message}; write its rows as one Parquet file")
        parts = tuple(entry for entry in entries if entry.suffix == ".parquet")
        if not parts:
            message = f"{self.path}: a directory without *.parquet files"
            raise DataError(f"{message}; give the path of a file that can be read")
        return parts

    @cached_property
    def _schema(self) -> pa.Schema:
        first, *others = self._parts
        with _opened(first) as file:
            schema = file.schema_arrow
        names = schema.names
        if twice := next((name for name in names if names.count(name) > 1), None):
            message = f"{first}: {twice!r} names two columns"
            raise DataError(f"{message}; give each a name of its own")
        for other in others:
            with _opened(other) as file:
                if not file.schema_arrow.equals(schema):
                    message = f"{other}: other columns, or of other types, than {first.name} has"
                    raise DataError(f"{message}; write all parts alike")
        return schema

    @cached_property
    def _rows(self) -> tuple[int, ...]:
        """Of each part."""
        counts = []
        for part in self._parts:
            with _opened(part) as file:
                counts.append(file.metadata.num_rows)
        return tuple(counts)


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    """A file whose faults, found now or while it is read, are DataErrors."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with open_file(path) as file:
        try:
            yield pq.ParquetFile(file)
        except (pa.ArrowException, OSError, ValueError) as error:
            message = f"{path}: cannot be read as Parquet: {one_line(error)}"
            raise DataError(f"{message}; get the file again, or write it again") from error


def _is_numeric(kind: pa.DataType) -> bool:
    import pyarrow.types as types

    return bool(
        types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_decimal(kind)
        or types.is_null(kind)
    )


def _refuse_type(path: Path, name: str, kind: pa.DataType) -> None:
    import pyarrow as pa
    import pyarrow.types as types

    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    if types.is_nested(kind):
        remedy = "write each of its parts as a column of its own"
    elif types.is_time(kind) or types.is_duration(kind) or types.is_interval(kind):
        remedy = "write it as numbers"
    elif types.is_fixed_size_binary(kind):
        remedy = "write it as text"
    else:
        return
    message = f"{path}: column {name!r} is of the type {kind}"
    raise DataError(f"{message}; {remedy}, or leave it out of the columns")


def _numbers(chunk: pa.Array) -> Numbers:
    import pyarrow as pa
    import pyarrow.types as types

    if types.is_decimal(chunk.type) or types.is_null(chunk.type):
        chunk = chunk.cast(pa.float64())
    missing = chunk.is_null().to_numpy(zero_copy_only=False)
    known = chunk.fill_null(0) if chunk.null_count else chunk
    return known.to_numpy(zero_copy_only=False), missing


def _values(chunk: pa.Array) -> Values:
    import pyarrow as pa
    import pyarrow.types as types

    encoded = chunk.dictionary_encode()
    distinct = encoded.dictionary
    if types.is_temporal(distinct.type) or types.is_binary(distinct.type):
        distinct = distinct.cast(pa.string())  # dates as ISO 8601 writes them, bytes as UTF-8
    elif types.is_floating(distinct.type):
        distinct = distinct.cast(pa.float64())
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return codes.astype("int64"), distinct.to_pylist()
