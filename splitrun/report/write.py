"""From a directory to its page."""

from __future__ import annotations

from pathlib import Path

from splitrun.errors import RunDirectoryError, RunFailed, UsageError, one_line
from splitrun.files import is_directory, is_something, write_text
from splitrun.records.bench import BenchRecord, SoakRecord
from splitrun.records.comparison import StudyStatus, read_comparison
from splitrun.records.reading import read_record
from splitrun.records.run import fate
from splitrun.records.value import read_value
from splitrun.report.bench_page import bench_page, soak_page
from splitrun.report.comparison_page import comparison_page
from splitrun.report.page import Page, render
from splitrun.report.run_page import read_run, run_page
from splitrun.report.value_page import value_page


def write(path: Path, output: Path | None = None) -> Path:
    """Write the page of a run, a comparison, a bench, a valuation or a recording; gives where.

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


def written_or_why(path: Path) -> RunFailed | None:
    """Write the report of a directory, or give why that failed: a page never ends what it shows."""
    try:
        write(path)
    except Exception as error:  # noqa: BLE001 - whatever it is
        remedy = f"`splitrun report {path}` tries again"
        return RunFailed("the report", "writing its page", f"{one_line(error)}; {remedy}")
    return None


def _page(path: Path) -> Page:
    if not is_directory(path):
        what = "not a directory" if is_something(path) else "no such directory"
        raise RunDirectoryError(f"{path}: {what}; {_REMEDY}")
    comparison = read_comparison(path)
    if comparison is not None:
        return comparison_page(path, comparison)
    value = read_value(path)
    if value is not None:
        return value_page(path, value)
    bench = read_record(path / "bench.json", BenchRecord)
    if bench is not None:
        return bench_page(path, bench)
    soak = read_record(path / "soak.json", SoakRecord)
    if soak is not None:
        return soak_page(path, soak)
    unfinished = read_record(path / "status.json", StudyStatus)
    if unfinished is not None:
        status, again = fate(path, unfinished.status), _AGAIN[unfinished.kind]
        message = f"{path}: a {unfinished.kind} whose status is {status!r}, so there is no page"
        raise RunDirectoryError(f"{message} of it; what it measured is in measured.jsonl; {again}")
    run = read_run(path)
    if run is None:
        raise RunDirectoryError(f"{path}: neither a run nor a comparison; {_REMEDY}")
    return run_page(run)


_AGAIN = {"comparison": "compare again", "valuation": "value it again"}
_REMEDY = "give a directory that `splitrun train` or `splitrun compare` has written"
