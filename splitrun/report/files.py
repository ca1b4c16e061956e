"""The JSON files of a run directory or a comparison, read as what a stranger may have written."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import msgspec

from splitrun import files
from splitrun.errors import RunDirectoryError, one_line

T = TypeVar("T")


def read_text(path: Path) -> str | None:
    """A file's text; None where there is no such file.

    Raises:
        RunDirectoryError: it cannot be read.
    """
    try:
        return files.read_bytes(path).decode()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def read_json(path: Path, kind: type[T]) -> T | None:
    """What a JSON file holds; None where there is no such file.

    Raises:
        RunDirectoryError: it cannot be read, or holds something else.
    """
    text = read_text(path)
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise _unreadable(path, error) from error


def read_lines(path: Path, kind: type[T]) -> list[T]:
    """The records of a JSON Lines file; a last line that is not finished is left out.

    Raises:
        RunDirectoryError: it cannot be read, or a line holds something else.
    """
    decoder = msgspec.json.Decoder(kind)
    records: list[T] = []
    try:
        records.extend(map(decoder.decode, files.read_lines(path)))
    except FileNotFoundError:
        return []
    except (OSError, ValueError, RecursionError) as error:
        raise _unreadable(f"{path}:{len(records) + 1}", error) from error
    return records


def flat(content: Any) -> str:
    """JSON as a person reads it: `torch 2.13.0, numpy 2.4.6`."""
    if isinstance(content, dict):
        return ", ".join(f"{key} {flat(each)}" for key, each in content.items())
    if isinstance(content, list):
        return ", ".join(map(flat, content))
    if content is None:
        return "–"
    if isinstance(content, bool):
        return "yes" if content else "no"
    return str(content)


def _unreadable(path: Path | str, error: Exception) -> RunDirectoryError:
    message = f"{path}: cannot be read: {one_line(error)}"
    return RunDirectoryError(f"{message}; restore the file, or run it again")
