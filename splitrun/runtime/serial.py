"""The serial runtime: one thread runs all roles that are here, in a canonical order. Of a whole
plan, it is the oracle.

The order is that of a loop written by hand: all forwards that can run, then what they send, then
the loss, all backwards, all updates. Instructions of one kind thus run one after the other, while
their code is still in the processor's caches. Time has no part in it. Where other roles are
elsewhere, and none here can move without them, the thread waits for one of them.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from functools import partial

from splitrun.errors import PlanInvalid
from splitrun.plan import Op
from splitrun.runtime.job import Job, Observer, Outcome
from splitrun.runtime.roles import make_workers, outcome_of, watchdog_of
from splitrun.runtime.threaded import ThreadGroup
from splitrun.runtime.worker import Worker


def run(job: Job, observer: Observer) -> Outcome:
    """Run all roles of a job in one thread; see `splitrun.runtime.Runtime`."""
    workers = make_workers(job, observer)
    task = partial(_interleave, workers, frozenset(job.roles))
    group = ThreadGroup({"serial": task}, workers, job.intra_op_threads)
    observer.begin()
    group.run(observer.poll, watchdog_of(job, observer, {"serial": workers}))
    return outcome_of(job, workers)


def _interleave(workers: Sequence[Worker], here: Set[str]) -> None:
    """Sweep over the kinds of instructions until every program has ended.

    Args:
        here: the workers' roles, by name.
    """
    programs = [worker.program() for worker in workers]
    waiting = [next(program, None) for program in programs]
    kinds, indexed = tuple(Op), tuple(enumerate(workers))
    while any(waiting):
        moved = False
        for op in kinds:
            for index, worker in indexed:
                instruction = waiting[index]
                while instruction and instruction.op is op and worker.ready(instruction):
                    worker.run((instruction,))
                    instruction = waiting[index] = next(programs[index], None)
                    moved = True
        if moved:
            continue
        for index, worker in indexed:
            instruction = waiting[index]
            if instruction and instruction.peer not in here:
                worker.run((instruction,))
                waiting[index] = next(programs[index], None)
                break
        else:
            raise PlanInvalid(f"no role can move: {waiting}")
