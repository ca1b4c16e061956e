"""Channels over links: the bits of one process, whatever happens to connections; and what a peer
may not send."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable, Mapping
from queue import SimpleQueue
from typing import Any

import grpc
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from splitrun.errors import LostPeer
from splitrun.plan import Plan
from splitrun.runtime import ChannelClosed, Message
from splitrun.wire.frames import Layout, Place, decode, encode, places
from splitrun.wire.link import PIECE_BYTES, Link
from splitrun.wire.stream import Dialer, Listener
from tests.remote.parties import until
from tests.runtime.contents import contents
from tests.runtime.running import Content, prepared, synthetic, trained
from tests.wire.running import hold_the_law_over_cut_links, in_memory, over_grpc, run_apart

STALE = {"schedule": "stale", "depth": 4}


def three_parties(**sections: Any) -> Content:
    made = synthetic(parties=3, pipeline=STALE, checkpoint={"every_steps": 7})
    made["parties"]["p1"]["bottom"] = {"type": "mlp", "hidden": [12], "out": 6, "dropout": 0.3}
    return made | sections


@pytest.mark.parametrize("wires", [in_memory, over_grpc])
def test_parties_apart_end_with_the_bits_of_one_process(wires: Any) -> None:
    together = trained(prepared(three_parties()), "threaded")
    apart = run_apart(prepared(three_parties()), wires)
    assert not apart.errors
    assert apart.digests == dict(together.outcome.digests)


@settings(max_examples=5)
@given(contents(), st.integers(0, 2**32))
def test_the_law_holds_over_links_that_are_cut_at_any_moment(content: Content, seed: int) -> None:
    hold_the_law_over_cut_links(content, seed)


def test_a_frame_longer_than_a_piece_goes_in_several() -> None:
    made = synthetic(rows=6000, dataset={"batch_size": 4096}, pipeline=STALE)
    for party in made["parties"].values():
        party["bottom"]["out"] = 128
    plan = prepared(made).plan
    assert Layout.of(plan, plan.channels[0]).size(4096) > PIECE_BYTES
    together = trained(prepared(made), "threaded")
    assert run_apart(prepared(made), over_grpc).digests == dict(together.outcome.digests)


def test_what_is_sent_next_is_what_the_program_says() -> None:
    plan = prepared(three_parties(pipeline={"schedule": "microbatch", "micro_batches": 3})).plan
    for channel in plan.channels:
        role = next(role for role in plan.roles if role.name == channel.source)
        sent = [
            (it.phase, it.step, it.micro)
            for it in plan.program(role)
            if it.op == "SEND" and it.peer == channel.target
        ]
        told = list(places(plan, channel))
        assert [place[:3] for place in told] == sent
        trained_rows = sum(place.rows for place in told if place.phase == "train")
        assert trained_rows == plan.epochs * plan.facts.train_rows


class Peers:
    """Two links, one of an honest party, and what the other's says by hand."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.heard: list[bytes] = []
        self.link = Link("p1", lambda _, content: self.heard.append(content))
        self.said: list[bytes] = []
        self.connection = self.link.attach(self.said.append)
        senders, receivers = self.link.open(plan, 1, 0, "p0", lambda _: None)
        (self.sender,), (self.receiver,) = senders.values(), receivers.values()
        (self.channel,) = (it for it in plan.channels if it.name == self.receiver.name)
        self.layout = Layout.of(plan, self.channel)
        self.places = list(places(plan, self.channel))

    def message(self, number: int, value: float = 1.0) -> Message:
        place = self.places[number]
        tensors = tuple(
            torch.full((place.rows, *it.shape), value, dtype=getattr(torch, it.dtype))
            for it in self.layout.tensors
        )
        return Message(place.phase, place.step, place.micro, b"12345678", tensors)

    def frame(self, number: int, life: int = 1) -> bytes:
        return bytes(encode(self.layout, life, number, self.message(number)))

    def send(self, frame: bytes, kind: int = 2, times: int = 1) -> None:
        for _ in range(times):
            self.connection.read(bytes([kind]) + frame)

    def send_all(self, numbers: range) -> None:
        for number in numbers:
            self.send(self.frame(number))

    def number(self, kind: int, count: int, times: int = 1) -> None:
        """Say something of the channel that leads to the peer."""
        back = f"{self.channel.target}->{self.channel.source}"
        to = [channel.name for channel in self.plan.channels].index(back)
        for _ in range(times):
            self.connection.read(struct.pack("<BHIQ", kind, to, 1, count))

    def say(self, control: bytes, times: int) -> None:
        for _ in range(times):
            self.connection.read(b"\x00\x01" + control)

    def take_all(self) -> None:
        while True:
            self.receiver.receive()


@pytest.fixture
def peers() -> Peers:
    return Peers(prepared(synthetic(pipeline=STALE)).plan)


def test_what_is_due_is_taken(peers: Peers) -> None:
    for number in range(3):
        peers.send(peers.frame(number))
    assert not peers.link.refusal
    for number in range(3):
        taken = peers.receiver.receive()
        assert taken[:4] == peers.message(number)[:4]
        assert all(map(torch.equal, taken.tensors, peers.message(number).tensors))


def test_what_has_been_consumed_goes_before_the_next_frame_or_before_the_next_wait(
    peers: Peers,
) -> None:
    peers.number(4, 0)
    peers.send_all(range(3))
    peers.said.clear()
    peers.receiver.receive()
    assert peers.said == []
    peers.sender.send(peers.message(0))
    (frame,) = peers.said
    told = struct.pack("<BHIQ", 3, peers.layout.number, 1, 1)
    assert frame[: len(told) + 1] == told + b"\x02"
    peers.receiver.receive()
    peers.receiver.receive()
    assert peers.said[1:] == [struct.pack("<BHIQ", 3, peers.layout.number, 1, 2)]


def _changed(frame: bytes, at: int, content: bytes) -> bytes:
    return frame[:at] + content + frame[at + len(content) :]


REFUSED: Mapping[str, Callable[[Peers], object]] = {
    "nothing": lambda it: it.connection.read(b""),
    "an unknown kind": lambda it: it.connection.read(b"\xff"),
    "a frame of no channel": lambda it: it.send(_changed(it.frame(0), 0, b"\xff\xff")),
    "a frame of another channel": lambda it: it.send(_changed(it.frame(0), 0, b"\x00\x00")),
    "a frame of a later life": lambda it: it.send(it.frame(0, life=2)),
    "a replay": lambda it: it.send(it.frame(0), times=2),
    "a frame too early": lambda it: it.send(it.frame(1)),
    "more frames than the channel holds": lambda it: it.send_all(range(it.channel.capacity + 1)),
    "another step": lambda it: it.send(_changed(it.frame(0), 19, struct.pack("<Q", 7))),
    "an evaluation's": lambda it: it.send(_changed(it.frame(0), 14, b"\x01")),
    "4 GiB of rows": lambda it: it.send(_changed(it.frame(0), 27, b"\xff\xff\xff\xff")),
    "a frame cut off": lambda it: it.send(it.frame(0)[:-1]),
    "a frame's head alone": lambda it: it.send(it.frame(0)[:20]),
    "a frame that goes on": lambda it: it.send(it.frame(0) + b"\0"),
    "pieces without an end": lambda it: it.send(it.frame(0), kind=1, times=3),
    "what is not finite": lambda it: it.send(it.frame(0)[:-4] + struct.pack("<f", float("nan"))),
    "more consumed than sent": lambda it: it.number(3, 9),
    "what was never sent": lambda it: it.number(4, 9),
    "the same wanted twice": lambda it: it.number(4, 0, times=2),
    "a number that goes on": lambda it: it.connection.read(struct.pack("<BHIQ", 4, 0, 1, 0) + b"0"),
    "a number cut off": lambda it: it.connection.read(b"\x03\x01"),
    "without end beside the channels": lambda it: it.say(bytes(PIECE_BYTES), times=20),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_peer_may_not_send_is_refused_and_ends_its_channels(name: str, peers: Peers) -> None:
    REFUSED[name](peers)
    assert peers.link.refusal.startswith("p1 has sent what it may not: ")
    with pytest.raises(ChannelClosed):
        peers.take_all()


def test_a_frame_of_a_life_before_is_late_and_no_offence(peers: Peers) -> None:
    late = peers.frame(0)
    _, receivers = peers.link.open(peers.plan, 2, 0, "p0", lambda _: None)
    peers.send(late)
    peers.send(peers.frame(0, life=2))
    assert not peers.link.refusal
    assert next(iter(receivers.values())).ready()


@given(st.binary(max_size=200))
def test_nothing_that_comes_raises(content: bytes) -> None:
    peers = Peers(PLAN)
    peers.connection.read(content)
    peers.connection.read(b"\x02" + content)


PLAN = prepared(synthetic(pipeline=STALE)).plan


def test_a_cut_that_is_not_finite_is_not_sent(peers: Peers) -> None:
    with pytest.raises(ValueError, match="not finite"):
        encode(peers.layout, 1, 0, peers.message(0, float("nan")))


def test_a_message_comes_through_a_frame_as_it_was(peers: Peers) -> None:
    message = peers.message(0)._replace(checksum=7)
    frame = encode(peers.layout, 1, 0, message)
    back = decode(peers.layout, Place(*peers.places[0]), frame)
    assert back.checksum == 7
    assert back[:4] == message[:4]
    assert all(map(torch.equal, back.tensors, message.tensors))


def test_a_party_that_goes_is_missed_at_the_other_end() -> None:
    made = synthetic(pipeline=STALE, training={"epochs": 200})

    def refuse_soon(wires: Any) -> None:
        time.sleep(0.2)
        wires[0].offend()

    apart = run_apart(prepared(made), in_memory, refuse_soon)
    assert any(isinstance(error, LostPeer) for error in apart.errors.values())
    assert apart.refusals


def test_a_party_that_dials_again_and_again_keeps_nobody_out() -> None:
    attached = list[Link]()
    links = {name: Link(name, lambda *_: None, attached.append) for name in ("bob", "carol")}
    listener = Listener("127.0.0.1:0", links, None)
    with grpc.insecure_channel(f"127.0.0.1:{listener.port}") as channel:
        streams: list[Any] = []
        for count in range(20):
            call: grpc.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(
                "/splitrun.Party/Stream"
            )
            streams.append(call(iter(SimpleQueue[bytes]().get, b""), metadata=(("party", "bob"),)))
            until(lambda: len(attached) > count)  # noqa: B023 - called at once
        holder = Link("alice", lambda *_: None)
        dialer = Dialer(f"127.0.0.1:{listener.port}", "carol", holder, None)
        until(lambda: links["carol"].down_since is None)
        for stream in streams:
            stream.cancel()
    dialer.close()
    listener.close()


def test_links_leave_no_threads_behind() -> None:
    before = threading.active_count()
    run_apart(prepared(synthetic()), over_grpc)
    names = [each.name for each in threading.enumerate() if each.name.startswith(("from ", "to "))]
    assert not names, before
