"""The lives of a run: each begins at a checkpoint, the first at step 0.

manifest.json      `lives`: when each began and ended, at which step it began, and how it ended
events.jsonl       the last life's
lives/1/           what the first life left: its events, where it broke, its unfinished model
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from splitrun.errors import RunDirectoryError
from splitrun.files import is_something, remove
from splitrun.session.run_directory import RunDirectory, read_json
from splitrun.telemetry.parts import part_numbers, part_path

Lives = list[dict[str, Any]]


def utc() -> str:
    """This moment, as manifests have it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def lives_of(directory: RunDirectory) -> Lives:
    """Those that the manifest tells of.

    Raises:
        RunDirectoryError: it is damaged.
    """
    keys = {"status": str, "lives": list, "environment": dict}
    path = directory.path / "manifest.json"
    lives: Lives = read_json(path, keys)["lives"]
    if not all(isinstance(life, dict) and "status" in life for life in lives):
        message = f"{path}: damaged: no 'lives' in it"
        raise RunDirectoryError(f"{message}; restore the file, or train anew")
    return lives


def begun(earlier: Sequence[Mapping[str, Any]], step: int, changes: Sequence[str] = ()) -> Lives:
    """The lives with one more that begins now; one that was never closed was killed.

    Args:
        step: its first.
        changes: of the spec, for it.
    """
    killed = {"status": "killed"}
    lives = [{**life, **(killed if life["status"] == "running" else {})} for life in earlier]
    life = {"started": utc(), "from_step": step, "ended": None, "status": "running"}
    return [*lives, life | ({"changes": list(changes)} if changes else {})]


def closed(lives: Lives, status: str, message: str) -> Lives:
    """The lives, of which the last one ends now."""
    return [*lives[:-1], {**lives[-1], "ended": utc(), "status": status, "message": message}]


def put_aside(directory: RunDirectory, life: int, history: Sequence[Mapping[str, object]]) -> None:
    """Make room for a life after number `life`; can be done again if it was interrupted.

    Args:
        history: the lines of `metrics.jsonl` up to the checkpoint; later ones will come again.
    """
    kept = directory.path / "lives" / str(life)
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
