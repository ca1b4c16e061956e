"""From what a user writes to a run's directory.

A path that exists is that path. Else it is any part of a name that one run alone has, `@last`, or
`@best:auroc`; in the directory of runs, or, as `elsewhere/@last`, in another one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from splitrun.catalogue.entry import Entry, Kind
from splitrun.catalogue.keys import metric_key
from splitrun.catalogue.order import best_first
from splitrun.catalogue.reading import read_catalogue
from splitrun.errors import RunDirectoryError, UsageError
from splitrun.files import is_directory, is_something

_MOST_NAMED = 6


def located(address: str, runs_dir: Path, kinds: Collection[Kind] = ()) -> Path:
    """The directory that an address means; the address itself as a path where nothing is found.

    Args:
        runs_dir: where names are looked up.
        kinds: what may be meant by a name; default: anything.

    Raises:
        UsageError: several are meant, or there is none that is the last or the best.
    """
    path = Path(address)
    directory, name = (path.parent, path.name) if "/" in address else (runs_dir, address)
    if is_something(path) or not name or not is_directory(directory):
        if name.startswith("@") and not is_something(path):
            raise UsageError(f"{address}: {directory} is no directory of runs; give its path")
        return path
    try:
        found = read_catalogue(directory).entries
    except RunDirectoryError:
        return path
    entries = [entry for entry in found if not kinds or entry.kind in kinds]
    if name.startswith("@"):
        return _special(address, name, entries, directory).path
    meant = [entry for entry in entries if entry.run == name]
    meant = meant or [entry for entry in entries if name in entry.run]
    if len(meant) > 1:
        named = ", ".join(entry.run for entry in meant[:_MOST_NAMED])
        more = f" and {len(meant) - _MOST_NAMED} more" if len(meant) > _MOST_NAMED else ""
        what = f"{len(meant)} names in {directory} have that in them"
        raise UsageError(f"{address}: {what}: {named}{more}; write more of one")
    return meant[0].path if meant else path


def _special(address: str, name: str, entries: Sequence[Entry], directory: Path) -> Entry:
    what, colon, metric = name.partition(":")
    if name == "@last":
        if not entries:
            raise UsageError(f"{address}: there is none in {directory}")
        return max(entries, key=lambda entry: entry.started)
    if what != "@best" or not colon or not metric:
        raise UsageError(f"{address}: unknown; use @last, or @best:METRIC such as @best:auroc")
    key = metric_key(metric)
    evaluated = [entry for entry in entries if entry.kind == "run" and key.of(entry) is not None]
    if not evaluated:
        known = sorted({name for entry in entries for name in entry.metrics})
        there = f"there are {', '.join(known)}" if known else "none was evaluated"
        raise UsageError(f"{address}: no run in {directory} has {metric}; {there}")
    return best_first(evaluated, key)[0]
