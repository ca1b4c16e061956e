"""How `events.jsonl` is kept in parts, so that a long run does not fill the disk.

    events.jsonl          the first part: `RunStarted` and what came next
    events.7.jsonl        later parts, numbered from 1; of these only the most recent are kept
    events.8.jsonl

Every later part begins with a line that tells how many events all earlier parts held, kept or not.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

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
