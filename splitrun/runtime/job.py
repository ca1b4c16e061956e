"""What a runtime is asked to do, who watches it, what acts on it, and what comes of it.

A `Job` is the roles of a plan that are to run here, which may be all of them or one party's, each
with its stage and its batches. A runtime is a function of a job and an `Observer`; it is found by
name, and gives an `Outcome`: digests and figures, so that nobody has to look into stages that may
be in another process.

Hooks act on a run from outside: faults, emulated hardware, checksums, recording, pacing. A `Hook`
is asked once for every role what it has to do there. What it answers, a `RoleHook`, puts itself
around the role's instructions and messages; this is done when the workers are made, so that what no
hook wants costs nothing. Without hooks a run has the same bits, and a hook that changes none keeps
them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from torch import Tensor

from splitrun.components import RUNTIMES, imported
from splitrun.data import Batch
from splitrun.events import Classification, Emit, Phase
from splitrun.model import Stage, State
from splitrun.party import Party
from splitrun.plan import Channel, Deadline, Instruction, Op, Plan, Role
from splitrun.runtime.channel import ChannelStatistics, Message, ReceiverEnd, SenderEnd
from splitrun.runtime.status import RoleStatus
from splitrun.runtime.stopping import Found

if TYPE_CHECKING:
    from splitrun.runtime.affinity import AffinityTuner
    from splitrun.runtime.faults import Faults

WORK = (Op.FORWARD, Op.LOSS, Op.BACKWARD, Op.UPDATE)
"""The instructions that compute: what hardware can be emulated for."""

Run = Callable[[Instruction], None]
"""Runs one instruction of a role, in the role's thread."""
Send = Callable[[Message], None]
"""Sends a message over one channel, in the sending role's thread."""
Receive = Callable[[], Message]
"""Gives the next message of one channel, in the receiving role's thread."""


@dataclass(frozen=True)
class StartPoint:
    """Where a run begins: at its first step, or at a checkpoint's, with stages of its state."""

    step: int = 0
    epoch_loss: float = 0.0
    """The top's sum over the epoch that the step is in."""
    found: Found = field(default_factory=Found)
    """What evaluations have found until then, where the run may stop early."""


@dataclass(frozen=True)
class RoleContext:
    """The role that a worker runs, and that a hook is to act on."""

    plan: Plan
    role: Role
    start: StartPoint
    stopped: threading.Event
    """Set when the run is stopped: who waits in a hook waits for this, too."""


class RoleHook:
    """What a hook does in one role.

    Each method is called once, before the run, and gives what is done in place of what it is given:
    the same, where there is nothing to do. What an instruction raises in a hook is the role's
    failure.
    """

    def around_instruction(self, op: Op, run: Run) -> Run:  # noqa: ARG002
        """How the role's instructions of a kind run."""
        return run

    def around_send(self, channel: Channel, send: Send) -> Send:  # noqa: ARG002
        """How the role's messages enter a channel: a hook may change them, or hold them up by a
        later `Message.arrive`."""
        return send

    def around_receive(self, channel: Channel, receive: Receive) -> Receive:  # noqa: ARG002
        """How the role gets the messages of a channel, which have arrived then."""
        return receive


class Hook(Protocol):
    """Acts on roles. Of several hooks the first is the outermost: its instructions begin first,
    what it sends passes the others on its way to the channel, and what it receives has passed
    them."""

    def for_role(self, context: RoleContext) -> RoleHook | None:
        """What is to be done in a role; None where there is nothing."""
        ...


class BatchLoader(Protocol):
    """Loads a role's batches."""

    def load(self, phase: Phase, step: int) -> Batch:
        """The role's rows of one batch."""
        ...


class Score(Protocol):
    """What an evaluation comes to, asked for validation rows, where there are some, then for test
    rows."""

    def __call__(
        self, outputs: Tensor, labels: Tensor, weights: Tensor | None = None
    ) -> dict[str, float | None]:
        """Metrics by name, of the top's outputs for all rows of a part, and of what they count for
        where they differ in that."""
        ...


class Classify(Protocol):
    """What an evaluation comes to class by class."""

    def __call__(
        self, outputs: Tensor, labels: Tensor, weights: Tensor | None = None
    ) -> Classification | None:
        """Of all rows of a part, as `Score`; None where there is nothing to tell."""
        ...


@dataclass(frozen=True)
class RoleWork:
    """What a role computes with."""

    stage: Stage
    """A `BottomStage` for a bottom, a `TopStage` for the top; trained in place."""
    batches: BatchLoader
    score: Score | None = None
    """The top's: what its evaluations come to;"""
    classify: Classify | None = None
    """and what they come to class by class."""


@dataclass(frozen=True)
class Job:
    """Roles of a plan that are to run here, from a start point to the plan's end."""

    plan: Plan
    roles: Mapping[str, RoleWork]
    """By name, those that run here: all of the plan's, or a party's."""
    intra_op_threads: int = 1
    """PyTorch's threads within an operation."""
    start: StartPoint = StartPoint()
    deadline: Deadline | None = None
    """Of instructions; default: what the plan suggests."""
    hooks: Sequence[Hook] = ()
    faults: Faults | None = None
    """That are to come to pass; their hook acts within the others."""
    parties: Sequence[Party] = ()
    """Whose roles they are, for a runtime that makes the roles again elsewhere;"""
    metrics: Sequence[str] = ()
    """likewise, what evaluations come to, besides the loss."""
    senders: Mapping[str, SenderEnd] = field(default_factory=dict)
    """By channel name, the ends of channels that lead to roles elsewhere; between roles that are
    here there are local channels."""
    receivers: Mapping[str, ReceiverEnd] = field(default_factory=dict)
    """Likewise, of channels that come from roles elsewhere."""
    elsewhere: Sequence[Callable[[], RoleStatus]] = ()
    """What roles elsewhere are at, as far as one hears of them: whom a role here waits for."""
    affinity_tuner: AffinityTuner | None = None
    """Of an earlier run of such a plan, which knows where its roles belong."""
    digests: bool = True
    """Whether the outcome tells digests of the weights, which of large ones take a moment."""


Collect = Callable[[str, int, Callable[[], State]], None]
"""Takes a copy of a role's state after so many steps, in the role's thread; returns soon."""


def _pass_by(_: object) -> None:
    """Hear nothing."""


@dataclass(frozen=True)
class Observer:
    """Who watches a run."""

    emit: Emit = _pass_by
    """Takes every event, in the thread of the role that it is about."""
    poll: Callable[[], None] = lambda: None
    """Called ten times a second in the thread that asked for the run; what it raises ends it."""
    collect: Collect | None = None
    """Called at every checkpoint; without it, a checkpoint is a drain and nothing more."""
    begin: Callable[[], None] = lambda: None
    """Called once, in the thread that asked for the run, when the roles are about to start."""
    look: Callable[[Sequence[RoleStatus]], None] = _pass_by
    """Told before each `poll` what every role is at."""


@dataclass(frozen=True)
class RoleOutcome:
    """What a role has come to."""

    digest: str
    """SHA-256 of its weights, see `Stage.digest`; empty where the job wants none."""
    peak_bytes: Mapping[str, int]
    """The most bytes that it held, by kind: weights, optimizer and, of a bottom, versions and
    messages."""


@dataclass(frozen=True)
class Outcome:
    """What a run has come to."""

    roles: Mapping[str, RoleOutcome]
    """By name, those of the job."""
    channels: Mapping[str, ChannelStatistics]
    """By name, those that the job's roles receive from."""

    @property
    def digests(self) -> Mapping[str, str]:
        """Of the weights, by role."""
        return {name: role.digest for name, role in self.roles.items()}


Runtime = Callable[[Job, Observer], Outcome]
"""Runs a job to its end; its stages hold the trained weights afterwards.

Raises `RunFailed`, which names role, instruction and batch, or `KeyboardInterrupt`. Every thread
has ended then but those that the error names as left behind.
"""


def find_runtime(name: str) -> Runtime:
    """The runtime of that name.

    Raises:
        KeyError: there is none.
    """
    runtime: Runtime = imported(RUNTIMES[name])
    return runtime
