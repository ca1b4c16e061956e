"""How long an instruction may last before it counts as stuck."""

from __future__ import annotations

from dataclasses import dataclass

from splitrun.errors import Problem, SpecError
from splitrun.plan.plan import Channel, Plan, Role
from splitrun.plan.schedule import Instruction, Op
from splitrun.spec import Spec

_FLOOR_S = 10.0
"""No garbage collection and no busy machine takes that long."""
_EXPECTED = 10
"""A deadline is so many times what is emulated of a loop,"""
_SEEN = 5
"""and so many times the longest that any instruction has lasted."""
_PATIENCE = 6
"""What happens rarely, and has not been seen yet, has so many times as long."""
_RARE = (Op.LOAD, Op.DRAIN, Op.PREDICT, Op.EVALUATE, Op.DECIDE, Op.CHECKPOINT)


@dataclass(frozen=True)
class Deadline:
    """The deadline of every instruction of a run."""

    base_s: float
    given: bool
    """By the user: then it holds for every instruction alike."""
    first_step: int = 0
    """That the run, or this attempt of it, begins with."""

    @classmethod
    def of(cls, plan: Plan, first_step: int = 0) -> Deadline:
        """Ten times what the longest loop lasts that a batch goes round, as far as it is emulated;
        at least ten seconds, and as many times that as hardware is emulated to be slower."""
        expected_s = max(_loop_s(plan, bottom) for bottom in plan.bottoms)
        slowest = max((role.compute and role.compute.scale) or 1.0 for role in plan.roles)
        base_s = max(_FLOOR_S * slowest, _EXPECTED * expected_s)
        return cls(base_s, given=False, first_step=first_step)

    def seconds(self, instruction: Instruction, longest_s: float) -> float:
        """How long an instruction may last.

        Args:
            longest_s: the longest that any has lasted so far.
        """
        if self.given:
            return self.base_s
        op, phase, step = instruction.op, instruction.phase, instruction.step
        rare = op in _RARE or phase != "train" or step == self.first_step
        return max(self.base_s, _SEEN * longest_s) * (_PATIENCE if rare else 1)


def deadline_of(spec: Spec, plan: Plan, first_step: int = 0) -> Deadline:
    """The deadline that the spec gives, or the plan's own.

    Raises:
        SpecError: a message takes longer than the one that is given.
    """
    given = spec.supervision.deadline_s
    if given == "auto":
        return Deadline.of(plan, first_step)
    for channel in plan.channels:
        takes_s = _transit_s(plan, channel, _largest_rows(plan, channel))
        if takes_s >= given:
            what = f"a message over {channel.name} takes up to {takes_s:.3g} s, so it would be late"
            remedy = "raise it, or use auto"
            raise SpecError([Problem(("supervision", "deadline_s"), what, remedy)])
    return Deadline(given, given=True, first_step=first_step)


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
    rows = max(plan.batch_size, plan.largest_evaluation_batch)
    once_s = sum(work_ms) / 1e3 + sum(_transit_s(plan, it, rows) for it in channels)
    return once_s * bottom.depth


def _transit_s(plan: Plan, channel: Channel, rows: int) -> float:
    """Of a message of so many rows, at most."""
    timing = channel.timing
    if timing is None:
        return 0.0
    size = rows * plan.bytes_per_row(channel)
    return size / timing.bytes_per_s + timing.latency_s + timing.jitter_s


def _largest_rows(plan: Plan, channel: Channel) -> int:
    """Of the channel's messages; only cuts are sent in evaluations."""
    if not plan.steps:
        return 0
    training = -(-plan.rows(0) // plan.slices(0))
    if channel.target != plan.top.name:
        return training
    return max(training, plan.largest_evaluation_batch)
