"""A run's memory: refused where its plan cannot fit."""

from __future__ import annotations

import math

from splitrun import units
from splitrun.errors import Problem, SpecError
from splitrun.plan import Plan, peak_bytes
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
