"""A compiled plan: roles, channels, and for every role its program."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from splitrun.plan.facts import Facts, RoleFacts
from splitrun.plan.link import LinkTiming
from splitrun.plan.schedule import Program, Segment, bottom_program, top_program
from splitrun.spec import Compute, Rule

EVALUATION_BATCH_ROWS = 4096
"""Rows of an evaluation batch. It changes no result, only memory and the number of messages."""


@dataclass(frozen=True)
class Role:
    """What one worker runs. `depth` is the most batches it may have in flight."""

    name: str
    party: str
    kind: Literal["bottom", "top"]
    depth: int
    compute: Compute | None
    """Emulated hardware."""
    compensation: tuple[Rule, ...] = ()
    """What a bottom is to do about staleness."""

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The compensation that has an effect: at depth 1 nothing is stale."""
        return self.compensation if self.depth > 1 else ()

    def versioned(self, facts: RoleFacts) -> tuple[str, ...]:
        """A bottom's parameters of which a batch in flight has a version, those that are predicted
        first."""
        if self.depth == 1:
            return ()
        predicted = facts.predictable if "weight_prediction" in self.rules else ()
        return tuple(dict.fromkeys(predicted + facts.saved))

    def version_bytes(self, facts: RoleFacts) -> int:
        """Bytes of one version."""
        if self.depth == 1:
            return 0
        predicts = "weight_prediction" in self.rules
        return facts.saved_bytes + (facts.unsaved_predictable_bytes if predicts else 0)


@dataclass(frozen=True)
class Channel:
    """One direction between two roles; `timing` is None where messages arrive at once."""

    source: str
    target: str
    timing: LinkTiming | None
    capacity: int
    """Most messages sent and not yet received. Training never reaches past it by construction;
    it keeps an evaluation from running ahead."""

    @property
    def name(self) -> str:
        """`bob.bottom->alice.top`."""
        return f"{self.source}->{self.target}"


@dataclass(frozen=True)
class Plan:
    """Everything that runtimes and simulator need to know of an experiment.

    Compiled from a spec and its facts; pure data. Programs are generators, since a run may have
    10^7 steps.
    """

    name: str
    seed: int
    schedule: Literal["sequential", "microbatch", "stale"]
    bottoms: tuple[Role, ...]
    top: Role
    channels: tuple[Channel, ...]
    facts: Facts
    batch_size: int
    micro_batches: int
    epochs: int
    evaluate_every_epochs: int | None

    @property
    def roles(self) -> tuple[Role, ...]:
        """The bottoms in the parties' order, then the top."""
        return (*self.bottoms, self.top)

    @property
    def depth(self) -> int:
        """The largest depth of any bottom."""
        return max(role.depth for role in self.bottoms)

    @property
    def steps_per_epoch(self) -> int:
        """Training batches of an epoch, a short last one among them."""
        return -(-self.facts.train_rows // self.batch_size)

    @property
    def steps(self) -> int:
        """Training batches of the whole run."""
        return self.epochs * self.steps_per_epoch

    @property
    def evaluation_batches(self) -> int:
        """Batches that the held-out rows make."""
        return -(-self.facts.test_rows // EVALUATION_BATCH_ROWS)

    def rows(self, step: int) -> int:
        """Rows of the batch of a training step: the last one of an epoch may be short."""
        before = (step % self.steps_per_epoch) * self.batch_size
        return min(self.batch_size, self.facts.train_rows - before)

    def slices(self, step: int) -> int:
        """Micro-batches of a training step: never more than it has rows."""
        if self.micro_batches == 1:
            return 1
        return min(self.micro_batches, self.rows(step))

    def role_facts(self, name: str) -> RoleFacts:
        """What the probe found out about a role's model."""
        return self.facts.roles[name]

    def segments(self) -> Iterator[Segment]:
        """The run between its drains: each ends with an evaluation, where there are held-out rows.

        Without epochs, an evaluation is all there is.
        """
        if not self.steps:
            yield Segment(0, 0, self.evaluation_batches)
            return
        for start in range(0, self.steps, self._steps_per_segment):
            stop = min(start + self._steps_per_segment, self.steps)
            yield Segment(start, stop, self.evaluation_batches)

    def program(self, role: Role) -> Program:
        """The role's instructions, from the first to the last of the run."""
        for segment in self.segments():
            yield from self.segment_program(role, segment)

    def segment_program(self, role: Role, segment: Segment) -> Program:
        """The role's instructions for one segment."""
        if role.kind == "top":
            return top_program(segment, self.slices, [bottom.name for bottom in self.bottoms])
        return bottom_program(segment, role.depth, self.slices, self.top.name)

    def evaluation(self) -> Plan:
        """The plan that evaluates once and trains nothing, over links that cost no time."""
        channels = tuple(replace(channel, timing=None) for channel in self.channels)
        return replace(self, epochs=0, channels=channels)

    def version(self, role: Role, step: int) -> int:
        """How many updates the weights have seen that the role's forward of a step runs at."""
        start = step - step % self._steps_per_segment
        return max(start, step - role.depth + 1)

    def staleness(self, role: Role, step: int) -> int:
        """How many updates lie between a step's forward and its own update."""
        return step - self.version(role, step)

    @property
    def _steps_per_segment(self) -> int:
        return (self.evaluate_every_epochs or self.epochs) * self.steps_per_epoch
