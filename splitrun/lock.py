"""One process at a time trains in a run directory; whoever reads it can tell whether one does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

from splitrun.errors import RunDirectoryError

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None  # type: ignore[assignment]

_PATIENCE_S = 5.0
"""Readers that look whether a run is on hold its lock for microseconds."""


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold a run directory; the lock goes with the process, however that ends.

    Raises:
        RunDirectoryError: another one holds it.
    """
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        if _lock(descriptor) is False:
            message = f"{directory}: another process is training here; wait until it has ended"
            raise RunDirectoryError(message)
        yield
    finally:
        os.close(descriptor)


def is_held(directory: Path) -> bool | None:
    """Whether a process holds a run directory; None where nothing tells.

    It is looked at under a lock that readers share and that a writer waits for.
    """
    try:
        descriptor = os.open(directory, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    except (OSError, ValueError):
        return None
    try:
        free = _flock(descriptor, exclusive=False)
    finally:
        os.close(descriptor)
    return None if free is None else not free


def _lock(descriptor: int) -> bool | None:
    """Take it from readers, who give it back at once, but not from another writer."""
    deadline = monotonic() + _PATIENCE_S
    while (taken := _flock(descriptor, exclusive=True)) is False:
        if not _flock(descriptor, exclusive=False) or monotonic() > deadline:
            return False
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        sleep(1e-3)
    return taken


def _flock(descriptor: int, *, exclusive: bool) -> bool | None:
    """Whether the lock was there to be had; None for a file system without locks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_NB | (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH))
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True
