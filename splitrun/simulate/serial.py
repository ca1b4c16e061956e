"""A plan's programs in one thread on a virtual clock, in the order of the serial runtime.

That order knows nothing of time (`splitrun.runtime.serial`): whoever's turn it is waits for a
message that is still under way, or for emulated hardware, and all others wait with it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from splitrun.errors import PlanInvalid
from splitrun.plan import ComputeEmulation, Instruction, Op, Plan, Role, Segment
from splitrun.simulate.costs import Costs
from splitrun.simulate.pipe import Pipe, open_pipes
from splitrun.simulate.simulation import Simulation, Span
from splitrun.simulate.workload import Workload


def simulate_in_turn(plan: Plan, costs: Costs, segment: Segment | None = None) -> Simulation:
    """What `simulate` does, for the serial runtime; effective cores and handovers play no part.

    Raises:
        KeyError: a role has no costs.
        PlanInvalid: the programs deadlock.
    """
    segment = replace(segment or next(plan.segments()), evaluation_batches=0)
    pipes = open_pipes(plan)
    thread = _Thread()
    turns = [_Turns(plan, costs, role, segment, pipes, thread) for role in plan.roles]
    while any(each.next for each in turns):
        done = thread.done
        for op in Op:
            for each in turns:
                while each.next and each.next.op is op and each.ready(each.next):
                    each.run(each.next)
        if done == thread.done:
            raise PlanInvalid("deadlock: no role can move")
    return Simulation(
        plan,
        segment,
        {each.role.name: tuple(each.spans) for each in turns},
        {
            channel.name: tuple(pipes[channel.source, channel.target].transits)
            for channel in plan.channels
        },
    )


@dataclass
class _Thread:
    """What all roles share."""

    now: float = 0.0
    worked_s: float = 0.0
    done: int = 0
    """Instructions."""


class _Turns:
    """One role's program under way."""

    def __init__(
        self,
        plan: Plan,
        costs: Costs,
        role: Role,
        segment: Segment,
        pipes: dict[tuple[str, str], Pipe],
        thread: _Thread,
    ) -> None:
        self.role = role
        self.spans: list[Span] = []
        self._program = plan.segment_program(role, segment)
        self.next = next(self._program, None)
        self._pipes = pipes
        self._thread = thread
        self._workload = Workload(plan, costs, role)
        self._pace = ComputeEmulation(role.compute) if role.compute else None

    def ready(self, instruction: Instruction) -> bool:
        """Whether it can run without waiting for another role to run first."""
        match instruction.op:
            case Op.RECV:
                return bool(self._pipe(instruction).arrivals)
            case Op.SEND:
                return self._pipe(instruction).credits > 0
        return True

    def run(self, instruction: Instruction) -> None:
        """Run the next instruction."""
        op, step, micro, peer, _ = instruction
        thread = self._thread
        start = now = thread.now
        if op is Op.RECV:
            pipe = self._pipe(instruction)
            now = max(now, pipe.arrivals.popleft())
            pipe.credits += 1
        waited = now - start
        rows, work_s = self._workload.start(instruction, now - thread.worked_s)
        now += work_s
        thread.worked_s += work_s
        if self._pace and (end := start + self._pace.lasts(op, now - start)) > now:
            load_s = self._workload.ahead()
            thread.worked_s += load_s
            now = max(now + load_s, end)
        if op is Op.SEND:
            pipe = self._pipe(instruction)
            pipe.credits -= 1
            pipe.enter(now, step, micro, rows)
        self.spans.append(Span(op, step, micro, peer, start, now, waited))
        self.next = next(self._program, None)
        thread.now = now
        thread.done += 1

    def _pipe(self, instruction: Instruction) -> Pipe:
        ends = (self.role.name, instruction.peer)
        return self._pipes[ends if instruction.op is Op.SEND else ends[::-1]]
