"""The serial runtime: one thread runs all roles in a canonical order. It is the oracle.

The order is that of a loop written by hand: all forwards that can run, then what they send, then
the loss, all backwards, all updates. Instructions of one kind thus run one after the other, while
their code is still in the processor's caches. Time has no part in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from splitrun.errors import PlanInvalid
from splitrun.plan import Op
from splitrun.runtime.worker import Worker


def tasks(workers: Sequence[Worker]) -> Mapping[str, Callable[[], None]]:
    """One task for all roles."""
    return {"serial": lambda: _interleave(workers)}


def _interleave(workers: Sequence[Worker]) -> None:
    """Sweep over the kinds of instructions until every program has ended."""
    programs = [worker.program() for worker in workers]
    waiting = [next(program, None) for program in programs]
    while any(waiting):
        moved = False
        for op in Op:
            for index, worker in enumerate(workers):
                instruction = waiting[index]
                while instruction and instruction.op is op and worker.ready(instruction):
                    worker.execute(instruction)
                    instruction = waiting[index] = next(programs[index], None)
                    moved = True
        if not moved:
            raise PlanInvalid(f"no role can move: {waiting}")
