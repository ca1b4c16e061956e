"""A party whose peer sends what it likes, in memory.

Whatever that is, it is refused, and then nobody waits for the peer any more; or it has had no
effect: what came is what was due, and the rest of it is still taken.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from splitrun.errors import Refused
from splitrun.plan import Channel
from splitrun.remote import Meeting, PartyState, RunState
from splitrun.remote.states import PROTOCOL, Ask, Introduction, Part, Statuses
from splitrun.remote.states import encode as encoded_state
from splitrun.runtime import ChannelClosed, Message, RoleStatus
from splitrun.wire.frames import Layout, encode, places
from tests.fuzz.damage import CONSUMED, LAST, WANTED, damaged, say
from tests.fuzz.fire import Target
from tests.runtime.running import prepared, synthetic

_PLAN = prepared(synthetic(pipeline={"schedule": "stale", "depth": 4})).plan
_LIFE = 1
_PARTY_OF = {role.name: role.party for role in _PLAN.roles}
_BETWEEN = [it for it in _PLAN.channels if _PARTY_OF[it.source] != _PARTY_OF[it.target]]
_LAYOUTS = {channel.name: Layout.of(_PLAN, channel) for channel in _BETWEEN}


def _introduction(party: str) -> Introduction:
    spec = {f"training.key{number}": "1" for number in range(20)}
    return Introduction(PROTOCOL, party, "process", {"torch": "2"}, spec, "run", [20, 40], 1)


_STATES: Mapping[str, PartyState | RunState] = {
    "p0": RunState(_introduction("p0"), ["{}", "{}"], "run", 1, {"p1": "process"}, 20, 1),
    "p1": PartyState(_introduction("p1"), "{}", "digest", 1),
}


def _messages(channel: Channel) -> Sequence[Message]:
    """The first ones of a channel, as many as it holds."""
    layout, found = _LAYOUTS[channel.name], []
    for _, place in zip(range(channel.capacity), places(_PLAN, channel), strict=False):
        tensors = tuple(
            torch.ones((place.rows, *it.shape), dtype=getattr(torch, it.dtype))
            for it in layout.tensors
        )
        found.append(Message(place.phase, place.step, place.micro, b"12345678", tensors))
    return found


_MESSAGES = {channel.name: _messages(channel) for channel in _BETWEEN}


def _frame(layout: Layout, number: int, message: Message) -> bytes:
    return bytes([LAST]) + encode(layout, _LIFE, number, message)


class _Party:
    """A party that has sent two messages, and its peer, which may send a few."""

    def __init__(self, name: str, peer: str) -> None:
        self._meeting = Meeting(name, [peer], _STATES[name])
        self.link = self._meeting.links[peer]
        self._written: list[bytes] = []
        self._connection = self.link.attach(self._written.append)
        senders, receivers = self.link.open(_PLAN, _LIFE, 0, name, lambda _: None)
        (self._sender,), (self.receiver,) = senders.values(), receivers.values()
        for message in _MESSAGES[self._sender.name][:2]:
            self._sender.send(message)

    def read(self, message: bytes) -> None:
        self._connection.read(message)

    def reconnect(self) -> None:
        self._connection.lost("it was cut")
        self._connection = self.link.attach(self._written.append)

    @property
    def written_bytes(self) -> int:
        return sum(map(len, self._written))


def _honest(peer: str) -> list[bytes]:
    """What a peer may send, in an order that it may be sent in."""
    (into,) = (it for it in _BETWEEN if _PARTY_OF[it.source] == peer)
    (out,) = (it for it in _BETWEEN if _PARTY_OF[it.target] == peer)
    state = say(encoded_state(_STATES[peer]))
    statuses = say(encoded_state(Statuses([RoleStatus(into.source, since=1.0)])))
    layout, number = _LAYOUTS[into.name], _LAYOUTS[out.name].number
    frames = [_frame(layout, at, message) for at, message in enumerate(_MESSAGES[into.name])]
    wanted, consumed = (
        struct.pack("<BHIQ", kind, number, _LIFE, count)
        for kind, count in ((WANTED, 0), (CONSUMED, 1))
    )
    asked = say(encoded_state(Ask("process:process", "question", 0)))
    told = say(encoded_state(Part("process:process", "samples", 0, 2, bytes(100))))
    return [*state, wanted, *frames[:2], *asked, *statuses, consumed, *told, *frames[2:]]


@dataclass(frozen=True)
class Peer(Target):
    """A party that a peer fires at, a sequence of messages at a time."""

    name: str
    party: str
    peer: str
    slower: int = 1

    def prepared(self, _: Path) -> Callable[[random.Random], None]:
        """See `Target`."""
        honest = _honest(self.peer)

        def attack(luck: random.Random) -> None:
            party = _Party(self.party, self.peer)
            for message in _disturbed(honest, luck):
                if message is None:
                    party.reconnect()
                else:
                    party.read(message)
            if party.link.refusal:
                _expect_refusal(party)
                raise Refused(self.party, "the meeting", party.link.refusal)
            _expect_no_effect(party)

        return attack


def _disturbed(honest: Sequence[bytes], luck: random.Random) -> list[bytes | None]:
    """Some of the messages damaged, some in another order; None is where the connection is lost."""
    sent: list[bytes | None] = list(honest)
    if luck.random() < 0.3:
        one, other = luck.randrange(len(sent)), luck.randrange(len(sent))
        sent[one], sent[other] = sent[other], sent[one]
    for _ in range(luck.choice([0, 1, 1, 2, 3])):
        at = luck.randrange(len(sent))
        message = sent[at]
        if message:
            sent[at : at + 1] = damaged(message, luck)
        sent = sent or [b""]
    if luck.random() < 0.2:
        sent.insert(luck.randrange(len(sent) + 1), None)
    return sent


def _expect_refusal(party: _Party) -> None:
    """It is told on a line that ends, and nobody waits for the peer any more."""
    refusal = party.link.refusal
    assert refusal.startswith(f"{party.link.peer} has sent what it may not: ")
    assert len(refusal) < 500
    assert refusal.isprintable()
    try:
        while True:
            party.receiver.receive()
    except ChannelClosed:
        return


def _expect_no_effect(party: _Party) -> None:
    """What was taken is what was due, and what is due now is taken."""
    due = _MESSAGES[party.receiver.name]
    taken = 0
    while party.receiver.ready():
        message = party.receiver.receive()
        assert message[:3] == due[taken][:3]
        assert all(map(torch.equal, message.tensors, due[taken].tensors))
        taken += 1
    party.reconnect()
    layout = _LAYOUTS[party.receiver.name]
    for number in range(taken, len(due)):
        party.read(_frame(layout, number, due[number]))
    assert not party.link.refusal
    assert party.receiver.received == len(due)


PEERS: tuple[Target, ...] = (
    Peer("label holder's link", "p0", "p1"),
    Peer("another party's link", "p1", "p0"),
)
