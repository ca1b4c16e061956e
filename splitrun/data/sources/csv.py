"""One CSV file with a header, UTF-8; the parties share out its columns."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from splitrun.data.csv_text import read_header

if TYPE_CHECKING:
    from splitrun.data.table import Table


@dataclass(frozen=True)
class CsvSource:
    """A file and the character between its cells."""

    path: Path
    delimiter: str

    def columns(self) -> tuple[str, ...]:
        """The header's names."""
        return read_header(self.path, self.delimiter)

    def read(self, columns: Sequence[str], text: Collection[str]) -> Table:
        """These columns of all rows; see `table.read_table`."""
        from splitrun.data.table import read_table

        return read_table(self.path, self.delimiter, columns, text)
