"""A run's memory: refused where its plan cannot fit, and what its roles really held."""

from __future__ import annotations

import math
from collections.abc import Mapping

from splitrun import units
from splitrun.errors import Problem, SpecError
from splitrun.model import BottomStage, Stage
from splitrun.plan import Plan, peak_bytes
from splitrun.runtime import ChannelStatistics
from splitrun.simulate import with_depth
from splitrun.spec import Spec


def memory_limit_bytes(spec: Spec) -> float:
    """What the roles of a plan may hold together; infinite where nothing is said."""
    limit_mb = spec.runtime.memory_limit_mb
    return math.inf if limit_mb is None else limit_mb * 1e6


def refuse_beyond(plan: Plan, limit_bytes: float) -> None:
    """Refuse a plan whose roles would hold more than this at their peak.

    Raises:
        SpecError: with the depth that would fit, if there is one.
    """
    wanted = peak_bytes(plan)
    if wanted <= limit_bytes:
        return
    held, limit = units.megabytes(wanted), units.megabytes(limit_bytes)
    what = f"the plan holds {held} MB at its peak, more than {limit} MB"
    depths = range(plan.depth - 1, 0, -1)
    sizes = ((depth, peak_bytes(with_depth(plan, depth))) for depth in depths)
    fitting = next(((depth, size) for depth, size in sizes if size <= limit_bytes), None)
    if fitting:
        remedy = f"depth {fitting[0]} would fit, with {units.megabytes(fitting[1])} MB"
    else:
        remedy = "no depth would fit; use smaller layers, smaller batches or a higher limit"
    raise SpecError([Problem(("runtime", "memory_limit_mb"), what, remedy)])


def held_at_peak(
    stages: Mapping[str, Stage],
    channels: Mapping[str, ChannelStatistics],
    copied_bytes: Mapping[str, int],
) -> dict[str, dict[str, int]]:
    """Bytes by role: weights, optimizer state, versions, and the messages of a bottom.

    Args:
        stages: after the run.
        channels: by name, likewise.
        copied_bytes: for a checkpoint, by role; empty where there was none.
    """
    held = {}
    for name, stage in stages.items():
        sizes = {"weights": stage.weight_bytes, "optimizer": stage.optimizer_bytes}
        if isinstance(stage, BottomStage):
            sent = max(s.peak_bytes for c, s in channels.items() if c.startswith(f"{name}->"))
            heard = max(s.peak_bytes for c, s in channels.items() if c.endswith(f"->{name}"))
            sizes["versions"] = stage.version_peak_bytes
            sizes["messages"] = max(stage.cut_peak_bytes + heard, sent)
        if name in copied_bytes:
            sizes["checkpoint_copy"] = copied_bytes[name]
        held[name] = sizes
    return held
