"""Text files as a source of rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from splitrun.data.sources.content import sha256
from splitrun.data.sources.records import TextFile
from splitrun.spec.files import ReadingKeys

if TYPE_CHECKING:
    from splitrun.data.table import NewColumn, Table


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

    def read(
        self, columns: Sequence[str], text: Collection[str], new: NewColumn | None = None
    ) -> Table:
        """These columns of all rows; see `text.read_table`."""
        from splitrun.data.sources.text import read_table
        from splitrun.data.table import InMemory

        file = TextFile(self.path, self.reading, self.where)
        return read_table(file, columns, text, new or InMemory)

    def fingerprint(self) -> str:
        """SHA-256 of the file."""
        return sha256(self.path)
