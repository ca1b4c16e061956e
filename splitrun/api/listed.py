"""A directory of runs as a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from splitrun.api.given import FilePath
from splitrun.catalogue.order import differing, usual_keys
from splitrun.catalogue.reading import read_catalogue

if TYPE_CHECKING:
    from pandas import DataFrame


def runs(directory: FilePath = "runs") -> DataFrame:
    """The runs, comparisons, valuations and benches of a directory, the newest first.

    Columns are those of `splitrun ls --csv`: how each stands, its metrics and throughput, and keys
    of the specs that differ. `age` is in seconds, `size` in bytes.

    Raises:
        RunDirectoryError: it is no directory, or cannot be read.
    """
    from pandas import DataFrame

    entries = read_catalogue(Path(directory)).entries
    keys = usual_keys(entries, differing(entries))
    rows = [[key.of(entry) for key in keys] for entry in entries]
    return DataFrame(rows, columns=[key.name for key in keys])
