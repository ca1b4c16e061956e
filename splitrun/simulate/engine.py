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
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace

from splitrun.errors import PlanInvalid
from splitrun.plan import Channel, ComputeEmulation, Instruction, LinkState, Op, Plan, Role, Segment
from splitrun.simulate.costs import FREE, Clock, Costs, coldness, loads_ahead
from splitrun.simulate.programs import Programs, RoleProgram, programs_of
from splitrun.simulate.simulation import Simulation, Times, Transit


class Workload:
    """The work of one role under way."""

    def __init__(self, plan: Plan, costs: Costs, role: Role, program: RoleProgram) -> None:
        self._plan = plan
        self._costs = costs.roles[role.name]
        self._loads_ahead = loads_ahead(role, self._costs, plan.rows(0))
        self._loaded = False
        """Whether the next batch is there before its LOAD."""
        works = ((op, rows, self._costs.get(op, FREE)) for op, rows in program.works)
        self._known = [(op, rows, cost.of(rows), cost.cold_s) for op, rows, cost in works]
        self._idle_s: dict[Op, float] = {}
        """How long nobody had worked when each operation was last begun."""

    def start(self, kind: int, idle_s: float) -> tuple[int, float]:
        """Rows that an instruction works on, and its seconds of work.

        Args:
            kind: of the instruction, in the role's program.
            idle_s: how long nobody has worked in all.
        """
        op, rows, work_s, cold_s = self._known[kind]
        if self._loaded and op is Op.LOAD:
            self._loaded = False
            return rows, 0.0
        if cold_s:
            before_s = self._idle_s.get(op, -math.inf)
            if idle_s != before_s:  # else nothing has gone cold
                work_s += cold_s * coldness(idle_s - before_s)
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
        self.name = channel.name
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

    def wake(self, ready: deque[int]) -> None:
        """Let who waits at one of the ends go on."""
        if self.blocked is not None:
            ready.append(self.blocked)
            self.blocked = None


def open_pipes(plan: Plan) -> dict[tuple[str, str], Pipe]:
    """The channels of a plan, by source and target."""
    return {
        (channel.source, channel.target): Pipe(channel, plan.bytes_per_row(channel))
        for channel in plan.channels
    }


def transits_of(pipes: Mapping[tuple[str, str], Pipe]) -> dict[str, Sequence[Transit]]:
    """The messages that they have carried, by channel."""
    return {pipe.name: tuple(pipe.transits) for pipe in pipes.values()}


_Process = Generator[None, None, None]
"""A role's program under way; yields whenever it waits for the clock or for another role."""


def simulate(
    plan: Plan, costs: Costs, segment: Segment | None = None, programs: Programs | None = None
) -> Simulation:
    """Run a segment of a plan, default its first, without the evaluation that may follow it.

    The segment may be any range of steps, also beyond the end of the run. Deterministic; takes
    about 2 µs an instruction.

    Args:
        programs: of the segment, where they are known from a simulation at other costs.

    Raises:
        KeyError: a role has no costs.
        PlanInvalid: the programs deadlock.
    """
    segment = replace(segment or next(plan.segments()), evaluation_batches=0)
    return _Engine(plan, costs, segment, programs or programs_of(plan, segment)).run()


class _Engine:
    """One simulation under way; roles are known by number."""

    def __init__(self, plan: Plan, costs: Costs, segment: Segment, programs: Programs) -> None:
        self._plan = plan
        self._costs = costs
        self._segment = segment
        self._programs = programs
        self._clock = Clock(costs.cores(plan), len(plan.roles))
        self._ready = deque(range(len(plan.roles)))
        self._unfinished = {role.name for role in plan.roles}
        self._times: dict[str, list[Times]] = {role.name: [] for role in plan.roles}
        self._pipes = open_pipes(plan)

    def run(self) -> Simulation:
        ready, advance = self._ready, self._clock.advance
        processes = [self._process(number, role) for number, role in enumerate(self._plan.roles)]
        while True:
            while ready:
                next(processes[ready.popleft()], None)
            number = advance()
            if number is None:
                break
            next(processes[number], None)
        if self._unfinished:
            raise PlanInvalid(f"deadlock: {', '.join(sorted(self._unfinished))} wait for ever")
        return Simulation(
            self._plan, self._segment, self._programs, self._times, transits_of(self._pipes)
        )

    def _process(self, number: int, role: Role) -> _Process:
        clock, done, ready = self._clock, self._times[role.name].append, self._ready
        work, receive, send = clock.work, Op.RECV, Op.SEND
        program, wakeup_latency_s = self._programs[role.name], self._costs.wakeup_latency_s
        begin = (workload := Workload(self._plan, self._costs, role, program)).start
        pace = ComputeEmulation(role.compute) if role.compute else None
        incoming = {
            source: it for (source, target), it in self._pipes.items() if target == role.name
        }
        outgoing = {
            target: it for (source, target), it in self._pipes.items() if source == role.name
        }
        for (op, step, micro, peer, _), kind in zip(
            program.instructions, program.kinds, strict=True
        ):
            now = start = clock.now
            if op is receive:
                pipe = incoming[peer]
                if not pipe.arrivals:
                    pipe.blocked = number
                    yield
                    now = clock.now
                arrive = pipe.arrivals.popleft()
                if now > start or arrive > now:
                    clock.sleep(number, max(arrive, now) + wakeup_latency_s)
                    yield
                    now = clock.now
                pipe.credits += 1
                pipe.wake(ready)
            elif op is send:
                pipe = outgoing[peer]
                if not pipe.credits:
                    yield from self._wait_for_credit(number, pipe)
                    now = clock.now
                pipe.credits -= 1
            waited = now - start
            rows, work_s = begin(kind, clock.idle_s)
            if work_s:
                work(number, work_s)
                yield
                now = clock.now
            if pace:
                end = start + pace.lasts(op, now - start)
                yield from self._wait_for_hardware(number, end, workload)
                now = clock.now
            if op is send:
                pipe.enter(now, step, micro, rows)
                pipe.wake(ready)
            done((start, now, waited))
        self._unfinished.remove(role.name)

    def _wait_for_credit(self, number: int, pipe: Pipe) -> _Process:
        pipe.blocked = number
        yield
        self._clock.sleep(number, self._clock.now + self._costs.wakeup_latency_s)
        yield

    def _wait_for_hardware(self, number: int, end: float, workload: Workload) -> _Process:
        clock = self._clock
        if end > clock.now:
            if load_s := workload.ahead():
                clock.work(number, load_s)
                yield
            clock.sleep(number, max(end, clock.now))
            yield


def simulate_serial(
    plan: Plan, costs: Costs, segment: Segment | None = None, programs: Programs | None = None
) -> Simulation:
    """What `simulate` does, for the serial runtime: it has one core, and nobody has to be woken.

    Raises:
        KeyError: a role has no costs.
        PlanInvalid: the programs deadlock.
    """
    segment = replace(segment or next(plan.segments()), evaluation_batches=0)
    programs = programs or programs_of(plan, segment)
    pipes = open_pipes(plan)
    thread = _Thread()
    roles = [
        _SerialRole(plan, costs, role, programs[role.name], pipes, thread) for role in plan.roles
    ]
    while any(each.next for each in roles):
        done = thread.done
        for op in Op:
            for each in roles:
                while each.next and each.next.op is op and each.ready(each.next):
                    each.run(each.next)
        if done == thread.done:
            raise PlanInvalid("deadlock: no role can move")
    times = {each.role.name: each.times for each in roles}
    return Simulation(plan, segment, programs, times, transits_of(pipes))


@dataclass
class _Thread:
    """The one thread that all roles share; times in seconds."""

    now: float = 0.0
    worked_s: float = 0.0
    done: int = 0
    """How many instructions have been run."""


class _SerialRole:
    """One role's program under way."""

    def __init__(
        self,
        plan: Plan,
        costs: Costs,
        role: Role,
        program: RoleProgram,
        pipes: dict[tuple[str, str], Pipe],
        thread: _Thread,
    ) -> None:
        self.role = role
        self.times: list[Times] = []
        self._program = program
        self._instructions = iter(program.instructions)
        self.next = next(self._instructions, None)
        self._pipes = pipes
        self._thread = thread
        self._workload = Workload(plan, costs, role, program)
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
        op, step, micro, _, _ = instruction
        thread = self._thread
        start = now = thread.now
        if op is Op.RECV:
            pipe = self._pipe(instruction)
            now = max(now, pipe.arrivals.popleft())
            pipe.credits += 1
        waited = now - start
        kind = self._program.kinds[len(self.times)]
        rows, work_s = self._workload.start(kind, now - thread.worked_s)
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
        self.times.append((start, now, waited))
        self.next = next(self._instructions, None)
        thread.now = now
        thread.done += 1

    def _pipe(self, instruction: Instruction) -> Pipe:
        ends = (self.role.name, instruction.peer)
        return self._pipes[ends if instruction.op is Op.SEND else ends[::-1]]
