"""The attempts of a run: each begins at a checkpoint, the first at step 0.

manifest.json      `attempts`: when each began and ended, at which step it began, and how it ended
events.jsonl       the last attempt's
attempts/1/           what the first attempt left: its events, where it broke, its unfinished model
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from splitrun.errors import RunDirectoryError
from splitrun.files import is_something, remove
from splitrun.session.run_directory import RunDirectory, read_json
from splitrun.telemetry.jsonl import part_numbers, part_path

Attempts = list[dict[str, Any]]


def utc() -> str:
    """This moment, as manifests have it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def attempts_of(directory: RunDirectory) -> Attempts:
    """Those that the manifest tells of.

    Raises:
        RunDirectoryError: it is damaged.
    """
    keys = {"status": str, "attempts": list, "environment": dict}
    path = directory.path / "manifest.json"
    attempts: Attempts = read_json(path, keys)["attempts"]
    if not all(isinstance(attempt, dict) and "status" in attempt for attempt in attempts):
        message = f"{path}: damaged: no 'attempts' in it"
        raise RunDirectoryError(f"{message}; restore the file, or train anew")
    return attempts


def begun(earlier: Sequence[Mapping[str, Any]], step: int, changes: Sequence[str] = ()) -> Attempts:
    """The attempts with one more that begins now; one that was never closed was killed.

    Args:
        step: its first.
        changes: of the spec, for it.
    """
    killed = {"status": "killed"}
    attempts = [
        {**attempt, **(killed if attempt["status"] == "running" else {})} for attempt in earlier
    ]
    attempt = {"started": utc(), "from_step": step, "ended": None, "status": "running"}
    return [*attempts, attempt | ({"changes": list(changes)} if changes else {})]


def closed(attempts: Attempts, status: str, message: str) -> Attempts:
    """The attempts, of which the last one ends now."""
    return [*attempts[:-1], {**attempts[-1], "ended": utc(), "status": status, "message": message}]


def put_aside(
    directory: RunDirectory, attempt: int, history: Sequence[Mapping[str, object]]
) -> None:
    """Make room for an attempt after number `attempt`; can be done again if it was interrupted.

    Args:
        history: the lines of `metrics.jsonl` up to the checkpoint; later ones will come again.
    """
    kept = directory.path / "attempts" / str(attempt)
    kept.mkdir(parents=True, exist_ok=True)
    for number in part_numbers(directory.path):
        remove(part_path(kept, number))
        part_path(directory.path, number).replace(part_path(kept, number))
    for name in ("failure.txt", "stacks.txt", "model"):
        if is_something(directory.path / name):
            remove(kept / name)
            (directory.path / name).replace(kept / name)
    lines = "".join(json.dumps(record) + "\n" for record in history)
    directory.write_text("metrics.jsonl", lines)
