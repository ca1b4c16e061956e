"""Records as files: one JSON object, or one a line, that a stranger may have damaged.

Every record has a `format`: a number that grows when a field changes its meaning. What older
splitruns wrote has none; it is read by the names that fields have now. A field that is missing has
its default, one that is unknown is passed over, and one of another type is damage.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import msgspec

from splitrun import files
from splitrun.errors import RunDirectoryError, one_line

DAMAGE = (OSError, ValueError, RecursionError)
"""What reading and decoding raise, be it text that is no UTF-8 or lists a thousand deep."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Base of what a file, or a line of one, holds."""

    former_names: ClassVar[Mapping[str, str]] = {}
    """Names that fields have in records without a format, and what they are called now."""

    @classmethod
    def of(cls, content: object) -> Self:
        """The record that plain JSON data are.

        Raises:
            ValueError: they are another one, or of a format that is not known.
        """
        return msgspec.convert(cls.renamed(content), cls)

    @classmethod
    def renamed(cls, content: object) -> object:
        """The same JSON data with the names that fields have now."""
        if not isinstance(content, dict) or "format" in content:
            return content
        return {cls.former_names.get(key, key): value for key, value in content.items()}

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data, as a file has them, with None for what is not finite."""
        content: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return content


class FileRecord(Record, frozen=True, kw_only=True):
    """Base of what a whole file holds."""

    newest_format: ClassVar[int] = 1
    remedy: ClassVar[str] = "train again"
    """Beside restoring the file, what can be done about a damaged one."""

    format: int = 1

    def __post_init__(self) -> None:
        if self.format > self.newest_format:
            known = f"this splitrun knows formats up to {self.newest_format}"
            raise ValueError(f"of format {self.format}, and {known}; use a newer one")


R = TypeVar("R", bound=Record)
F = TypeVar("F", bound=FileRecord)


def read_text(path: Path) -> str | None:
    """A file's text; None where there is no such file.

    Raises:
        RunDirectoryError: it cannot be read.
    """
    try:
        return files.read_bytes(path).decode()
    except FileNotFoundError:
        return None
    except DAMAGE as error:
        raise damaged(path, error, FileRecord.remedy) from error


def read_record(path: Path, kind: type[F], *, whole: bool = True) -> F | None:
    """What a JSON file holds; None where there is no such file.

    Args:
        whole: whether what the record has no field for is decoded, too, so that damage there is
            found.

    Raises:
        RunDirectoryError: it cannot be read, or holds something else.
    """
    try:
        content = files.read_bytes(path)
        if whole or any(f'"{name}"'.encode() in content for name in kind.former_names):
            return kind.of(msgspec.json.decode(content))
        return msgspec.json.decode(content, type=kind)
    except FileNotFoundError:
        return None
    except DAMAGE as error:
        raise damaged(path, error, kind.remedy) from error


def read_lines(path: Path, kind: type[R]) -> list[R]:
    """The records of a JSON Lines file; a last line that is not finished is left out.

    Raises:
        RunDirectoryError: it cannot be read, or a line holds something else; names it.
    """
    records: list[R] = []
    try:
        for line in files.read_lines(path):
            records.append(kind.of(msgspec.json.decode(line)))  # noqa: PERF401 - counted on failure
    except FileNotFoundError:
        return []
    except DAMAGE as error:
        raise damaged(f"{path}:{len(records) + 1}", error, FileRecord.remedy) from error
    return records


def damaged(path: Path | str, error: Exception, remedy: str) -> RunDirectoryError:
    """What to tell of a file that cannot be read."""
    message = f"{path}: cannot be read: {one_line(error)}"
    return RunDirectoryError(f"{message}; restore the file, or {remedy}")


def flattened(tree: Mapping[str, Any], prefix: str = "") -> dict[str, object]:
    """The values of a tree by their dotted keys; an empty mapping is a value, too."""
    values: dict[str, object] = {}
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            values |= flattened(value, f"{prefix}{key}.")
        else:
            values[f"{prefix}{key}"] = value
    return values
