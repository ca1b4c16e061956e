"""Files as a stranger may have left them: regular ones, in place, within bounds."""

from __future__ import annotations

import os
from pathlib import Path

MOST_BYTES = 64 << 20
"""Of a file that is read as a whole: JSON, or text for a page."""


def check_regular(path: Path) -> None:
    """Refuse what never ends or lies elsewhere: pipes, devices, links out of the file's directory.

    Raises:
        OSError: there is no such file, or nothing tells what it is.
        ValueError: it is no regular file of its directory.
    """
    path.stat()
    if not path.is_file():
        raise ValueError("not a regular file")
    if not path.resolve().is_relative_to(path.parent.resolve()):
        raise ValueError("a link to a file elsewhere")


def read_bytes(path: Path, most: int = MOST_BYTES) -> bytes:
    """All of a file, whose directory a stranger may have made.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no regular file of its directory, or has more bytes than `most`.
    """
    check_regular(path)
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"more than {most / 2**20:g} MiB")
    return content


def write_text(path: Path, text: str) -> None:
    """Write or replace a file: a reader sees the old one or the new one, and a link in its place is
    replaced, not followed.

    Raises:
        OSError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Make a file's content last, or a directory's entries.

    Raises:
        OSError: it cannot be read, or the disk cannot.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
