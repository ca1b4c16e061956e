"""The same plan at another depth, in other slices, with another batch size: what advice compares.

Consistent with `splitrun.plan.compile`, which makes plans from specs.
"""

from __future__ import annotations

from dataclasses import replace

from splitrun.plan import Plan


def with_depth(plan: Plan, depth: int) -> Plan:
    """The plan with `depth` batches in flight at every bottom; at 1 it is sequential."""
    staled = replace(plan, schedule="stale" if depth > 1 else "sequential")
    return _in_flight(staled, depth, 1)


def with_micro_batches(plan: Plan, micro_batches: int) -> Plan:
    """The plan with every batch in `micro_batches` slices, one batch in flight."""
    return _in_flight(replace(plan, schedule="microbatch"), 1, micro_batches)


def with_batch_size(plan: Plan, batch_size: int) -> Plan:
    """The plan with `batch_size` rows a batch; emulated durations stay as they are."""
    return replace(plan, batch_size=batch_size)


def _in_flight(plan: Plan, depth: int, micro_batches: int) -> Plan:
    capacity = max(2, depth * micro_batches)
    return replace(
        plan,
        bottoms=tuple(replace(bottom, depth=depth) for bottom in plan.bottoms),
        top=replace(plan.top, depth=depth),
        channels=tuple(replace(channel, capacity=capacity) for channel in plan.channels),
        micro_batches=micro_batches,
    )
