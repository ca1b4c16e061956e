"""A plan's own programs on a virtual clock: a discrete-event simulation of any runtime.

`simulate` is the runtimes whose threads work side by side. Each thread runs one instruction after
the other, as the interpreter in `splitrun.runtime.worker` does: RECV waits for a message and then
for its arrival, SEND for credit; work shares the cores; emulated hardware lasts from the
instruction's start; who has waited goes on after a wake-up latency. What SEND works comes before
the message enters the link, what RECV works after it has left it. Every role has a thread of its
own, but where each party is a process: there its roles may share one (`Plan.shares_thread`).

`simulate_serial` is the serial runtime, whose one thread runs all roles: whoever's turn it is waits
for a message that is still under way, or for emulated hardware, and all others wait with it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace

from splitrun.errors import PlanInvalid
from splitrun.plan import Op, Plan, Role, Segment
from splitrun.simulate.costs import Clock, Costs
from splitrun.simulate.programs import Programs, programs_of
from splitrun.simulate.simulation import Simulation
from splitrun.simulate.threads import Pipe, RoleState, Workload, in_turn, open_pipes, transits_of

_Process = Generator[None, None, None]
"""A thread under way; yields whenever it waits for the clock or for another thread."""
_Threads = Sequence[Sequence[Role]]
"""The roles of each thread."""


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
    threads: dict[str, list[Role]] = {}
    for role in plan.roles:
        is_shared = costs.processes and plan.shares_thread(role.party)
        threads.setdefault(role.party if is_shared else role.name, []).append(role)
    return _simulated(plan, costs, list(threads.values()), costs.cores(plan), segment, programs)


def simulate_serial(
    plan: Plan, costs: Costs, segment: Segment | None = None, programs: Programs | None = None
) -> Simulation:
    """What `simulate` does, for the serial runtime: it has one core, and nobody has to be woken.

    Raises:
        KeyError: a role has no costs.
        PlanInvalid: the programs deadlock.
    """
    awake = replace(costs, wakeup_latency_s=0.0)
    return _simulated(plan, awake, [plan.roles], 1.0, segment, programs)


def _simulated(
    plan: Plan,
    costs: Costs,
    threads: _Threads,
    cores: float,
    segment: Segment | None,
    programs: Programs | None,
) -> Simulation:
    segment = replace(segment or next(plan.segments()), evaluation_batches=0)
    programs = programs or programs_of(plan, segment)
    pipes = open_pipes(plan)
    states = {
        role.name: RoleState.of(plan, costs, role, programs[role.name], pipes)
        for role in plan.roles
    }
    _Engine(costs, threads, cores, states).run()
    times = {name: state.times for name, state in states.items()}
    return Simulation(plan, segment, programs, times, transits_of(pipes))


class _Engine:
    """One simulation under way; threads are known by number."""

    def __init__(
        self, costs: Costs, threads: _Threads, cores: float, states: Mapping[str, RoleState]
    ) -> None:
        self._wakeup_latency_s = costs.wakeup_latency_s
        self._clock = Clock(cores, len(threads))
        self._ready = deque(range(len(threads)))
        self._unfinished = {
            number: [role.name for role in roles] for number, roles in enumerate(threads)
        }
        self._states = [{role.name: states[role.name] for role in roles} for roles in threads]

    def run(self) -> None:
        ready, advance = self._ready, self._clock.advance
        processes = [self._process(number, states) for number, states in enumerate(self._states)]
        while True:
            while ready:
                next(processes[ready.popleft()], None)
            number = advance()
            if number is None:
                break
            next(processes[number], None)
        if self._unfinished:
            waiting = sorted(role for roles in self._unfinished.values() for role in roles)
            raise PlanInvalid(f"deadlock: {', '.join(waiting)} wait for ever")

    def _process(self, number: int, states: Mapping[str, RoleState]) -> _Process:
        clock, ready = self._clock, self._ready
        work, receive, send = clock.work, Op.RECV, Op.SEND
        wakeup_latency_s = self._wakeup_latency_s
        for state, (op, step, micro, peer, _), kind in in_turn(states):
            workload, incoming, outgoing, pace, _, times = state
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
            rows, work_s = workload.start(kind, clock.idle_s)
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
            times.append((start, now, waited))
        del self._unfinished[number]

    def _wait_for_credit(self, number: int, pipe: Pipe) -> _Process:
        pipe.blocked = number
        yield
        self._clock.sleep(number, self._clock.now + self._wakeup_latency_s)
        yield

    def _wait_for_hardware(self, number: int, end: float, workload: Workload) -> _Process:
        clock = self._clock
        if end > clock.now:
            if load_s := workload.ahead():
                clock.work(number, load_s)
                yield
            clock.sleep(number, max(end, clock.now))
            yield
