"""A plan's own programs on a virtual clock: a discrete-event simulation.

Each role is a process that runs its program, one instruction after the other, as the interpreter in
`splitrun.runtime.worker` does: RECV waits for a message and then for its arrival, SEND for credit;
work shares the cores; emulated hardware lasts from the instruction's start; who has waited takes
a handover to go on. What SEND works comes
before the message enters the link, what RECV works after it has left it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from dataclasses import replace

from splitrun.errors import PlanInvalid
from splitrun.plan import ComputeEmulation, Op, Plan, Role, Segment
from splitrun.simulate.cores import Clock
from splitrun.simulate.costs import Costs
from splitrun.simulate.pipe import Pipe, open_pipes
from splitrun.simulate.simulation import Simulation, Span
from splitrun.simulate.workload import Workload

_Process = Generator[None, None, None]
"""A role's program under way; yields whenever it waits for the clock or for another role."""


def simulate(plan: Plan, costs: Costs, segment: Segment | None = None) -> Simulation:
    """Run a segment of a plan, default its first, without the evaluation that may follow it.

    The segment may be any stretch of steps, also beyond the end of the run. Deterministic; takes
    about 5 µs an instruction.

    Raises:
        KeyError: a role has no costs.
        PlanInvalid: the programs deadlock.
    """
    segment = replace(segment or next(plan.segments()), evaluation_batches=0)
    return _Engine(plan, costs, segment).run()


class _Engine:
    """One simulation under way; roles are known by number."""

    def __init__(self, plan: Plan, costs: Costs, segment: Segment) -> None:
        self._plan = plan
        self._costs = costs
        self._segment = segment
        self._clock = Clock(costs.cores(plan), len(plan.roles))
        self._handover_s = costs.wakeup_latency_s
        self._ready = deque(range(len(plan.roles)))
        self._unfinished = {role.name for role in plan.roles}
        self._timeline: dict[str, list[Span]] = {role.name: [] for role in plan.roles}
        self._pipes = open_pipes(plan)

    def run(self) -> Simulation:
        processes = [self._process(number, role) for number, role in enumerate(self._plan.roles)]
        while True:
            while self._ready:
                next(processes[self._ready.popleft()], None)
            number = self._clock.advance()
            if number is None:
                break
            self._ready.append(number)
        if self._unfinished:
            raise PlanInvalid(f"deadlock: {', '.join(sorted(self._unfinished))} wait for ever")
        transits = {
            channel.name: tuple(self._pipes[channel.source, channel.target].transits)
            for channel in self._plan.channels
        }
        timeline = {role: tuple(spans) for role, spans in self._timeline.items()}
        return Simulation(self._plan, self._segment, timeline, transits)

    def _process(self, number: int, role: Role) -> _Process:
        clock, spans = self._clock, self._timeline[role.name]
        workload = Workload(self._plan, self._costs, role)
        pace = ComputeEmulation(role.compute) if role.compute else None
        for instruction in self._plan.segment_program(role, self._segment):
            op, step, micro, peer, _ = instruction
            start = clock.now
            if op is Op.RECV:
                yield from self._receive(number, self._pipes[peer, role.name])
            elif op is Op.SEND:
                yield from self._take_credit(number, self._pipes[role.name, peer])
            waited = clock.now - start
            rows, work_s = workload.start(instruction, clock.idle_s)
            if work_s:
                clock.work(number, work_s)
                yield
            if pace and (end := start + pace.lasts(op, clock.now - start)) > clock.now:
                if load_s := workload.ahead():
                    clock.work(number, load_s)
                    yield
                clock.sleep(number, max(end, clock.now))
                yield
            if op is Op.SEND:
                pipe = self._pipes[role.name, peer]
                pipe.enter(clock.now, step, micro, rows)
                self._wake(pipe)
            spans.append(Span(op, step, micro, peer, start, clock.now, waited))
        self._unfinished.remove(role.name)

    def _receive(self, number: int, pipe: Pipe) -> _Process:
        clock, start = self._clock, self._clock.now
        if not pipe.arrivals:
            pipe.blocked = number
            yield
        arrive = pipe.arrivals.popleft()
        if clock.now > start or arrive > clock.now:
            clock.sleep(number, max(arrive, clock.now) + self._handover_s)
            yield
        pipe.credits += 1
        self._wake(pipe)

    def _take_credit(self, number: int, pipe: Pipe) -> _Process:
        if not pipe.credits:
            pipe.blocked = number
            yield
            self._clock.sleep(number, self._clock.now + self._handover_s)
            yield
        pipe.credits -= 1

    def _wake(self, pipe: Pipe) -> None:
        if pipe.blocked is not None:
            self._ready.append(pipe.blocked)
            pipe.blocked = None
