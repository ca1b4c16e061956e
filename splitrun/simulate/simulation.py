"""What a simulation tells: a timeline per role and per channel, and what follows from them.

Its period is found from the times at which steps ended. Once a timed marked graph has settled, it
repeats itself exactly: after some number of steps, its cyclicity, every event comes again later by
that number times the cycle time (Cohen, Dubois, Quadrat and Viot 1985). Within a round steps may
come in bursts. So time is taken from each step to the one a round later, for the round whose times
differ least: exactly the cycle time where rounds repeat, and close to the mean where jitter or
shared cores keep them from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import merge
from typing import NamedTuple

import numpy as np

from splitrun.events import Event, Executed, RunEnded, RunStarted, Sent
from splitrun.plan import Op, Plan, Role, Segment
from splitrun.simulate.programs import Programs


class InstructionSpan(NamedTuple):
    """One instruction of a role; times in seconds from the start of the segment."""

    op: Op
    step: int
    micro: int
    peer: str
    """The role that SEND and RECV speak to."""
    start: float
    end: float
    waited: float
    """Seconds at the start of a RECV until the message was there, of a SEND until it had credit."""


Times = tuple[float, float, float]
"""Of an instruction: start, end and what of it was waited; see `InstructionSpan`."""


class Transit(NamedTuple):
    """One message of a channel."""

    step: int
    micro: int
    bytes: int
    start: float
    """When it was handed to the link."""
    arrive: float


@dataclass(frozen=True)
class Simulation:
    """A segment of a plan on the virtual clock."""

    plan: Plan
    segment: Segment
    programs: Programs
    times: Mapping[str, Sequence[Times]]
    """Of the programs' instructions, by role name."""
    transits: Mapping[str, Sequence[Transit]]
    """By channel name, in the order of sending."""

    @cached_property
    def timeline(self) -> Mapping[str, Sequence[InstructionSpan]]:
        """By role name, in the order of the program."""
        return {
            role: tuple(
                InstructionSpan(*instruction[:4], *times)
                for instruction, times in zip(program.instructions, self.times[role], strict=True)
            )
            for role, program in self.programs.items()
        }

    @property
    def samples(self) -> int:
        """Training samples of the segment."""
        return sum(map(self.plan.rows, range(self.segment.start, self.segment.stop)))

    @cached_property
    def makespan_s(self) -> float:
        """Until the last role has drained."""
        return max((times[-1][1] for times in self.times.values() if times), default=0.0)

    @property
    def samples_per_s(self) -> float:
        """Over the whole segment, with its fill and its drain.

        Raises:
            ZeroDivisionError: nothing takes any time.
        """
        return self.samples / self.makespan_s

    @cached_property
    def period_s(self) -> float:
        """Seconds a step in the middle of the segment, away from fill and drain.

        That of the slowest role: for long, others may run ahead of it, into what they may have in
        flight.

        Raises:
            ValueError: the segment has fewer than two steps.
        """
        return max(
            steady_period_s(
                [
                    end
                    for (op, *_), (_, end, _) in zip(
                        program.instructions, self.times[role], strict=True
                    )
                    if op is Op.UPDATE
                ]
            )
            for role, program in self.programs.items()
        )


def events(simulation: Simulation) -> Iterator[Event]:
    """What a runtime would have emitted, in the order of time.

    For whoever reads events: `splitrun.telemetry.reading` tells the bubble per role from them. Not
    `StepDone` and `EpochDone`: they tell a loss, and a simulation has none.
    """
    plan, segment = simulation.plan, simulation.segment
    yield RunStarted(
        run_dir="",
        schedule=plan.schedule,
        depth=plan.depth,
        steps=segment.stop - segment.start,
        steps_per_epoch=plan.steps_per_epoch,
        samples=simulation.samples,
        roles=tuple(role.name for role in plan.roles),
        channels=tuple(channel.name for channel in plan.channels),
        clock=0.0,
    )
    # A runtime tells of a message before it tells of the SEND that is done with it.
    streams: list[Iterator[Executed | Sent]] = [
        *(_sent(channel, transits) for channel, transits in simulation.transits.items()),
        *(_executed(simulation, role) for role in plan.roles),
    ]
    yield from merge(*streams, key=_moment)
    yield RunEnded("done", "", simulation.makespan_s)


def _executed(simulation: Simulation, role: Role) -> Iterator[Executed | Sent]:
    plan, bottom = simulation.plan, role.kind == "bottom"
    for span in simulation.timeline[role.name]:
        late = plan.staleness(role, span.step) if bottom and span.op is Op.UPDATE else 0
        work, moment = (span.step, span.micro), (span.start, span.end)
        yield Executed(role.name, span.op, "train", *work, *moment, late, span.peer)


def _sent(channel: str, transits: Sequence[Transit]) -> Iterator[Executed | Sent]:
    for message in transits:
        yield Sent(channel, "train", *message)


def _moment(event: Executed | Sent) -> float:
    return event.end if isinstance(event, Executed) else event.start


def steady_period_s(ends: Sequence[float]) -> float:
    """Mean seconds a step in the middle of a segment, whose steps ended at `ends`.

    The middle is what lies between four and nine tenths of the steps or, for the smallest segments,
    all of them: before it the pipeline fills, after it drains.

    Raises:
        ValueError: there are fewer than two steps.
    """
    if len(ends) < 2:
        raise ValueError(f"{len(ends)} steps: a period needs at least two")
    middle = np.asarray(ends)[len(ends) * 4 // 10 : len(ends) * 9 // 10]
    if len(middle) < 2:
        middle = np.asarray(ends)
    least, period_s = np.inf, 0.0
    for cyclicity in range(1, len(middle) // 2 + 1):
        rounds = (middle[cyclicity:] - middle[:-cyclicity]) / cyclicity
        if (spread := np.ptp(rounds)) < least:
            least, period_s = spread, float(rounds.mean())
    return period_s
