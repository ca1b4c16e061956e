"""One CSV file with a header, UTF-8; the parties share out its columns."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from splitrun.data.csv_text import read_header
from splitrun.data.sources import Opening
from splitrun.files import open_regular
from splitrun.spec.contracts import FileDatasetSection
from splitrun.spec.section import DELIMITER_PATTERN

if TYPE_CHECKING:
    from splitrun.data.table import Table


class CsvDataset(FileDatasetSection):
    """One CSV file with a header; the parties share out its columns."""

    type: Literal["csv"]
    path: str = Field(description="The file; relative to the spec.")
    label: str = Field(description="The column to predict.")
    delimiter: str = Field(",", min_length=1, max_length=1, pattern=DELIMITER_PATTERN)

    def open(self, opening: Opening) -> CsvSource:
        """The file."""
        # Unlike pathlib's, this leaves the home of an unknown user as it is written.
        path = os.path.expanduser(self.path)  # noqa: PTH111
        return CsvSource(opening.directory / path, self.delimiter)


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

    def fingerprint(self) -> str:
        """SHA-256 of the file; empty where there is none that can be read."""
        try:
            known = self.path.stat()
            return _sha256(self.path, known.st_size, known.st_mtime_ns, known.st_ino)
        except (OSError, ValueError):
            return ""


@lru_cache(maxsize=64)
def _sha256(path: Path, *_: int) -> str:
    """Of a file, once as long as its size, its time and its place on the disk stay."""
    digest = hashlib.sha256()
    with open_regular(path, elsewhere=True) as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()
