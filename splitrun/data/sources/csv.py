"""Text files; the parties share out their columns."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from splitrun.data.sources import Opening
from splitrun.data.sources.content import sha256
from splitrun.data.sources.records import TextFile
from splitrun.errors import DataError
from splitrun.spec.contracts import FileDatasetSection
from splitrun.spec.files import ReadingKeys

if TYPE_CHECKING:
    from splitrun.data.table import Table


class OwnFilesSection(ReadingKeys, FileDatasetSection):
    """A user's own files: one for all parties, which share out its columns, or one for each."""

    path: str | None = Field(
        None, description="One file for all parties; relative to the spec. Else each has a path."
    )
    test_path: str | None = Field(None, description="A file of rows that are held out.")
    label: str = Field(description="The column to predict.")
    key: str | None = Field(
        None,
        description="The column that rows are joined by; those that all parties have are used.",
    )
    key_type: Literal["auto", "text", "integer"] = Field(
        "auto",
        description="Keys are compared as text; `integer`: as whole numbers, so that 007 is 7; "
        "`auto`: as text, and keys that differ by zeros, case or space alone are refused.",
    )
    classes: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="The label's classes, and other spellings of each."
    )
    cache: str | None = Field(
        None,
        description="A directory for encoded rows, made once and memory-mapped: for data larger "
        "than memory.",
    )


class CsvDataset(OwnFilesSection):
    """CSV files; a party's own may also be Parquet or NumPy."""

    type: Literal["csv"]

    def open(self, opening: Opening) -> CsvSource:
        """The file."""
        # Unlike pathlib's, this leaves the home of an unknown user as it is written.
        path = os.path.expanduser(self.path or "")  # noqa: PTH111
        return CsvSource(opening.directory / path, self)


@dataclass(frozen=True)
class CsvSource:
    """A text file, and what the spec says about reading it."""

    path: Path
    reading: ReadingKeys
    where: str = "dataset"
    """The key of `reading` in the spec."""

    def columns(self) -> tuple[str, ...]:
        """The header's names."""
        return TextFile(self.path, self.reading, self.where).header()

    def read(self, columns: Sequence[str], text: Collection[str]) -> Table:
        """These columns of all rows; see `text.read_table`."""
        from splitrun.data.sources.text import read_table

        return read_table(TextFile(self.path, self.reading, self.where), columns, text)

    def fingerprint(self) -> str:
        """SHA-256 of the file; empty where there is none that can be read."""
        try:
            return sha256(self.path)
        except DataError:
            return ""


def csv_cell(value: object) -> object:
    """A cell to write. Spreadsheets would run text that begins like a formula, so an apostrophe
    goes before it; a number stays one, be it text or not."""
    if not isinstance(value, str) or _NUMBER.fullmatch(value):
        return value
    return f"'{value}" if value.lstrip(" ")[:1] in _FORMULA else value


_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
