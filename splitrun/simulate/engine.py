"""A plan's own programs on a virtual clock: a discrete-event simulation of either runtime.

`simulate` is the threaded runtime: each role is a process that runs its program, one instruction
after the other, as the interpreter in `splitrun.runtime.worker` does: RECV waits for a message and
then for its arrival, SEND for credit; work shares the cores; emulated hardware lasts from the
instruction's start; who has waited goes on after a wake-up latency. What SEND works comes before
the message enters the link, what RECV works after it has left it.

`simulate_serial` is the serial runtime, whose order knows nothing of time: whoever's turn it is
waits for a message that is still under way, or for emulated hardware, and all others wait with it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, replace

from splitrun.errors import PlanInvalid
from splitrun.plan import Channel, ComputeEmulation, Instruction, LinkState, Op, Plan, Role, Segment
from splitrun.simulate.costs import FREE, Clock, Costs, coldness, loads_ahead, rows_of
from splitrun.simulate.simulation import InstructionSpan, Simulation, Transit


class Workload:
    """The work of one role under way, whose instructions are few that differ."""

    def __init__(self, plan: Plan, costs: Costs, role: Role) -> None:
        self._plan = plan
        self._costs = costs.roles[role.name]
        self._loads_ahead = loads_ahead(role, self._costs, plan.rows(0))
        self._loaded = False
        """Whether the next batch is there before its LOAD."""
        self._known: dict[tuple[Op, int, bool], tuple[int, float, float]] = {}
        self._idle_s: dict[Op, float] = {}
        """How long nobody had worked when each operation was last begun."""

    def start(self, instruction: Instruction, idle_s: float) -> tuple[int, float]:
        """Rows that an instruction works on, and its seconds of work.

        Args:
            instruction: of the role's program.
            idle_s: how long nobody has worked in all.
        """
        op, step, micro, _, _ = instruction
        kind = (op, micro, (step + 1) % self._plan.steps_per_epoch == 0)
        if kind not in self._known:
            rows, cost = rows_of(self._plan, instruction), self._costs.get(op, FREE)
            self._known[kind] = rows, cost.of(rows), cost.cold_s
        rows, work_s, cold_s = self._known[kind]
        if op is Op.LOAD and self._loaded:
            self._loaded = False
            return rows, 0.0
        if cold_s:
            work_s += cold_s * coldness(idle_s - self._idle_s.get(op, -math.inf))
            self._idle_s[op] = idle_s
        return rows, work_s

    def ahead(self) -> float:
        """Seconds of work of loading the next batch while emulated hardware is waited for; 0 where
        it is loaded already, or in its turn."""
        if not self._loads_ahead or self._loaded:
            return 0.0
        self._loaded = True
        return self._costs.get(Op.LOAD, FREE).of(self._plan.rows(0))


class Pipe:
    """The state of one channel."""

    def __init__(self, channel: Channel, row_bytes: int) -> None:
        self.credits = channel.capacity
        self.arrivals: deque[float] = deque()
        self.blocked: int | None = None
        """The role that waits at one of the ends; never both, for one waits for the other."""
        self.transits: list[Transit] = []
        self._timing = channel.timing
        self._row_bytes = row_bytes
        self._link = LinkState()

    def enter(self, now: float, step: int, micro: int, rows: int) -> None:
        """Put a message on the link."""
        size, arrive = rows * self._row_bytes, now
        if self._timing is not None:
            self._link = self._timing.send(self._link, now, size, len(self.transits))
            arrive = self._link.last_arrival
        self.arrivals.append(arrive)
        self.transits.append(Transit(step, micro, size, now, arrive))


def open_pipes(plan: Plan) -> dict[tuple[str, str], Pipe]:
    """The channels of a plan, by source and target."""
    return {
        (channel.source, channel.target): Pipe(channel, plan.bytes_per_row(channel))
        for channel in plan.channels
    }


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
        self._timeline: dict[str, list[InstructionSpan]] = {role.name: [] for role in plan.roles}
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
            spans.append(InstructionSpan(op, step, micro, peer, start, clock.now, waited))
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


def simulate_serial(plan: Plan, costs: Costs, segment: Segment | None = None) -> Simulation:
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
        self.spans: list[InstructionSpan] = []
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
        self.spans.append(InstructionSpan(op, step, micro, peer, start, now, waited))
        self.next = next(self._program, None)
        thread.now = now
        thread.done += 1

    def _pipe(self, instruction: Instruction) -> Pipe:
        ends = (self.role.name, instruction.peer)
        return self._pipes[ends if instruction.op is Op.SEND else ends[::-1]]
