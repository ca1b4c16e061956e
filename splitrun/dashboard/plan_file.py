"""What other files tell beyond events, `plan.json` above all; any of them may be missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from splitrun.files import read_bytes


@dataclass(frozen=True)
class PlanFile:
    """What the screen can use of a plan; empty where nothing is known."""

    depths: Mapping[str, int] = field(default_factory=dict)
    """By role."""
    bandwidths_mbps: Mapping[str, float] = field(default_factory=dict)
    """By channel, where it has one."""
    micro_batches: int | None = None
    bound_samples_per_s: float | None = None

    @classmethod
    def read(cls, directory: Path) -> PlanFile:
        """From a run directory; what is absent or of another form is left out."""
        plan = _object(directory / "plan.json")
        channels = _part(plan, "channels")
        return cls(
            depths={
                name: int(depth)
                for name, role in _part(plan, "roles").items()
                if (depth := _number(role, "depth"))
            },
            bandwidths_mbps={
                name: size * 8e-3 / transfer_ms
                for name, channel in channels.items()
                if (size := _number(channel, "bytes_per_step"))
                and (transfer_ms := _number(channel, "transfer_ms"))
            },
            micro_batches=int(_number(plan, "micro_batches") or 0) or None,
            bound_samples_per_s=_number(_part(plan, "bound"), "samples_per_s")
            or _bound_of_arm(directory),
        )


def _bound_of_arm(directory: Path) -> float | None:
    """What a comparison found for the arm that was recorded in this directory."""
    arms = _object(directory.parent.parent / "comparison.json").get("arms")
    recording = f"{directory.parent.name}/{directory.name}"
    for arm in arms if isinstance(arms, list) else ():
        if isinstance(arm, dict) and arm.get("recording") == recording:
            return _number(arm, "bound_samples_per_s")
    return None


def _object(path: Path) -> dict[str, Any]:
    try:
        content = msgspec.json.decode(read_bytes(path))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _part(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    part = content.get(key)
    return part if isinstance(part, dict) else {}


def _number(content: object, key: str) -> float | None:
    """A positive number, of a size that a plan can have."""
    value = content.get(key) if isinstance(content, dict) else None
    known = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 2**63
    return value if known else None
