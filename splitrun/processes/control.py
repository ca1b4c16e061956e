"""What a party's process and the one that has started it tell each other, and the open files that
go with it; what carries it is in `pipe`.

Both run the same code, as the same user, and one has started the other: what is said is trusted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from splitrun import errors
from splitrun.errors import RunFailed
from splitrun.events import AnyEvent
from splitrun.plan import Instruction
from splitrun.processes.streams import Streams
from splitrun.runtime import ChannelStatistics, RoleOutcome, RoleStatus, StartPoint
from splitrun.usage import Usage


class Message(msgspec.Struct, tag=True, kw_only=True):
    """Base of all that is told."""

    files: Sequence[int] = ()
    """Open files that go with it, by their numbers in the process that tells or has heard it."""


class Reading(msgspec.Struct, frozen=True):
    """How a party's process reads the party's rows where it is, as those that were planned with."""

    data_dir: str | None
    """Where a published dataset is looked up first."""
    encoder: Mapping[str, Any]
    """That was fitted to the training rows; see `PartyEncoder`."""
    aligned: bytes | None
    """Which of its rows the samples are, int64, where they are joined by keys."""
    digests: Mapping[str, str]
    """Of all that is trained on, by what they are of, in words."""


class Assignment(Message):
    """To a party's process, first: what it is to run.

    With it go a file with the party's rows, unless it reads them itself; a state for each of its
    roles; and, without `streams`, memory and bell for each channel.
    """

    party: str
    spec: str
    """YAML."""
    directory: str
    """Where the party's paths and classes are looked up."""
    ids: Mapping[str, bytes]
    """By field of `Data`, int64: the rows that are trained and evaluated on."""
    roles: Sequence[str]
    sources: Sequence[str]
    """Channels to other parties that its roles send over,"""
    targets: Sequence[str]
    """and from others that they receive over."""
    plan: bytes
    """See `plan_to_bytes`."""
    metrics: Sequence[str]
    start: StartPoint
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
    core: int | None = None
    """That its threads keep to until others want it, too; None for no such core."""
    streams: Streams | None = None
    """That its channels to other parties go over, instead of memory."""
    reading: Reading | None = None
    """Of the rows, where no file of them goes with it."""
    ahead_s: float = 0.0
    """How far the clock of the run is ahead of that of the process's machine."""


class Listening(Message):
    """From the label holder's process: where it listens, `HOST:PORT`."""

    address: str


class Dial(Message):
    """To another party's process: where the label holder's listens."""

    address: str


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
    printed: str
    """What somebody's code has printed since."""
    usage: Usage | None = None
    """Told now and then, and at the end."""


class Reached(Message):
    """From a party's process: a role has come to a checkpoint, and waits for what is decided."""

    role: str
    step: int


class Decided(Message):
    """To a party's process: whether the role's state is wanted."""

    role: str
    wanted: bool


class Due(Message):
    """From a party's process, where it is: the role's state, in a file that goes with it."""

    role: str


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
    """From a party's process, last: what its roles have come to.

    With it go the states of its roles; none of a failure that left threads behind.
    """

    states: Sequence[str] = ()
    """The roles, in the order of the files."""
    roles: Mapping[str, RoleOutcome] = {}
    """Of a run that came to its end, as are the next."""
    channels: Mapping[str, ChannelStatistics] = {}
    failure: Failure | None = None


Told = (
    Assignment
    | Listening
    | Dial
    | Go
    | Stop
    | Ready
    | News
    | Reached
    | Decided
    | Due
    | Fired
    | Stacks
    | Ended
)
_decoder = msgspec.msgpack.Decoder(Told)


def encode(message: Message) -> bytes:
    """A message without its files, of which it tells how many there are."""
    return msgspec.msgpack.encode(message)


def decode(content: bytes) -> Told:
    """What `encode` was given; its `files` are those of the process that told it."""
    told: Told = _decoder.decode(content)
    return told
