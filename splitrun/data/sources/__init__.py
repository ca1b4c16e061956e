"""Where rows come from: one file per type of dataset, one small protocol.

Opening a source and asking for its columns imports neither numpy nor pandas; reading does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from splitrun.data.table import NewColumn, Table
    from splitrun.spec.model import PartySection


OnDownload = Callable[[int, int | None], None]
"""Told the bytes done and, where the server says so, the bytes in all."""


class Source(Protocol):
    """A dataset that knows its columns and can be read."""

    def columns(self) -> tuple[str, ...]:
        """The names of all columns, the label's among them.

        Raises:
            DataError: what holds the columns is missing or damaged.
        """
        ...

    def read(self, columns: Sequence[str], text: Collection[str]) -> Table:
        """These columns of all rows; those also in `text` as categories, whatever they hold.

        Raises:
            DataError: the rows are missing or damaged.
        """
        ...

    def fingerprint(self) -> str:
        """What changes where the rows do, though the spec does not; empty where nothing can."""
        ...


class BlockSource(Source, Protocol):
    """A source that is read block by block."""

    def read(
        self, columns: Sequence[str], text: Collection[str], new: NewColumn | None = None
    ) -> Table:
        """As any source; `new` makes what takes a column while it is read, in place of memory."""
        ...

    def fingerprint(self) -> str:
        """As any source.

        Raises:
            DataError: there is nothing that can be read.
        """
        ...


@dataclass(frozen=True)
class Opening:
    """What a source may need to know beside its own section."""

    parties: tuple[str, ...]
    """Those that have a bottom."""
    directory: Path
    """Where relative paths of the spec start."""
    data_dir: Path | None = None
    """Where to look first for a published dataset."""
    on_download: OnDownload | None = None
    """Told the bytes done and the bytes in all, where these are known."""
    party: str | None = None
    """Whose own file is opened; None for what all share."""
    own: PartySection | None = None
    """What the spec says of that party."""
