"""A user's own files: one for all parties, which share out its columns, or one for each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from splitrun.data.sources import BlockSource, Opening
from splitrun.data.sources.content import Kind, kind_of
from splitrun.data.sources.csv import CsvSource
from splitrun.data.sources.npz import NpzFile
from splitrun.data.sources.parquet import ParquetFile
from splitrun.errors import DataError, Problem
from splitrun.errors import Path as SpecPath
from splitrun.files import located
from splitrun.spec.check_files import file_problems, file_warnings
from splitrun.spec.datasets import FileDatasetSection, LabelColumns
from splitrun.spec.effective import is_joined, own_reading
from splitrun.spec.files import Align, KeyType, ReadingKeys

if TYPE_CHECKING:
    from splitrun.data.table import NewColumn, Table
    from splitrun.spec import Spec


class OwnFilesSection(ReadingKeys, FileDatasetSection):
    """A user's own files: one for all parties, which share out its columns, or one for each."""

    own_files: ClassVar[bool] = True

    path: str | None = Field(
        None, description="One file for all parties; relative to the spec. Else each has a path."
    )
    test_path: str | None = Field(None, description="A file of rows that are held out.")
    label: LabelColumns = Field(description="The column to predict, or several.")
    key: str | None = Field(
        None,
        description="The column that rows are joined by; those that all parties have are used.",
    )
    key_type: KeyType = Field(
        "auto",
        description="Keys are compared as text; `integer`: as whole numbers, so that 007 is 7; "
        "`auto`: as text, and keys that differ by zeros, case or space alone are refused.",
    )
    align: Align | None = Field(
        None,
        description="How parties on machines of their own join rows by keys. `sorted`: all have "
        "the same; `hmac`: by keyed hashes, which the parties could guess; `psi`: by private set "
        "intersection.",
    )
    classes: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="The label's classes, and other spellings of each."
    )
    cache: str | None = Field(
        None,
        description="A directory for encoded rows, made once and memory-mapped: for data larger "
        "than memory.",
    )

    @property
    def declared_classes(self) -> Mapping[str, Sequence[str]]:
        """The `classes`."""
        return self.classes

    @property
    def classes_known(self) -> int | None:
        """The number of `classes`, where there are some."""
        return len(self.classes) or None

    def problems(self, spec: Spec, path: SpecPath) -> Iterator[Problem]:
        """Also files and keys that do not fit together, a spelling of two classes, and more or
        fewer classes than the loss takes."""
        yield from super().problems(spec, path)
        yield from file_problems(spec, self.path, self.test_path)
        if self.align is not None and not is_joined(spec):
            remedy = "add dataset.key, or a key for each of the parties; or remove align"
            yield Problem((*path, "align"), "there is no key to join rows by", remedy)
        elif self.align == "psi" and self.key_type == "auto":
            what = "psi compares keys as they are written, and cannot tell those that differ in it"
            yield Problem((*path, "align"), what, "set dataset.key_type to integer or text")
        place, taken = (*path, "classes"), dict[str, str]()
        for name, spellings in self.classes.items():
            for spelling in (name, *spellings):
                other = taken.setdefault(spelling, name)
                if other != name:
                    what = f"{spelling!r} is a spelling of {other!r} and of {name!r}"
                    yield Problem(place, what, "keep one")
        if self.classes and spec.top.loss.labels == "multilabel":
            yield Problem(place, "are those of one label, and there are several", "remove it")
            return
        wanted = 2 if spec.top.loss.labels == "binary" else None
        if len(self.classes) == 1 or (self.classes and wanted not in {None, len(self.classes)}):
            what = f"{len(self.classes)} do not fit the loss {spec.top.loss.title}"
            yield Problem(place, what, "list 2" if wanted else "list at least 2")

    def warnings(self, spec: Spec, path: SpecPath) -> Iterator[Problem]:
        """Also dropped columns that are no features anyway, classes of a label that is a number,
        and how to compare keys that there are not."""
        yield from super().warnings(spec, path)
        yield from file_warnings(spec)
        if self.key_type != "auto" and not is_joined(spec):
            what = "has no effect: there is no key"
            yield Problem((*path, "key_type"), what, "remove it, or add dataset.key")
        if self.classes and spec.top.loss.labels == "numbers":
            what = f"has no effect with the loss {spec.top.loss.title}"
            yield Problem((*path, "classes"), what, "remove it")

    @property
    def cache_path(self) -> str | None:
        """The `cache`."""
        return self.cache

    @property
    def test_file(self) -> str | None:
        """The `test_path`."""
        return self.test_path

    @property
    def row_key(self) -> str | None:
        """The `key`."""
        return self.key

    @property
    def keys_as(self) -> KeyType:
        """The `key_type`."""
        return self.key_type

    @property
    def aligned_by(self) -> Align | None:
        """The `align`."""
        return self.align

    @property
    def reading_keys(self) -> ReadingKeys:
        """As stated."""
        return ReadingKeys.model_construct(
            **{name: getattr(self, name) for name in ReadingKeys.model_fields}
        )

    def open(self, opening: Opening) -> FileSource:
        """The file that all share or, where the opening is one party's, that party's own."""
        own = opening.own
        path = self.path if own is None else own.path
        place = located(path or "", opening.directory)
        where = "dataset" if own is None else f"parties.{opening.party}.reading"
        return FileSource(place, own_reading(self.reading_keys, own), where)


class CsvDataset(OwnFilesSection):
    """CSV files. Whatever the type, each file is read as what it holds."""

    type: Literal["csv"]


class ParquetDataset(OwnFilesSection):
    """Parquet files, or directories of their parts."""

    type: Literal["parquet"]


class NpzDataset(OwnFilesSection):
    """NumPy's files of arrays (`numpy.savez`)."""

    type: Literal["npz"]


@dataclass(frozen=True)
class FileSource:
    """A file, read as what it holds, whatever its name."""

    path: Path
    reading: ReadingKeys
    where: str
    """The key of `reading` in the spec."""

    def columns(self) -> tuple[str, ...]:
        """The names of all columns."""
        return self._of_its_kind.columns()

    def read(
        self, columns: Sequence[str], text: Collection[str], new: NewColumn | None = None
    ) -> Table:
        """These columns of all rows; see `BlockSource`."""
        return self._of_its_kind.read(columns, text, new)

    def fingerprint(self) -> str:
        """SHA-256 of what is there; empty where there is nothing that can be read."""
        try:
            return self._of_its_kind.fingerprint()
        except DataError:
            return ""

    @cached_property
    def _of_its_kind(self) -> BlockSource:
        made: Mapping[Kind, Callable[[Path, ReadingKeys, str], BlockSource]] = {
            "text": CsvSource,
            "parquet": ParquetFile,
            "npz": NpzFile,
        }
        return made[kind_of(self.path)](self.path, self.reading, self.where)
