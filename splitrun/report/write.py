"""From a directory to its page."""

from __future__ import annotations

from pathlib import Path

from splitrun.errors import RunDirectoryError, UsageError
from splitrun.files import is_directory, is_something, write_text
from splitrun.records.comparison import ComparisonStatus, read_comparison
from splitrun.records.reading import read_record
from splitrun.records.run import fate
from splitrun.report.comparison_page import comparison_page
from splitrun.report.page import Page, render
from splitrun.report.run_page import read_run, run_page


def write(path: Path, output: Path | None = None) -> Path:
    """Write the page of a run directory, a comparison or a recording; gives where it is.

    Args:
        output: default: `report.html` in the directory.

    Raises:
        RunDirectoryError: the directory is none of these, or a file in it is damaged.
        UsageError: the page cannot be written.
    """
    html = render(_page(path))
    target = output or path / "report.html"
    try:
        write_text(target, html)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        message = f"{target}: cannot be written: {reason}"
        raise UsageError(f"{message}; give --output a file in a directory that exists") from error
    return target


def _page(path: Path) -> Page:
    if not is_directory(path):
        what = "not a directory" if is_something(path) else "no such directory"
        raise RunDirectoryError(f"{path}: {what}; {_REMEDY}")
    comparison = read_comparison(path)
    if comparison is not None:
        return comparison_page(path, comparison)
    unfinished = read_record(path / "status.json", ComparisonStatus)
    if unfinished is not None:
        status = fate(path, unfinished.status)
        message = f"{path}: a comparison whose status is {status!r}, so there is no page of it"
        raise RunDirectoryError(f"{message}; what it measured is in measured.jsonl; compare again")
    run = read_run(path)
    if run is None:
        raise RunDirectoryError(f"{path}: neither a run nor a comparison; {_REMEDY}")
    return run_page(run)


_REMEDY = "give a directory that `splitrun train` or `splitrun compare` has written"
