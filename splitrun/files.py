"""Files as a stranger may have left them: regular ones, in place, within bounds.

Whoever reads or removes anything here asks these functions, not `pathlib`: `open` of a pipe waits
for ever, `exists` is true of one, `is_file` raises for a name that is too long, and
`rmtree(ignore_errors=True)` leaves what it was to remove.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

MOST_BYTES = 1 << 30
"""Of a file that is read as a whole: JSON, or text for a page. No larger one is written."""
LONGEST_LINE_BYTES = 1 << 20
"""Of a file that is read line by line."""

_UNTRICKED = sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_BINARY"))
"""Neither waits for whoever writes into a pipe, nor, on Windows, changes a byte."""
_READ = os.O_RDONLY | _UNTRICKED
_UNFOLLOWED = getattr(os, "O_NOFOLLOW", 0)
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | _UNFOLLOWED | _UNTRICKED
_ODD = tuple(chr(code) for code in (*range(32), *range(127, 160)))
"""Control characters: newlines, tabs and what a terminal takes for commands."""


def located(path: str, directory: Path) -> Path:
    """A path as a user writes it: `~` is a home, and a relative one starts at this directory."""
    # Unlike pathlib's, this leaves the home of an unknown user as it is written.
    return directory / os.path.expanduser(path)  # noqa: PTH111


def open_regular(path: Path, *, elsewhere: bool = False) -> BinaryIO:
    """A file to read; pipes, devices and sockets are neither read nor waited for.

    Args:
        elsewhere: whether it may be a link to a file outside of its directory; of a directory that
            a stranger may have made, it may not.

    Raises:
        OSError: there is no such file, it cannot be opened, or it is a directory.
        ValueError: it is no regular file, or a link to one elsewhere.
    """
    _refuse_irregular(path.stat().st_mode, path)  # before it is opened, which some devices notice
    found = path
    if path.is_symlink():
        found = Path(os.path.realpath(path, strict=True))
        if not (elsewhere or found.is_relative_to(os.path.realpath(path.parent))):
            raise ValueError("a link to a file elsewhere")
    file = os.fdopen(os.open(found, _READ | _UNFOLLOWED), "rb")
    try:
        _refuse_irregular(os.fstat(file.fileno()).st_mode, path)
    except BaseException:
        file.close()
        raise
    return file


def _refuse_irregular(mode: int, path: Path) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise ValueError("not a regular file")


def is_regular(path: Path) -> bool:
    """Whether a regular file is there, or a link to one; never raises."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_directory(path: Path) -> bool:
    """Whether a directory is there, or a link to one; never raises."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def is_something(path: Path) -> bool:
    """Whether anything is there, be it a pipe or a link to nowhere; never raises."""
    try:
        return os.path.lexists(path)
    except ValueError:
        return False


def read_bytes(path: Path, most: int | None = MOST_BYTES, *, elsewhere: bool = False) -> bytes:
    """All of a file, whose directory a stranger may have made.

    Args:
        most: bytes that it may have; None for a file that our writers put no bound to.
        elsewhere: as in `open_regular`.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no regular file of its directory, has more bytes than `most`, or than
            there is memory.
    """
    with open_regular(path, elsewhere=elsewhere) as file:
        try:
            size = os.fstat(file.fileno()).st_size
            content = file.read() if most is None or size <= most else file.read(most + 1)
        except MemoryError as error:
            raise ValueError("larger than the memory") from error
    if most is not None and len(content) > most:
        raise ValueError(f"more than {most / 2**20:g} MiB")
    return content


def read_lines(path: Path) -> Iterator[bytes]:
    """The whole lines of a file of any size, without their ends; a last one that was not finished
    is left out.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no regular file of its directory, or a line is longer than any of ours.
    """
    with open_regular(path) as file:
        while line := file.readline(LONGEST_LINE_BYTES + 1):
            if line.endswith(b"\n"):
                yield line[:-1]
            elif len(line) > LONGEST_LINE_BYTES:
                raise ValueError(f"a line of more than {LONGEST_LINE_BYTES / 2**20:g} MiB")


def write_text(path: Path, text: str) -> None:
    """Write or replace a file: a reader sees the old one or the new one, and a link or a pipe in
    its place is replaced, not followed. What is no UTF-8 is written as Python escapes it.

    Raises:
        OSError: it cannot be written.
    """
    with replacing(path) as file:
        file.write(text.encode("utf-8", "backslashreplace"))
        file.flush()
        os.fsync(file.fileno())
    sync(path.parent)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write that is put in the place of whatever is there, once it is whole.

    Raises:
        OSError: it cannot be written; what was there stays.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with create(temporary) as file:
            yield file
        replace(temporary, path)
    finally:
        remove(temporary)


def replace(path: Path, target: Path) -> None:
    """Give a file another's name, in the place of whatever has it but a device.

    Raises:
        OSError: it cannot be; or what is there is a device, which the whole machine uses.
    """
    _spare_device(target)
    path.replace(target)


def _spare_device(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except OSError:  # nothing is there
        return
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        raise OSError(errno.EINVAL, "a device", str(path))


def create(path: Path) -> BinaryIO:
    """A new file to write, in the place of whatever is there.

    Raises:
        OSError: it cannot be made, or what is there cannot be removed.
    """
    remove(path)
    return path.open("xb")


def append_text(path: Path, text: str) -> None:
    """Add to a regular file, which is made if nothing is there.

    Raises:
        OSError: it cannot be written, or something else is there.
    """
    with os.fdopen(os.open(path, _APPEND, 0o666), "ab") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        file.write(text.encode("utf-8", "backslashreplace"))


def remove(path: Path) -> None:
    """Remove whatever is there, a directory with all in it; of a link, not what it leads to.

    Raises:
        OSError: something is left; a device is.
    """
    _spare_device(path)
    try:
        path.unlink()
    except FileNotFoundError:
        return
    except OSError:
        if not stat.S_ISDIR(path.lstat().st_mode):
            raise
        shutil.rmtree(path)


def size_bytes(path: Path) -> int:
    """Of all regular files in a directory, however deep; links are not followed, and what cannot be
    looked at counts nothing."""
    size, directories = 0, [os.fspath(path)]
    while directories:
        try:
            with os.scandir(directories.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        directories.append(entry.path)
                    elif entry.is_file(follow_symlinks=False):
                        size += entry.stat(follow_symlinks=False).st_size
        except (OSError, ValueError):
            continue
    return size


def sync(path: Path) -> None:
    """Make a file's content last, or a directory's entries.

    Raises:
        OSError: it cannot be read, or the disk cannot.
    """
    descriptor = os.open(path, _READ)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def why_odd(path: Path) -> str:
    """Why an absolute path cannot stand in a file of ours, or on one line; empty if it can."""
    text = os.path.abspath(path)  # noqa: PTH100 - resolving could fail
    try:
        text.encode()
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    return "its name has control characters" if any(char in text for char in _ODD) else ""
