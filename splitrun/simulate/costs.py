"""What instructions cost, and how roles share the cores that they are worked on.

*Work* needs a core, and roles that work at the same time share the cores there are. What passes
without work is not in here: links are in the plan's channels, emulated hardware in its roles.

Sharing is egalitarian (Kleinrock 1967): n roles that work get min(1, C/n) of a core each. Where C
is below 1, they get in each other's way, the more of them the more: one alone has a whole core, all
of them have C together, and between the two it falls in a line. As all of them advance at one rate,
one number tells how far everybody has come: the work that a role working since the beginning would
have got done. A role that starts now on `work` is done when that number has grown by `work`,
whoever comes and goes meanwhile, so that a heap of such marks is all there is to keep (the virtual
time of Parekh and Gallager 1993).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush

from splitrun.plan import Channel, ComputeEmulation, Instruction, Op, Plan, Role, Segment

_COOLING_S = 2.5e-3
"""How long caches remember: after pauses of 0.3, 0.6, 1, 2, 4 and 8 ms, a step of 0.7 ms took 0.73,
0.81, 0.9, 1.3, 1.6 and 1.8 ms on a virtual machine whose processor others share. Spinning through
the pause instead of sleeping made no difference."""
_RING_LATENCY_S = 5e-5
"""What a message takes from one process to another."""
_GRPC_MESSAGE_S, _GRPC_BYTE_S = 115e-6, 0.9e-9
"""What a message costs each of two parties that gRPC lies between, with TLS: processor time of 500
messages each of 100 B to 64 KB, and of 100 of 1 MB, over loopback, halved."""
MOST_UNEVEN = 0.5
"""What speeds may differ by so that slow moments still get something done."""
_OF_WHOLE_BATCHES = frozenset({Op.LOAD, Op.UPDATE})
"""Once a batch, over all of its rows; everything else happens once a micro-batch."""


@dataclass(frozen=True)
class Cost:
    """Seconds of work of one instruction over some rows: `fixed_s + per_row_s * rows`."""

    fixed_s: float = 0.0
    per_row_s: float = 0.0
    cold_s: float = 0.0
    """More, after a pause so long that the processor's caches have forgotten it."""

    def __post_init__(self) -> None:
        if not all(0 <= part < math.inf for part in (self.fixed_s, self.per_row_s, self.cold_s)):
            raise ValueError(f"{self}: a cost is finite and not negative")

    def of(self, rows: int) -> float:
        """Seconds of work over `rows` rows, in warm caches."""
        return self.fixed_s + self.per_row_s * rows


FREE = Cost()


@dataclass(frozen=True)
class CalibrationPoint:
    """What effective cores were measured with."""

    rows: int
    """Rows of a slice of a batch."""
    cores: float
    """Cores of the machine."""


@dataclass(frozen=True)
class Costs:
    """The costs of every role of a plan.

    Raises:
        ValueError: a cost is negative or not finite, or there are no cores.
    """

    roles: Mapping[str, Mapping[Op, Cost]]
    """By role name and operation; an operation that is not there costs nothing."""
    effective_cores: float
    """Seconds of work that all roles together get done per second, where that was measured. With
    small operations Python's lock leaves them 0.4 to 1.2, however many cores the machine has; a
    role that works alone always has one core."""
    wakeup_latency_s: float = 0.0
    """Seconds from the moment when a role that waits could go on until it does: a thread has to be
    woken, on a core that may have gone to sleep."""
    found_with: CalibrationPoint | None = None
    """What the effective cores were measured with; None if they are given, for any rows."""
    unevenness: float = 0.0
    """By how much everybody's speed differs from one moment to the next: its standard deviation
    over its mean."""
    processes: bool = False
    """Whether each party has a process of its own."""

    def __post_init__(self) -> None:
        if not self.effective_cores > 0:
            raise ValueError(f"{self.effective_cores} effective cores: must be positive")
        if not 0 <= self.wakeup_latency_s < math.inf:
            raise ValueError(
                f"a wake-up latency of {self.wakeup_latency_s} s: must be finite, not negative"
            )
        if not 0 <= self.unevenness <= MOST_UNEVEN:
            raise ValueError(f"an unevenness of {self.unevenness}: must be 0 to {MOST_UNEVEN}")

    def work_s(self, role: str, op: Op, rows: int) -> float:
        """Seconds of work of one instruction over `rows` rows.

        Raises:
            KeyError: there are no costs of this role.
        """
        return self.roles[role].get(op, FREE).of(rows)

    def cores(self, plan: Plan) -> float:
        """Effective cores for a plan whose slices may have another number of rows.

        What is held under Python's lock does not depend on rows, and what does depend on them is
        done without it. So as long as the lock is the limit, slices take the same time, whatever
        their work.

        Raises:
            KeyError: a role has no costs.
        """
        if self.found_with is None:
            return self.effective_cores
        rows = plan.rows(0) // plan.slices(0)
        here, there = (_slice_work_s(self, size) for size in (rows, self.found_with.rows))
        scale = here / there if there else 1.0
        return min(self.found_with.cores, self.effective_cores * scale)

    def apart(self, parties: int) -> Costs:
        """The same where each of so many parties has a process of its own: none waits for another
        one's lock, and whoever waits for a message looks for it before it sleeps."""
        cores = self.found_with.cores if self.found_with else self.effective_cores
        wakeup_latency_s = min(self.wakeup_latency_s, _RING_LATENCY_S)
        return replace(
            self,
            effective_cores=min(cores, parties),
            wakeup_latency_s=wakeup_latency_s,
            found_with=None,
            processes=True,
        )

    def over_grpc(self, plan: Plan) -> Costs:
        """The same where what goes from party to party goes through gRPC."""
        party = {role.name: role.party for role in plan.roles}

        def with_wire(role: str, op: Op, channels: Sequence[Channel]) -> Cost:
            cost = self.roles[role].get(op, FREE)
            far = [it for it in channels if party[it.source] != party[it.target]]
            count, row_bytes = len(far), sum(map(plan.bytes_per_row, far))
            return replace(
                cost,
                fixed_s=cost.fixed_s + count / len(channels) * _GRPC_MESSAGE_S,
                per_row_s=cost.per_row_s + row_bytes / len(channels) * _GRPC_BYTE_S,
            )

        roles = {}
        for role, costs in self.roles.items():
            out = [it for it in plan.channels if it.source == role]
            into = [it for it in plan.channels if it.target == role]
            wire = {Op.SEND: with_wire(role, Op.SEND, out), Op.RECV: with_wire(role, Op.RECV, into)}
            roles[role] = {**costs, **wire}
        return replace(self, roles=roles)

    def alone(self) -> Costs:
        """The same roles, each with a core to itself that never sleeps nor forgets: none can be
        faster."""
        roles = {
            role: {op: replace(cost, cold_s=0.0) for op, cost in costs.items()}
            for role, costs in self.roles.items()
        }
        return Costs(roles, math.inf)

    def at_speed(self, speed: float) -> Costs:
        """What all of it costs in a moment that is so many times as fast as others."""
        roles = {
            role: {
                op: Cost(cost.fixed_s / speed, cost.per_row_s / speed, cost.cold_s / speed)
                for op, cost in costs.items()
            }
            for role, costs in self.roles.items()
        }
        return replace(
            self, roles=roles, wakeup_latency_s=self.wakeup_latency_s / speed, unevenness=0.0
        )

    def overhead(self) -> Costs:
        """What is left of the costs when batches have no rows."""
        roles = {
            role: {op: Cost(cost.fixed_s) for op, cost in costs.items()}
            for role, costs in self.roles.items()
        }
        return replace(self, roles=roles)


def _slice_work_s(costs: Costs, rows: int) -> float:
    return sum(cost.of(rows) for of in costs.roles.values() for cost in of.values())


def coldness(idle_s: float) -> float:
    """What part of its `cold_s` an instruction costs since whose last time nobody worked for so
    many seconds."""
    return 1.0 - math.exp(-((idle_s / _COOLING_S) ** 2))


def loads_ahead(role: Role, costs: Mapping[Op, Cost], rows: int) -> bool:
    """Whether a role loads its batches while it waits for emulated hardware, as the interpreter in
    `splitrun.runtime.worker` does where the wait is twice as long."""
    if role.compute is None:
        return False
    pace = ComputeEmulation(role.compute)
    works_s = {op: costs.get(op, FREE).of(rows) for op in Op}
    waits_s = (pace.lasts(op, work_s) - work_s for op, work_s in works_s.items())
    return max(waits_s) > 2 * works_s[Op.LOAD]


def rows_of(plan: Plan, instruction: Instruction) -> int:
    """Rows that a training instruction works on: its batch's, or its micro-batch's share."""
    op, step, micro, _, _ = instruction
    rows = plan.rows(step)
    if op in _OF_WHOLE_BATCHES:
        return rows
    slices = plan.slices(step)
    return (micro + 1) * rows // slices - micro * rows // slices


def step_work_s(plan: Plan, costs: Costs, step: int) -> float:
    """Seconds of work of all roles on one step.

    Raises:
        KeyError: a role has no costs.
    """
    return sum(
        costs.work_s(role.name, instruction.op, rows_of(plan, instruction))
        for role in plan.roles
        for instruction in plan.segment_program(role, Segment(step, step + 1))
    )


class Clock:
    """Virtual time in seconds from 0, and what roles, known by number, wait for.

    Equal times are taken in the order of the roles, so that a simulation can be repeated.
    """

    def __init__(self, cores: float, roles: int) -> None:
        self.now = 0.0
        self.idle_s = 0.0
        """How long nobody has worked in all."""
        self._rates = [_rate(cores, together, roles) for together in range(1, roles + 1)]
        self._served = 0.0
        self._working: list[tuple[float, int]] = []
        self._sleeping: list[tuple[float, int]] = []

    def work(self, role: int, work_s: float) -> None:
        """Let `advance` name the role when it has done so much work."""
        heappush(self._working, (self._served + work_s, role))

    def sleep(self, role: int, until: float) -> None:
        """Let `advance` name the role at a time that is not past."""
        heappush(self._sleeping, (until, role))

    def advance(self) -> int | None:
        """Move on to the next moment when a role is done waiting; None if none waits."""
        working, sleeping = self._working, self._sleeping
        wake = sleeping[0][0] if sleeping else math.inf
        if working:
            rate = self._rates[len(working) - 1]
            finish = self.now + max(0.0, working[0][0] - self._served) / rate
            if finish <= wake:
                self.now = finish
                self._served, role = heappop(working)
                return role
            self._served += (wake - self.now) * rate
        if not sleeping:
            return None
        if not working:
            self.idle_s += wake - self.now
        self.now, role = heappop(sleeping)
        return role


def _rate(cores: float, together: int, roles: int) -> float:
    """The share of a core that each of those who work together gets."""
    if cores < 1 and roles > 1:
        cores = 1 + (cores - 1) * (together - 1) / (roles - 1)
    return min(1.0, cores / together)
