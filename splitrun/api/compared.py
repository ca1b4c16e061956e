"""`Comparison`, what a comparison found out, and `load_comparison`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from splitrun.api.given import FilePath
from splitrun.catalogue.address import located
from splitrun.errors import RunDirectoryError
from splitrun.records.comparison import ComparisonRecord, finished_comparison

if TYPE_CHECKING:
    from splitrun.catalogue.entry import Kind

Comparison = ComparisonRecord
"""What a comparison found out, as its `comparison.json` has it."""


def load_comparison(comparison: FilePath, *, runs_dir: FilePath = "runs") -> Comparison:
    """What a comparison found out that was made before, by `compare` or `splitrun compare`.

    Args:
        comparison: its directory, any part of its name, or `@last`.
        runs_dir: where names are looked up.

    Raises:
        UsageError: there is none, or several are meant.
        RunDirectoryError: it is damaged, or did not come to its end.
    """
    kinds: tuple[Kind, ...] = ("comparison",)
    path = located(str(comparison), Path(runs_dir), kinds)
    found = finished_comparison(path)
    if found is None:
        raise RunDirectoryError(f"{path}: no comparison; give the directory of one")
    return found
