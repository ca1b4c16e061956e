"""What a peer may not say beside the channels: it is refused as it comes, on one line."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pytest

from splitrun.remote import Meeting, PartyState, RunState
from splitrun.remote.states import Introduction, Statuses, decode, encode
from splitrun.runtime import RoleStatus


def introduction(party: str = "bob") -> Introduction:
    return Introduction(1, party, "word", {}, {}, "", "", [], 0)


REFUSED: Mapping[str, bytes] = {
    "what is nothing": b"\xc1",
    "nesting without end": b"\x82\xa4type\xa8Statuses\xa1x" + b"\x91" * 100_000,
    "a list without end": encode(Statuses([RoleStatus("bob.bottom")] * 2000)),
    "a map without end": encode(PartyState(introduction(), str(dict.fromkeys(range(9999))))),
    "another party's role": encode(Statuses([RoleStatus("carol.bottom")])),
    "names without end": encode(Statuses([RoleStatus("bob.bottom", waits_for="x" * 5000)])),
    "a life that no frame has": encode(PartyState(introduction(), life=1 << 31)),
    "a negative life": encode(PartyState(introduction(), life=-1)),
    "a failure without end": encode(PartyState(introduction(), failure="x" * 5000)),
    "another's introduction": encode(PartyState(introduction("carol"))),
    "what only the label holder says": encode(RunState(introduction())),
    "commands for a terminal": msgspec.msgpack.encode({"type": "\x1b[2J"}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_may_not_be_said_is_refused_on_a_line(name: str) -> None:
    meeting = Meeting("alice", ["bob"], RunState(introduction("alice")))
    link = meeting.links["bob"]
    connection = link.attach(lambda _: None)
    connection.read(b"\x00\x00" + REFUSED[name])
    assert link.refusal.startswith("bob has sent what it may not: ")
    assert link.refusal.isprintable()
    assert len(link.refusal) < 400
    assert not meeting.theirs


def test_what_may_be_said_comes_as_it_was() -> None:
    said = PartyState(introduction(), "digest", 3, 2, "it ended")
    assert decode(encode(said)) == said
