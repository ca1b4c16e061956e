"""What may be removed, what is worth keeping, and removing it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from splitrun.catalogue.entry import Entry
from splitrun.catalogue.keys import Key, spec_key
from splitrun.catalogue.order import best_first
from splitrun.catalogue.reading import read_entry
from splitrun.errors import RunDirectoryError
from splitrun.files import is_directory, is_regular, is_something, remove, size_bytes
from splitrun.lock import locked

_LAST = ("resolved.yaml", "spec.yaml")
"""By these a directory is known to be splitrun's, also after a removal that was broken off."""
_UNSUCCESSFUL = ("failed", "killed", "interrupted")


def removable(path: Path) -> Entry:
    """What is to be removed.

    Raises:
        RunDirectoryError: it is a link, no directory of splitrun's, or a process is at it.
    """
    if path.is_symlink():
        raise RunDirectoryError(f"{path}: a link; name the directory that it leads to")
    is_ours = is_directory(path) and all(is_regular(path / name) for name in _LAST)
    entry = read_entry(path) if is_ours else None
    if entry is None:
        what = "not a directory that splitrun has written" if is_something(path) else "no such run"
        raise RunDirectoryError(f"{path}: {what}; `splitrun ls` lists those that are")
    if entry.is_alive:
        raise RunDirectoryError(f"{path}: a process is at it; wait until it has ended, or end it")
    return entry


def prunable(
    entries: Sequence[Entry],
    *,
    keep_best: int | None,
    by: Key | None,
    older_than_s: float | None,
    failed: bool,
) -> list[Entry]:
    """Runs that are over and not worth keeping, of those that are given.

    Args:
        keep_best: of every experiment, by its name, so many runs stay, the best by a key; those
            without a value stay, too.
        by: that key.
        older_than_s: only what began so long ago.
        failed: those that came to no end; with `keep_best`, these too, else these alone.
    """
    over = [entry for entry in entries if entry.kind == "run" and not entry.is_alive]
    chosen: set[Path] = set()
    if keep_best is not None and by is not None:
        experiments: dict[object, list[Entry]] = {}
        for entry in over:
            if by.of(entry) is not None:
                experiments.setdefault(spec_key("name").of(entry), []).append(entry)
        for runs in experiments.values():
            chosen |= {entry.path for entry in best_first(runs, by)[keep_best:]}
    if failed:
        chosen |= {entry.path for entry in over if entry.status in _UNSUCCESSFUL}
    if keep_best is None and not failed:
        chosen = {entry.path for entry in over}
    return [
        entry
        for entry in over
        if entry.path in chosen and (older_than_s is None or entry.age_s > older_than_s)
    ]


def remove_run(entry: Entry) -> int:
    """Remove a run with all that is in its directory; gives the bytes that were freed.

    Raises:
        RunDirectoryError: a process is at it, or something cannot be removed.
    """
    path = entry.path
    removable(path)
    freed = size_bytes(path)
    with locked(path):
        try:
            for each in sorted(path.iterdir(), key=lambda each: each.name in _LAST):
                remove(each)
            path.resolve().rmdir()
        except OSError as error:
            where = error.filename or path
            message = f"{where}: cannot be removed: {error.strerror}"
            raise RunDirectoryError(f"{message}; make it writable, and remove the rest") from error
    return freed
