"""Where rows come from: one file per dataset type, one small protocol.

Opening a source and asking for its columns imports neither numpy nor pandas; reading does.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from splitrun.data.download import OnDownload
from splitrun.data.sources.bank_marketing import BankMarketingSource
from splitrun.data.sources.csv import CsvSource
from splitrun.data.sources.synthetic import SyntheticSource
from splitrun.spec.model import BankMarketingDataset, CsvDataset, Dataset, Party

if TYPE_CHECKING:
    from splitrun.data.table import Table


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


def open_source(
    dataset: Dataset,
    parties: Mapping[str, Party],
    directory: Path,
    data_dir: Path | None = None,
    on_download: OnDownload | None = None,
) -> Source:
    """The source of a spec's dataset.

    Args:
        directory: where relative paths of the spec start.
        data_dir: where to look first for a published dataset.
        on_download: told the bytes done and the bytes in all, where these are known.
    """
    if isinstance(dataset, CsvDataset):
        # Unlike pathlib's, this leaves the home of an unknown user as it is written.
        path = os.path.expanduser(dataset.path)  # noqa: PTH111
        return CsvSource(directory / path, dataset.delimiter)
    if isinstance(dataset, BankMarketingDataset):
        return BankMarketingSource(dataset.size, data_dir, on_download)
    bottoms = tuple(name for name, party in parties.items() if party.bottom)
    return SyntheticSource(dataset, bottoms)
