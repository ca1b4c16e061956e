"""The serial runtime: one thread runs all roles in a canonical order. It is the oracle.

Each role in turn runs until its next instruction would wait for another role; then the next role
does. Time has no part in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from splitrun.errors import PlanInvalid
from splitrun.plan import Plan
from splitrun.runtime.role import Worker


def tasks(plan: Plan, workers: Sequence[Worker]) -> Mapping[str, Callable[[], None]]:
    """One task for all roles."""
    return {"serial": lambda: _interleave(plan, workers)}


def _interleave(plan: Plan, workers: Sequence[Worker]) -> None:
    programs = {worker: plan.program(worker.role) for worker in workers}
    waiting = {worker: next(program, None) for worker, program in programs.items()}
    while any(instruction is not None for instruction in waiting.values()):
        moved = False
        for worker, program in programs.items():
            instruction = waiting[worker]
            while instruction is not None and worker.ready(instruction):
                worker.execute(instruction)
                instruction = next(program, None)
                moved = True
            waiting[worker] = instruction
        if not moved:
            raise PlanInvalid(f"no role can move: {waiting}")
