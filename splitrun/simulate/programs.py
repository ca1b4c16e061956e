"""The programs of a segment as simulations run them, again and again at other costs.

Few instructions of a program differ in their work: each is given with the number of its kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from splitrun.plan import Instruction, Op, Plan, Role, Segment
from splitrun.simulate.costs import rows_of


@dataclass(frozen=True)
class RoleProgram:
    """What one role does in a segment."""

    instructions: Sequence[Instruction]
    kinds: Sequence[int]
    """Of which kind each of them is."""
    works: Sequence[tuple[Op, int]]
    """By kind, the operation and the rows that it works on."""


Programs = Mapping[str, RoleProgram]
"""By role name."""


def programs_of(plan: Plan, segment: Segment) -> Programs:
    """The programs of all roles; a simulation takes those of segments without an evaluation."""
    return {role.name: _program_of(plan, role, segment) for role in plan.roles}


def _program_of(plan: Plan, role: Role, segment: Segment) -> RoleProgram:
    steps_per_epoch = plan.steps_per_epoch
    instructions = list(plan.segment_program(role, segment))
    numbers: dict[tuple[Op, int, bool], int] = {}
    kinds: list[int] = []
    works: list[tuple[Op, int]] = []
    for instruction in instructions:
        op, step, micro, _, _ = instruction
        kind = (op, micro, (step + 1) % steps_per_epoch == 0)
        if kind not in numbers:
            numbers[kind] = len(works)
            works.append((op, rows_of(plan, instruction)))
        kinds.append(numbers[kind])
    return RoleProgram(instructions, kinds, works)
