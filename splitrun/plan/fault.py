"""A spec's faults as the instructions that they hit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from splitrun.errors import Problem, SpecError
from splitrun.plan.compile import bottom_name
from splitrun.plan.plan import Plan
from splitrun.plan.schedule import Instruction, Op
from splitrun.spec import Spec
from splitrun.spec.faults import Fault

_OPS = {"receive": Op.RECV} | {op.lower(): op for op in Op if op is not Op.RECV}
_AT_A_DRAIN = (Op.DRAIN, Op.EVALUATE, Op.CHECKPOINT)
_OF_EVALUATION = (Op.PREDICT, Op.EVALUATE)


@dataclass(frozen=True)
class PlannedFault:
    """A fault and the instruction of a role that it hits."""

    index: int
    """In the spec's list."""
    fault: Fault
    role: str
    op: Op
    peer: str = ""
    """Of the message, for a fault of a link."""

    def hits(self, instruction: Instruction) -> bool:
        """Whether this is the instruction, or the first slice of it."""
        op, step, micro, peer, phase = instruction
        return (
            op is self.op
            and step == self.fault.step
            and not micro
            and self.peer in ("", peer)
            and (phase == "train" or op in _OF_EVALUATION)
        )

    def __str__(self) -> str:
        return f"faults[{self.index}] of the spec"


def planned_faults(spec: Spec, plan: Plan) -> Sequence[PlannedFault]:
    """The spec's faults, in its order.

    Raises:
        SpecError: the run ends before the step of one.
    """
    planned = [_planned(index, fault, plan) for index, fault in enumerate(spec.faults)]
    late = [_late(fault, plan) for fault in planned if not _happens(fault, plan)]
    if late:
        raise SpecError(late)
    return planned


def _planned(index: int, fault: Fault, plan: Plan) -> PlannedFault:
    if fault.hit_link is not None:
        source, _, target = fault.hit_link.partition("->")
        if target == plan.top.party:
            return PlannedFault(index, fault, bottom_name(source), Op.SEND, plan.top.name)
        return PlannedFault(index, fault, plan.top.name, Op.SEND, bottom_name(target))
    role = fault.hit_role or plan.top.name
    usual = Op.LOSS if role == plan.top.name else Op.FORWARD
    at = fault.hit_instruction
    return PlannedFault(index, fault, role, _OPS[at] if at else usual)


def _happens(planned: PlannedFault, plan: Plan) -> bool:
    step = planned.fault.step
    if planned.op is Op.PREDICT:
        return step < plan.evaluation_batches
    if planned.op in _AT_A_DRAIN:
        return step in _drains(planned.op, plan)
    return step < plan.steps


def _drains(op: Op, plan: Plan) -> list[int]:
    """After how many steps the pipeline drains, and for an evaluation or a checkpoint if asked."""
    return [
        segment.stop
        for segment in plan.segments()
        if (op is not Op.EVALUATE or segment.evaluation_batches)
        and (op is not Op.CHECKPOINT or segment.checkpoint)
    ]


def _late(planned: PlannedFault, plan: Plan) -> Problem:
    place = ("faults", planned.index, "step")
    if planned.op in _AT_A_DRAIN:
        what = f"the run has no {planned.op.lower()} after {planned.fault.step} steps"
        nearest = sorted(_drains(planned.op, plan), key=lambda at: abs(at - planned.fault.step))
        return Problem(place, what, f"use {nearest[0]}" if nearest else "use another fault")
    count = plan.evaluation_batches if planned.op is Op.PREDICT else plan.steps
    batches = "batches in an evaluation" if planned.op is Op.PREDICT else "steps"
    what = f"the run has {count} {batches}, counted from 0"
    return Problem(place, what, "use a smaller one" if count else "hold rows out")
