"""What a peer may not say beside the channels: it is refused as it comes, on one line."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pytest

from splitrun.errors import Lost
from splitrun.remote import Apart, Meeting, PartyState, RunState
from splitrun.remote.states import Introduction, Part, Statuses, decode, encode
from splitrun.runtime import RoleStatus
from splitrun.wire.link import PIECE_BYTES
from tests.runtime.running import prepared, synthetic


def introduction(party: str = "bob") -> Introduction:
    return Introduction(2, party, "word", {}, {}, "", [], 0)


REFUSED: Mapping[str, bytes] = {
    "what is nothing": b"\xc1",
    "nesting without end": b"\x82\xa4type\xa8Statuses\xa1x" + b"\x91" * 100_000,
    "a list without end": encode(Statuses([RoleStatus("bob.bottom")] * 2000)),
    "a map without end": encode(PartyState(introduction(), plan=str(dict.fromkeys(range(9999))))),
    "another party's role": encode(Statuses([RoleStatus("carol.bottom")])),
    "names without end": encode(Statuses([RoleStatus("bob.bottom", waits_for="x" * 5000)])),
    "a life that no frame has": encode(PartyState(introduction(), life=1 << 31)),
    "a negative life": encode(PartyState(introduction(), life=-1)),
    "a failure without end": encode(PartyState(introduction(), failure="x" * 5000)),
    "another's introduction": encode(PartyState(introduction("carol"))),
    "what only the label holder says": encode(RunState(introduction())),
    "a part of no document": encode(Part("now", "letters", -1, 1, b"")),
    "a part without end": encode(Part("now", "letters", 0, 1, bytes(5 << 20))),
    "commands for a terminal": msgspec.msgpack.encode({"type": "\x1b[2J"}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_may_not_be_said_is_refused_on_a_line(name: str) -> None:
    meeting = Meeting("alice", ["bob"], RunState(introduction("alice")))
    link = meeting.links["bob"]
    connection = link.attach(lambda _: None)
    content = REFUSED[name]
    for start in range(0, len(content), PIECE_BYTES):
        more = start + PIECE_BYTES < len(content)
        connection.read(bytes([0, more]) + content[start : start + PIECE_BYTES])
    assert link.refusal.startswith("bob has sent what it may not: ")
    assert link.refusal.isprintable()
    assert len(link.refusal) < 400
    assert not meeting.theirs


def test_a_party_that_runs_twice_is_named_as_soon_as_both_have_spoken_again() -> None:
    meeting = Meeting("alice", ["bob"], RunState(introduction("alice")))
    link = meeting.links["bob"]

    def hear(process: str) -> None:
        said = PartyState(msgspec.structs.replace(introduction(), process=process))
        link.attach(lambda _: None).read(b"\x00\x00" + encode(said))

    hear("one")
    hear("another")
    hear("another")
    assert not link.refusal
    hear("one")
    assert "bob runs twice; stop one of them" in link.refusal


def test_a_party_that_is_there_and_does_not_begin_is_named() -> None:
    meeting = Meeting("alice", ["bob"], RunState(introduction("alice")))
    meeting.theirs["bob"] = PartyState(introduction())
    plan = prepared(synthetic()).plan
    apart = Apart(meeting, plan, RunState(introduction("alice"), life=1), deadline_s=0.1)
    with pytest.raises(Lost, match="bob failed at life 1: it does not begin"):
        apart.begin(lambda: None)


def test_what_may_be_said_comes_as_it_was() -> None:
    said = PartyState(introduction(), "{}", "digest", 3, 2, "it ended")
    assert decode(encode(said)) == said
