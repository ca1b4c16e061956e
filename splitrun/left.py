"""What a run has left that ended without a word: by `kill -9`, or on a disk too full to say more.

Its manifest says `running` for ever, but the lock of its directory went with its process.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from splitrun.files import is_directory, read_bytes
from splitrun.lock import is_held


def fate(directory: Path, status: str) -> str:
    """How a run stands, of which the manifest says `status`: that, or `killed`."""
    return "killed" if status == "running" and is_held(directory) is False else status


def stand(directory: Path) -> tuple[str, str]:
    """How the run of a directory stands, and what there is to say of it; both are empty where
    nothing tells. An arm of a comparison has no manifest, and is under way while it is held.
    """
    manifest = _manifest(directory)
    if manifest is None and directory.resolve().parent.name == "arms":
        status = fate(directory, "running")
        return status, "compare again" if status == "killed" else ""
    manifest = manifest or {}
    told, message = str(manifest.get("status", "")), str(manifest.get("message", ""))
    status = fate(directory, told)
    return status, message if status == told else way_on(directory, manifest)


def way_on(directory: Path, manifest: Mapping[str, Any]) -> str:
    """What can be done about a run that was killed."""
    command = resume_command(directory, allow_code=manifest.get("allow_code") is True)
    if command:
        return f"resume with `{command}`"
    return "it has no checkpoint, so it cannot be resumed; train again"


def resume_command(directory: Path, *, allow_code: bool) -> str:
    """How a run goes on from its newest checkpoint; empty where it has none.

    Args:
        allow_code: its spec names classes.
    """
    parties = filter(is_directory, (directory / "checkpoints").glob("*"))
    steps = [
        {path.name for path in party.glob("step-*") if path.name[5:].isdecimal()}
        for party in parties
    ]
    if not steps or not set.intersection(*steps):
        return ""
    command = f"splitrun train --resume {shlex.quote(str(directory))}"
    return command + " --allow-code" * allow_code


def _manifest(directory: Path) -> dict[str, Any] | None:
    """What the manifest says; None where there is none to be read."""
    try:
        content = msgspec.json.decode(read_bytes(directory / "manifest.json"))
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else {}
