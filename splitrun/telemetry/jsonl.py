"""`events.jsonl`: every event of a run, one JSON object a line, in parts where they are many.

    events.jsonl          the first part: `RunStarted` and what came next
    events.7.jsonl        later parts, numbered from 1; of these only the most recent are kept
    events.8.jsonl

Every later part begins with a line that tells how many events all earlier parts held, kept or not.
So a long run does not fill the disk.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import BinaryIO

import msgspec

from splitrun.events import Event, RunEnded, RunStarted
from splitrun.files import create, remove

FIRST_PART = "events.jsonl"
_NUMBER = re.compile("[1-9][0-9]{0,17}")


class Continued(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag=True):
    """The first line of every part but the first."""

    events_before: int


def part_path(directory: Path, number: int) -> Path:
    """Where a part is; 0 is the first."""
    return directory / (f"events.{number}.jsonl" if number else FIRST_PART)


def part_numbers(directory: Path) -> list[int]:
    """The parts that are there, ascending; those that a recording no longer keeps are missing."""
    names = (path.name.split(".") for path in directory.glob("events*.jsonl"))
    numbers = (0 if len(name) == 2 else int(name[1]) for name in names if _is_part(name))
    return sorted(numbers)


def _is_part(name: list[str]) -> bool:
    return name == ["events", "jsonl"] or (
        len(name) == 3 and _NUMBER.fullmatch(name[1]) is not None
    )


_BATCH = 512
"""Events that are encoded and written at once."""
_LONGEST_WAIT_S = 0.25
"""An event that comes later than this after the last write is written with all before it."""


class JsonLines:
    """A sink that writes into the directory which `RunStarted` names.

    Args:
        part_bytes: a part that has grown to this size is followed by a new one.
        recent_parts: how many parts are kept besides the first. By default a recording takes
            half a GiB at most: all of 150,000 steps with two bottoms, the first 19,000 and the
            last 130,000 of a longer run.
    """

    def __init__(self, part_bytes: int = 64 << 20, recent_parts: int = 7) -> None:
        self._part_bytes = part_bytes
        self._recent_parts = recent_parts
        self._encoder = msgspec.json.Encoder()
        self._directory = Path()
        self._file: BinaryIO | None = None
        self._part = 0
        self._written = 0
        self._waiting: list[Event] = []
        self._write_at = 0.0

    def __call__(self, event: Event) -> None:
        """Take in one event; it is on disk soon, and at the end of the run at the latest.

        Raises:
            OSError: it cannot be written; the recording ends there.
        """
        self.take_all((event,))

    def take_all(self, events: Sequence[Event]) -> None:
        """Take in events, in their order; likewise.

        Raises:
            OSError: they cannot be written; the recording ends there.
        """
        try:
            if isinstance(events[0], RunStarted):
                self._file = self._first_part(Path(events[0].run_dir))
            if self._file is not None:
                self._take(self._file, events)
        except OSError:
            if self._file is not None:
                with suppress(OSError):
                    self._file.close()
            self._file = None
            raise

    def _take(self, file: BinaryIO, events: Sequence[Event]) -> None:
        self._waiting.extend(events)
        if isinstance(events[-1], RunEnded):
            with file:
                self._write(file)
            self._file = None
        elif len(self._waiting) >= _BATCH or monotonic() >= self._write_at:
            self._write(file)
            if file.tell() >= self._part_bytes:
                self._file = self._next_part(file)

    def _first_part(self, directory: Path) -> BinaryIO:
        for old in part_numbers(directory):
            remove(part_path(directory, old))
        self._directory, self._part, self._written = directory, 0, 0
        return create(part_path(directory, 0))

    def _write(self, file: BinaryIO) -> None:
        file.write(self._encoder.encode_lines(self._waiting))
        file.flush()
        self._written += len(self._waiting)
        self._waiting.clear()
        self._write_at = monotonic() + _LONGEST_WAIT_S

    def _next_part(self, file: BinaryIO) -> BinaryIO:
        file.close()
        self._part += 1
        file = create(part_path(self._directory, self._part))
        file.write(self._encoder.encode_lines([Continued(self._written)]))
        if self._part > self._recent_parts:
            remove(part_path(self._directory, self._part - self._recent_parts))
        return file
