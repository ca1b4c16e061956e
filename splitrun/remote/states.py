"""What parties of a run tell each other beside their channels.

Each side tells all of its state whenever something of it changes and whenever a connection is made,
so that nothing depends on what was said before, and a party that is started again is known by what
it does not remember. Nothing that is said here is believed beyond what is compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from splitrun.alignment.documents import MOST_PART_BYTES
from splitrun.runtime import RoleStatus

PROTOCOL = 2
"""Of what is said, and of frames."""
LONGEST_FAILURE = 1000
"""In characters."""

Word = Annotated[str, Meta(max_length=1000)]
Count = Annotated[int, Meta(ge=0, lt=1 << 31)]
Words = Annotated[Mapping[Word, str], Meta(max_length=10_000)]
"""What is said is refused before it is taken in, where it would be many times as long in memory."""


class Introduction(msgspec.Struct):
    """Who a party is, and what it has."""

    protocol: Count
    party: Word
    process: Word
    """A word that no other process of the party says."""
    versions: Words
    spec: Words
    """What all parties must have alike, by key; see `splitrun.remote.shared`."""
    run: Word
    """The run that it could go on with; empty if there is none."""
    checkpoints: Annotated[Sequence[int], Meta(max_length=10_000)]
    """The steps that it could go on from."""
    last_life: Count
    """Of that run, as far as it knows."""


class PartyState(msgspec.Struct, tag=True, frozen=True):
    """A party that dials, to the label holder."""

    introduction: Introduction
    facts: str = ""
    """See `PartyFacts.to_json`; empty until it knows which of its rows the samples are."""
    plan: Word = ""
    """The digest of the plan that it has compiled."""
    life: Count = 0
    """Its channels are open for that one."""
    done: Count = 0
    """It has come to the end of that one."""
    failure: Word = ""
    """What ended its run, on one line."""


class RunState(msgspec.Struct, tag=True, frozen=True):
    """The label holder, to all others."""

    introduction: Introduction
    facts: Annotated[Sequence[str], Meta(max_length=1000)] = ()
    """Of all parties, its top among them."""
    run: Word = ""
    life: Count = 0
    """How often the run has begun, or gone on."""
    members: Words = {}
    """The processes that it is for, by party: one that is started again is not among them."""
    step: Count = 0
    """Where that one begins."""
    go: Count = 0
    """All have opened their channels for that one."""
    done: Count = 0
    """All have come to the end of that one."""
    failure: Word = ""


class Statuses(msgspec.Struct, tag=True):
    """A few times a second, what roles are at: to the label holder one's own, from it all."""

    roles: Annotated[Sequence[RoleStatus], Meta(max_length=1000)]


class Ask(msgspec.Struct, tag=True, frozen=True):
    """A part of a document is wanted."""

    session: Word
    """The two processes that talk."""
    name: Word
    number: Count


class Part(msgspec.Struct, tag=True, frozen=True):
    """A part of a document."""

    session: Word
    name: Word
    number: Count
    parts: Count
    """How many there are."""
    content: Annotated[bytes, Meta(max_length=MOST_PART_BYTES)]


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
    try:
        said: Said = _decoder.decode(content)
    except RecursionError as error:
        raise ValueError("something nested too deeply") from error
    return said
