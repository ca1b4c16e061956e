"""What parties of a run tell each other beside their channels.

Each side tells all of its state whenever something of it changes and whenever a connection is made,
so that nothing depends on what was said before, and a party that is started again is known by what
it does not remember. Nothing that is said here is believed beyond what is compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from splitrun.runtime import RoleStatus

PROTOCOL = 2
"""Of what is said, and of frames."""


class Introduction(msgspec.Struct):
    """Who a party is, and what it has."""

    protocol: int
    party: str
    process: str
    """A word that no other process of the party says."""
    versions: Mapping[str, str]
    spec: Mapping[str, str]
    """What all parties must have alike, by key; see `splitrun.remote.shared`."""
    run: str
    """The run that it could go on with; empty if there is none."""
    checkpoints: Sequence[int]
    """The steps that it could go on from."""
    last_life: int
    """Of that run, as far as it knows."""


class PartyState(msgspec.Struct, tag=True, frozen=True):
    """A party that dials, to the label holder."""

    introduction: Introduction
    facts: str = ""
    """See `PartyFacts.to_json`; empty until it knows which of its rows the samples are."""
    plan: str = ""
    """The digest of the plan that it has compiled."""
    life: int = 0
    """Its channels are open for that one."""
    done: int = 0
    """It has come to the end of that one."""
    failure: str = ""
    """What ended its run, on one line."""


class RunState(msgspec.Struct, tag=True, frozen=True):
    """The label holder, to all others."""

    introduction: Introduction
    facts: Sequence[str] = ()
    """Of all parties, its top among them."""
    run: str = ""
    life: int = 0
    """How often the run has begun, or gone on."""
    members: Mapping[str, str] = {}
    """The processes that it is for, by party: one that is started again is not among them."""
    step: int = 0
    """Where that one begins."""
    go: int = 0
    """All have opened their channels for that one."""
    done: int = 0
    """All have come to the end of that one."""
    failure: str = ""


class Statuses(msgspec.Struct, tag=True):
    """A few times a second, what roles are at: to the label holder one's own, from it all."""

    roles: Sequence[RoleStatus]


class Ask(msgspec.Struct, tag=True, frozen=True):
    """A part of a document is wanted."""

    session: str
    """The two processes that talk."""
    name: str
    number: int


class Part(msgspec.Struct, tag=True, frozen=True):
    """A part of a document."""

    session: str
    name: str
    number: int
    parts: int
    """How many there are."""
    content: bytes


Said = PartyState | RunState | Statuses | Ask | Part
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Said)


def encode(said: Said) -> bytes:
    """As bytes."""
    return _encoder.encode(said)


def decode(content: bytes) -> Said:
    """What was said.

    Raises:
        ValueError: nothing that may be.
    """
    said: Said = _decoder.decode(content)
    return said
