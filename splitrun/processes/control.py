"""What a party's process and the one that started it tell each other, over a pipe.

Both run the same code, as the same user, and one has started the other: what is said is trusted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from multiprocessing.connection import Connection

import msgspec

from splitrun import errors
from splitrun.errors import RunFailed
from splitrun.events import AnyEvent
from splitrun.plan import Instruction
from splitrun.runtime import ChannelStatistics, RoleOutcome, RoleStatus
from splitrun.spec.contracts import Metric
from splitrun.usage import Usage


class Message(msgspec.Struct, tag=True):
    """Base of all that is told."""


class Assignment(Message):
    """To a party's process, first: what it is to run."""

    party: str
    spec: str
    """YAML."""
    directory: str
    """Where the party's paths and classes are looked up."""
    data: str
    """A file with the party's encoded rows."""
    rows: str
    """A file with the numbers of those that are trained and evaluated on."""
    states: Mapping[str, str]
    """By role, where the state is that it begins with."""
    plan: bytes
    """See `plan_to_bytes`."""
    metrics: Sequence[Metric]
    step: int
    epoch_loss: float
    intra_op_threads: int
    hooks: bool
    """Whether those of the spec act."""
    digests: bool
    collects: bool
    """Whether somebody takes what roles hand over at a checkpoint."""
    faults: bool
    """Whether those of the spec come to pass,"""
    fired: Collection[int]
    """but for these, which have before."""
    cores: Sequence[int]
    """That its threads keep to; all, if empty."""
    scratch: str
    """A directory for files that are handed over."""


class Go(Message):
    """To a party's process: all are ready."""


class Stop(Message):
    """To a party's process: end, for the run has failed or is not wanted any more."""

    tell_stacks: bool = False


class Ready(Message):
    """From a party's process: its roles are about to start."""


class News(Message):
    """From a party's process, ten times a second: what has happened since, and what is."""

    events: Sequence[AnyEvent]
    statuses: Sequence[RoleStatus]
    usage: Usage | None = None
    """Told now and then, and at the end."""


class Due(Message):
    """From a party's process: a role's state at a checkpoint."""

    role: str
    step: int
    state: str
    """The file."""


class Fired(Message):
    """From a party's process: a fault is about to happen."""

    index: int
    role: str
    instruction: Instruction


class Stacks(Message):
    """From a party's process: where its threads are."""

    text: str


class Failure(msgspec.Struct):
    """A `RunFailed` on its way to another process."""

    kind: str
    role: str
    instruction: str
    message: str
    notes: Sequence[str]
    stacks: str
    left_behind: tuple[str, ...]
    sound_until: int | None

    @classmethod
    def of(cls, error: RunFailed) -> Failure:
        """What tells all of an error."""
        return cls(
            type(error).__name__,
            error.role,
            error.instruction,
            str(error),
            getattr(error, "__notes__", ()),
            error.stacks,
            error.left_behind,
            error.sound_until,
        )

    def error(self) -> RunFailed:
        """The same error, here."""
        kind = getattr(errors, self.kind, RunFailed)
        error: RunFailed = kind.__new__(kind, self.message)
        error.role, error.instruction = self.role, self.instruction
        error.stacks, error.left_behind = self.stacks, self.left_behind
        error.sound_until = self.sound_until
        for note in self.notes:
            error.add_note(note)
        return error


class Ended(Message):
    """From a party's process, last: what its roles have come to."""

    states: Mapping[str, str]
    """By role, the file of its state; none of a failure that left threads behind."""
    roles: Mapping[str, RoleOutcome] = {}
    """Of a run that came to its end, as are the next."""
    channels: Mapping[str, ChannelStatistics] = {}
    failure: Failure | None = None


Told = Assignment | Go | Stop | Ready | News | Due | Fired | Stacks | Ended
_decoder = msgspec.msgpack.Decoder(Told)


def tell(pipe: Connection, message: Message) -> None:
    """Say something.

    Raises:
        OSError: nobody is at the other end any more.
    """
    pipe.send_bytes(msgspec.msgpack.encode(message))


def hear(pipe: Connection) -> Told:
    """What is said next; waits for it.

    Raises:
        EOFError, OSError: nobody is at the other end any more.
    """
    told: Told = _decoder.decode(pipe.recv_bytes())
    return told
