"""A user's own files: one for all parties, which share out its columns, or one for each."""

from __future__ import annotations

import os
from typing import ClassVar, Literal

from pydantic import Field

from splitrun.data.sources import Opening, Source
from splitrun.data.sources.csv import CsvSource
from splitrun.spec.contracts import FileDatasetSection
from splitrun.spec.effective import own_reading
from splitrun.spec.files import ReadingKeys


class OwnFilesSection(ReadingKeys, FileDatasetSection):
    """A user's own files: one for all parties, which share out its columns, or one for each."""

    own_files: ClassVar[bool] = True

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

    @property
    def row_key(self) -> str | None:
        """The `key`."""
        return self.key

    @property
    def reading_keys(self) -> ReadingKeys:
        """As stated."""
        return ReadingKeys.model_construct(
            **{name: getattr(self, name) for name in ReadingKeys.model_fields}
        )

    def open(self, opening: Opening) -> Source:
        """The file that all share or, where the opening is one party's, that party's own."""
        own = opening.own
        path = self.path if own is None else own.path
        # Unlike pathlib's, this leaves the home of an unknown user as it is written.
        place = opening.directory / os.path.expanduser(path or "")  # noqa: PTH111
        return CsvSource(place, own_reading(self.reading_keys, own).delimiter)


class CsvDataset(OwnFilesSection):
    """CSV files; a party's own may also be Parquet or NumPy."""

    type: Literal["csv"]
