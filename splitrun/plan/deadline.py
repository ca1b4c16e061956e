"""How long an instruction may last before it counts as stuck."""

from __future__ import annotations

from dataclasses import dataclass

from splitrun.plan.instruction import Instruction, Op
from splitrun.plan.plan import EVALUATION_BATCH_ROWS, Channel, Plan, Role
from splitrun.spec import Spec

_FLOOR_S = 10.0
"""No garbage collection and no busy machine takes that long."""
_EXPECTED = 10
"""A deadline is so many times what is emulated of a loop,"""
_SEEN = 5
"""and so many times the longest that any instruction has lasted."""
_PATIENCE = 6
"""What happens rarely, and has not been seen yet, has so many times as long."""
_RARE = (Op.LOAD, Op.DRAIN, Op.PREDICT, Op.EVALUATE, Op.CHECKPOINT)


@dataclass(frozen=True)
class Deadline:
    """The deadline of every instruction of a run."""

    base_s: float
    given: bool
    """By the user: then it holds for every instruction alike."""

    @classmethod
    def of(cls, plan: Plan) -> Deadline:
        """Ten times what the longest loop lasts that a batch goes round, as far as it is emulated;
        at least ten seconds."""
        expected_s = max(_loop_s(plan, bottom) for bottom in plan.bottoms)
        return cls(max(_FLOOR_S, _EXPECTED * expected_s), given=False)

    def seconds(self, instruction: Instruction, longest_s: float) -> float:
        """How long an instruction may last.

        Args:
            longest_s: the longest that any has lasted so far.
        """
        if self.given:
            return self.base_s
        rare = instruction.op in _RARE or instruction.phase == "evaluate" or not instruction.step
        return max(self.base_s, _SEEN * longest_s) * (_PATIENCE if rare else 1)


def deadline_of(spec: Spec, plan: Plan) -> Deadline:
    """The deadline that the spec gives, or the plan's own."""
    given = spec.supervision.deadline_s
    return Deadline.of(plan) if given == "auto" else Deadline(given, given=True)


def _loop_s(plan: Plan, bottom: Role) -> float:
    """Emulated work and links of a batch's way to the top and back, times the batches in flight."""
    ends = {bottom.name, plan.top.name}
    channels = [it for it in plan.channels if {it.source, it.target} == ends]
    work_ms = [
        getattr(role.compute, f"{work}_ms") or 0.0
        for role in (bottom, plan.top)
        if role.compute
        for work in ("forward", "loss", "backward", "update")
    ]
    once_s = sum(work_ms) / 1e3 + sum(_transit_s(plan, bottom, it) for it in channels)
    return once_s * bottom.depth


def _transit_s(plan: Plan, bottom: Role, channel: Channel) -> float:
    timing = channel.timing
    if timing is None:
        return 0.0
    rows = max(plan.batch_size, min(EVALUATION_BATCH_ROWS, plan.facts.test_rows))
    size = rows * plan.role_facts(bottom.name).cut_bytes_per_row
    return size / timing.bytes_per_s + timing.latency_s + timing.jitter_s
