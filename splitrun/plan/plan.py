"""A compiled plan: facts, roles, channels, and for every role its program.

Facts are what a spec alone does not tell; `data` and `model` produce them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import msgspec

from splitrun.components import registry
from splitrun.events import EvaluatedRows
from splitrun.plan.emulation import LinkTiming
from splitrun.plan.schedule import Program, Segment, bottom_program, top_program
from splitrun.plan.tensors import TensorFacts, encoded
from splitrun.spec import Codec, Compute
from splitrun.spec.contracts import RuleSection


@dataclass(frozen=True)
class RoleFacts:
    """What the probe found out about one role's model."""

    parameters: int
    """Number of weights."""
    parameter_bytes: int
    saved: tuple[str, ...]
    """Parameters that need versions under staleness: those that autograd keeps for the backward,
    and of a user's class all that learn but tables of sparse gradients."""
    saved_bytes: int
    draws_random: bool
    """Whether a training forward draws random numbers (dropout)."""
    cut: tuple[TensorFacts, ...] = ()
    """What a bottom sends; empty for a top."""
    predictable: tuple[str, ...] = ()
    """A bottom's trainable parameters that are no embedding tables."""
    unsaved_predictable_bytes: int = 0
    """Of those that autograd does not keep."""
    buffer_bytes: int = 0
    gradient_bytes: int = 0
    """Of dense gradients of all weights."""
    optimizer_bytes: int = 0
    """Of the optimizer's state, once it is complete."""
    activation_bytes_per_row: float = 0.0
    """What a forward keeps for its backward beside weights, inputs and cut."""
    input_bytes_per_row: float = 0.0
    is_custom: bool = False
    """Whether it is a class of the user's, of which one batch does not tell all."""
    recomputes: bool = False
    """Whether its backward runs a forward again."""
    leaves_traces: bool = False
    """Whether its forwards change what it keeps: buffers, or attributes of Python."""
    repeatable: bool = False
    """Whether a step of it can be run again in the middle of a run, to look at its gradients."""
    woken: tuple[str, ...] = ()
    """Layers that are in evaluation mode when they are built, which `train()` ends."""
    sparse: tuple[str, ...] = ()
    """Parameters whose gradients are sparse."""

    @property
    def cut_bytes_per_row(self) -> int:
        """Bytes of one row of the whole cut; its gradient has as many."""
        return sum(tensor.bytes_per_row for tensor in self.cut)


@dataclass(frozen=True)
class Facts:
    """Everything beyond the spec that a plan depends on."""

    train_rows: int
    test_rows: int
    roles: Mapping[str, RoleFacts]
    validation_rows: int = 0

    @property
    def evaluated_rows(self) -> Mapping[EvaluatedRows, int]:
        """The rows of an evaluation, part by part in their order; without empty parts."""
        parts: dict[EvaluatedRows, int] = {
            "validation": self.validation_rows,
            "test": self.test_rows,
        }
        return {part: rows for part, rows in parts.items() if rows}


EVALUATION_BATCH_ROWS = 4096
"""Rows of an evaluation batch in training. Their number changes memory and messages, and results
in their last bits at most."""


@dataclass(frozen=True)
class Role:
    """What one worker runs. `depth` is the most batches it may have in flight."""

    name: str
    party: str
    kind: Literal["bottom", "top"]
    depth: int
    compute: Compute | None
    """Emulated hardware."""
    compensation: tuple[RuleSection, ...] = ()
    """What a bottom is to do about staleness."""

    @property
    def rules(self) -> tuple[RuleSection, ...]:
        """The compensation that has an effect: at depth 1 nothing is stale."""
        return self.compensation if self.depth > 1 else ()

    @property
    def moves_weights(self) -> bool:
        """Whether its batches in flight run on weights that a rule has moved."""
        return any(rule.moves_weights for rule in self.rules)

    def versioned(self, facts: RoleFacts) -> tuple[str, ...]:
        """A bottom's parameters of which a batch in flight has a version, those that are moved
        first."""
        if self.depth == 1:
            return ()
        moved = facts.predictable if self.moves_weights else ()
        return tuple(dict.fromkeys(moved + facts.saved))

    def version_bytes(self, facts: RoleFacts) -> int:
        """Bytes of one version."""
        if self.depth == 1:
            return 0
        return facts.saved_bytes + (facts.unsaved_predictable_bytes if self.moves_weights else 0)


@dataclass(frozen=True)
class Channel:
    """One direction between two roles; `timing` is None where messages arrive at once."""

    source: str
    target: str
    timing: LinkTiming | None
    capacity: int
    """Most messages sent and not yet received. Training never reaches past it by construction;
    it keeps an evaluation from running ahead."""
    codec: Codec = "none"
    """What its messages are encoded by."""

    @property
    def name(self) -> str:
        """`bob.bottom->alice.top`."""
        return f"{self.source}->{self.target}"


@dataclass(frozen=True)
class EarlyStopping:
    """When a run ends before its last step: see the spec's `training.early_stopping`."""

    metric: str
    patience: int
    min_delta: float
    rises: bool
    """Whether more is better."""


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
    checkpoint_every_steps: int | None = None
    evaluation_batch_rows: int = EVALUATION_BATCH_ROWS
    evaluate_every_steps: int | None = None
    early_stopping: EarlyStopping | None = None

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
        """Batches that validation and test rows make; none has rows of both."""
        parts = self.facts.evaluated_rows.values()
        return sum(-(-rows // self.evaluation_batch_rows) for rows in parts)

    @property
    def largest_evaluation_batch(self) -> int:
        """In rows; 0 where nothing is evaluated."""
        return min(self.evaluation_batch_rows, max(self.facts.evaluated_rows.values(), default=0))

    def rows(self, step: int) -> int:
        """Rows of the batch of a training step: the last one of an epoch may be short."""
        before = (step % self.steps_per_epoch) * self.batch_size
        return min(self.batch_size, self.facts.train_rows - before)

    def samples_before(self, step: int) -> int:
        """Training samples of all steps before this one."""
        epochs, steps = divmod(step, self.steps_per_epoch)
        return epochs * self.facts.train_rows + steps * self.batch_size

    def slices(self, step: int) -> int:
        """Micro-batches of a training step: never more than it has rows."""
        if self.micro_batches == 1:
            return 1
        return min(self.micro_batches, self.rows(step))

    def role_facts(self, name: str) -> RoleFacts:
        """What the probe found out about a role's model."""
        return self.facts.roles[name]

    def cut(self, channel: Channel) -> tuple[TensorFacts, ...]:
        """What roles give to a channel and get from it: a gradient has the tensors of the cut it
        belongs to."""
        bottom = channel.target if channel.source == self.top.name else channel.source
        return self.role_facts(bottom).cut

    def message(self, channel: Channel) -> tuple[TensorFacts, ...]:
        """What a channel's messages carry: a cut, encoded."""
        return tuple(part for it in self.cut(channel) for part in encoded(channel.codec, it))

    def bytes_per_row(self, channel: Channel) -> int:
        """Of a message."""
        return sum(tensor.bytes_per_row for tensor in self.message(channel))

    def shares_thread(self, party: str) -> bool:
        """Whether a party's roles take turns in one thread where each party is a process: two would
        take turns at Python's lock, and by its changing hands alone they lose more than they win.

        But where links or hardware are emulated, a role waits for what is not here, and another one
        can work meanwhile.
        """
        own = {role.name for role in self.roles if role.party == party}
        into = [it for it in self.channels if it.target in own and it.source not in own]
        return not any(it.timing for it in into) and not any(role.compute for role in self.roles)

    def segments(self, start: int = 0) -> Iterator[Segment]:
        """The run between its drains: each ends with an evaluation, where there are rows for it,
        or with a checkpoint, or with both. The run's end is no checkpoint: the model is saved then.

        Without epochs, an evaluation is all there is.

        Args:
            start: of the first segment; a multiple of the steps between checkpoints.
        """
        if not self.steps:
            yield Segment(0, 0, self.evaluation_batches)
        every = self.checkpoint_every_steps
        while start < self.steps:
            stop = min(self.steps, *(start - start % steps + steps for steps in self._drains))
            evaluates = stop == self.steps or not stop % self._steps_per_evaluation
            yield Segment(
                start,
                stop,
                self.evaluation_batches if evaluates else 0,
                checkpoint=every is not None and stop < self.steps and not stop % every,
                may_stop=self.early_stopping is not None,
            )
            start = stop

    def program(self, role: Role, start: int = 0) -> Program:
        """The role's instructions, from a checkpoint's step, or the first, to the run's last."""
        for segment in self.segments(start):
            yield from self.segment_program(role, segment)

    def segment_program(self, role: Role, segment: Segment) -> Program:
        """The role's instructions for one segment."""
        if role.kind == "top":
            return top_program(segment, self.slices, [bottom.name for bottom in self.bottoms])
        return bottom_program(segment, role.depth, self.slices, self.top.name)

    def evaluation(self, batch_rows: int = EVALUATION_BATCH_ROWS) -> Plan:
        """The plan that evaluates once, in batches of so many rows, and trains nothing, over links
        that cost no time."""
        channels = tuple(replace(channel, timing=None) for channel in self.channels)
        return replace(
            self,
            epochs=0,
            channels=channels,
            evaluation_batch_rows=batch_rows,
            early_stopping=None,
        )

    def version(self, role: Role, step: int) -> int:
        """How many updates the weights have seen that the role's forward of a step runs at."""
        start = max(step - step % every for every in self._drains)
        return max(start, step - role.depth + 1)

    def staleness(self, role: Role, step: int) -> int:
        """How many updates lie between a step's forward and its own update."""
        return step - self.version(role, step)

    @property
    def longest_segment(self) -> int:
        """No segment has more steps than this."""
        return min(self.steps, *self._drains) if self.steps else 0

    @property
    def _drains(self) -> tuple[int, ...]:
        """The pipeline drains at every multiple of these steps."""
        return tuple(filter(None, (self._steps_per_evaluation, self.checkpoint_every_steps)))

    @property
    def _steps_per_evaluation(self) -> int:
        epochs = self.evaluate_every_epochs or self.epochs
        return self.evaluate_every_steps or epochs * self.steps_per_epoch


def plan_sha256(plan: Plan) -> str:
    """A digest of all that a plan says, the same in every process: parties compare it before they
    begin."""
    content = msgspec.json.encode(plan, order="sorted", enc_hook=_section)
    return hashlib.sha256(content).hexdigest()


def _section(section: Any) -> Any:
    """A section of the spec, as plain data."""
    return section.model_dump(mode="json")


def plan_to_bytes(plan: Plan) -> bytes:
    """All that a plan says; `plan_from_bytes` gives it back in another process."""
    return msgspec.msgpack.encode(plan, enc_hook=_section)


def plan_from_bytes(content: bytes) -> Plan:
    """What `plan_to_bytes` was given.

    Raises:
        ValueError: it is no plan.
        UsageError: a rule of it is not installed here.
    """
    return msgspec.msgpack.decode(content, type=Plan, dec_hook=_section_of)


def _section_of(kind: type[Any], content: Any) -> Any:
    """What `_section` was given: a rule, which may be told by its name alone, or another section of
    this class."""
    if kind is not RuleSection:
        return kind.model_validate(content)
    given = {"type": content} if isinstance(content, str) else content
    return registry().find("compensation", given["type"]).model_validate(given)
