"""What a party's process and the one that started it tell each other, over a pipe, and the open
files that go with it.

Both run the same code, as the same user, and one has started the other: what is said is trusted.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Collection, Mapping, Sequence
from multiprocessing.connection import Connection

import msgspec

from splitrun import errors
from splitrun.errors import RunFailed
from splitrun.events import AnyEvent
from splitrun.plan import Instruction
from splitrun.processes.streams import Streams
from splitrun.runtime import ChannelStatistics, RoleOutcome, RoleStatus, StartPoint
from splitrun.usage import Usage

_FILES_AT_ONCE = 200
"""The system takes no more than 253."""


class Message(msgspec.Struct, tag=True, kw_only=True):
    """Base of all that is told."""

    files: Sequence[int] = ()
    """Open files that go with it, by their numbers in the process that tells or has heard it."""


class Assignment(Message):
    """To a party's process, first: what it is to run.

    With it go a file with the party's rows; a state for each of its roles; and for each channel
    memory and bell, or what goes with `streams`.
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
    core: int | None
    """That its threads keep to until others want it, too; None for no such core."""
    streams: Streams | None
    """That its channels to other parties go over, instead of memory."""


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


Told = Assignment | Go | Stop | Ready | News | Reached | Decided | Due | Fired | Stacks | Ended
_decoder = msgspec.msgpack.Decoder(Told)


def tell(pipe: Connection, message: Message) -> None:
    """Say something. The files that go with it stay open here.

    Raises:
        OSError: nobody is at the other end any more.
    """
    pipe.send_bytes(msgspec.msgpack.encode(message))
    files = message.files
    with _as_socket(pipe) as channel:
        for start in range(0, len(files), _FILES_AT_ONCE):
            socket.send_fds(channel, [b"\0"], files[start : start + _FILES_AT_ONCE])


def hear(pipe: Connection) -> Told:
    """What is said next; waits for it. The files that go with it are the caller's to close.

    Raises:
        EOFError, OSError: nobody is at the other end any more.
    """
    told: Told = _decoder.decode(pipe.recv_bytes())
    files: list[int] = []
    with _as_socket(pipe) as channel:
        while len(files) < len(told.files):
            content, more, _, _ = socket.recv_fds(channel, 1, _FILES_AT_ONCE)
            if not content:
                raise EOFError
            files += more
    told.files = tuple(files)
    return told


def _as_socket(pipe: Connection) -> socket.socket:
    """The same end, for what pipes have no words for."""
    return socket.socket(fileno=os.dup(pipe.fileno()))
