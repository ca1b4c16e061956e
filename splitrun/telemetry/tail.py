"""The end of a recording, without the rest of it: what its run is stuck at."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from splitrun.events import Stuck
from splitrun.files import open_regular
from splitrun.telemetry.jsonl import part_numbers, part_path

_TAIL_BYTES = 1 << 18
"""A run that is stuck writes a sample or two a second beside what it is stuck at, some hundred
bytes each."""


def stuck_at(directory: Path) -> Stuck | None:
    """What the recording's run was stuck at when it was last written to; None where it was not, or
    where nothing tells."""
    numbers = part_numbers(directory)
    if not numbers:
        return None
    try:
        with open_regular(part_path(directory, numbers[-1])) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            lines = file.read(_TAIL_BYTES).split(b"\n")
    except (OSError, ValueError):
        return None
    for line in reversed(lines):
        if b'"type":"Stuck"' in line:
            try:
                event = msgspec.json.decode(line, type=Stuck)
            except (ValueError, RecursionError):  # the first line may be the end of one
                return None
            return None if event.over else event
    return None
