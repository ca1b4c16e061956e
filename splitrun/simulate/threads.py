"""What a thread of a simulation runs: the programs of its roles, and which of them is next.

A thread of one role runs its program from end to end. One of several goes round as the serial
runtime does (`splitrun.runtime.serial`): the order knows nothing of time, and where none of its
roles can move without another thread, it waits with one of them.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat
from typing import NamedTuple

from splitrun.errors import PlanInvalid
from splitrun.plan import Channel, ComputeEmulation, Instruction, LinkState, Op, Plan, Role
from splitrun.simulate.costs import FREE, Costs, coldness, loads_ahead
from splitrun.simulate.programs import RoleProgram
from splitrun.simulate.simulation import Times, Transit


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
        """The thread that waits at one of the ends; never both, for one waits for the other."""
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


class RoleState(NamedTuple):
    """A role's program under way."""

    workload: Workload
    incoming: Mapping[str, Pipe]
    """By the role at the other end, as are the others."""
    outgoing: Mapping[str, Pipe]
    pace: ComputeEmulation | None
    """Of emulated hardware."""
    program: RoleProgram
    times: list[Times]
    """Of the instructions that are done."""

    @classmethod
    def of(
        cls,
        plan: Plan,
        costs: Costs,
        role: Role,
        program: RoleProgram,
        pipes: Mapping[tuple[str, str], Pipe],
    ) -> RoleState:
        """One at the program's beginning."""
        return cls(
            Workload(plan, costs, role, program),
            {source: it for (source, target), it in pipes.items() if target == role.name},
            {target: it for (source, target), it in pipes.items() if source == role.name},
            ComputeEmulation(role.compute) if role.compute else None,
            program,
            [],
        )

    def ready(self, instruction: Instruction) -> bool:
        """Whether it can run without waiting for another role to run first."""
        op, _, _, peer, _ = instruction
        if op is Op.RECV:
            return bool(self.incoming[peer].arrivals)
        return op is not Op.SEND or self.outgoing[peer].credits > 0


Turn = tuple[RoleState, Instruction, int]
"""Whose turn it is, and for what: an instruction and its kind in the role's program."""


def in_turn(states: Mapping[str, RoleState]) -> Iterator[Turn]:
    """What a thread of these roles, by name, runs; each instruction is over when the next is asked
    for.

    Raises:
        PlanInvalid: none of them can ever move.
    """
    if len(states) == 1:
        (state,) = states.values()
        return zip(repeat(state), state.program.instructions, state.program.kinds)
    return _interleaved(states)


def _interleaved(states: Mapping[str, RoleState]) -> Iterator[Turn]:
    programs: list[Iterator[Turn]] = [in_turn({name: state}) for name, state in states.items()]
    waiting = [next(program, None) for program in programs]
    places = range(len(programs))
    while any(waiting):
        moved = False
        for op in Op:
            for place in places:
                while (turn := waiting[place]) and turn[1].op is op and turn[0].ready(turn[1]):
                    yield turn
                    waiting[place] = next(programs[place], None)
                    moved = True
        if moved:
            continue
        for place in places:
            turn = waiting[place]
            if turn and turn[1].peer not in states:
                yield turn
                waiting[place] = next(programs[place], None)
                break
        else:
            raise PlanInvalid("deadlock: no role can move")
