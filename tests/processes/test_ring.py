"""A ring gives what it was given, in order, to whoever has the other end, in whatever process."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from splitrun.events import Event, Phase, Sent
from splitrun.plan import Channel, TensorFacts
from splitrun.processes.control import Ended
from splitrun.processes.pipe import LocalPipe
from splitrun.processes.ring import RingEnd, RingLayout, RingReceiver, RingSender, open_ring
from splitrun.runtime import ChannelClosed, Message
from tests.forking import forkserver

CHANNEL = Channel("b.bottom", "a.top", None, capacity=2)
ITEM_BYTES = {"float32": 4, "float64": 8, "int64": 8, "uint8": 1, "bfloat16": 2}


def layout(rows: int = 8, capacity: int = 2, *tensors: TensorFacts) -> RingLayout:
    return RingLayout(capacity, tensors or (TensorFacts((3,), 4),), rows)


def both(of: RingLayout) -> tuple[RingSender, RingReceiver, list[Event]]:
    channel = Channel("b.bottom", "a.top", None, of.capacity)
    source, target = open_ring(channel, of)
    events: list[Event] = []
    return source.sender(events.append), target.receiver(), events


def message(step: int, *tensors: Tensor) -> Message:
    return Message("train", step, 0, b"%8d" % step, tensors or (torch.full((8, 3), step * 1.0),))


@st.composite
def streams(draw: st.DrawFn) -> tuple[RingLayout, Sequence[Message]]:
    """A layout, and messages that fit it."""
    facts = st.builds(
        lambda shape, dtype: TensorFacts(tuple(shape), ITEM_BYTES[dtype], dtype),
        st.lists(st.integers(1, 5), max_size=2),
        st.sampled_from(sorted(ITEM_BYTES)),
    )
    most = draw(st.integers(1, 33))
    made = layout(most, draw(st.integers(1, 4)), *draw(st.lists(facts, min_size=1, max_size=3)))
    seeds = draw(st.lists(st.tuples(st.integers(1, most), st.booleans()), max_size=20))
    messages = []
    for step, (rows, evaluates) in enumerate(seeds):
        generator = torch.Generator().manual_seed(step)
        tensors = [
            torch.randint(0, 99, (rows, *it.shape), generator=generator).to(
                getattr(torch, it.dtype)
            )
            for it in made.tensors
        ]
        phase: Phase = "evaluate" if evaluates else "train"
        checksum = step if step % 2 else None
        messages.append(Message(phase, step, rows, b"%8d" % step, tuple(tensors), 0.0, checksum))
    return made, messages


def same(one: Message, other: Message) -> bool:
    head, tensors = one._replace(tensors=()), one.tensors
    alike = all(map(torch.equal, tensors, other.tensors))
    dtypes = [it.dtype for it in tensors] == [it.dtype for it in other.tensors]
    return head == other._replace(tensors=()) and alike and dtypes


@settings(max_examples=60)
@given(streams())
def test_what_is_sent_arrives_in_order_and_exact_to_the_bit(
    stream: tuple[RingLayout, Sequence[Message]],
) -> None:
    of, messages = stream
    sender, receiver, events = both(of)

    def send() -> None:
        for each in messages:
            sender.send(each)

    thread = threading.Thread(target=send)
    thread.start()
    received = [receiver.receive() for _ in messages]
    thread.join()
    assert all(map(same, received, messages))
    assert [event.step for event in events if isinstance(event, Sent)] == [
        it.step for it in messages
    ]
    size = sum(tensor.nbytes for it in messages for tensor in it.tensors)
    for end in (sender, receiver):
        assert (end.statistics().messages, end.statistics().bytes) == (len(messages), size)
        end.close()


def test_what_was_received_stays_when_its_slot_is_written_again() -> None:
    sender, receiver, _ = both(layout(capacity=1))
    sender.send(message(1))
    first = receiver.receive()
    sender.send(message(2))
    receiver.receive()
    assert torch.equal(first.tensors[0], torch.ones(8, 3))


def test_as_many_messages_as_there_are_slots_pass_without_a_receiver() -> None:
    sender, receiver, _ = both(layout(capacity=2))
    assert not receiver.ready()
    for step in range(2):
        assert sender.ready()
        sender.send(message(step))
    assert not sender.ready()
    assert receiver.ready()
    assert receiver.receive().step == 0
    assert sender.ready()


@pytest.mark.parametrize(
    "wrong",
    [torch.ones(8, 4), torch.ones(8, 3, dtype=torch.float64), torch.ones(9, 3), torch.tensor(1.0)],
)
def test_tensors_that_are_not_the_plans_are_refused_and_nothing_is_sent(wrong: Tensor) -> None:
    sender, receiver, events = both(layout())
    with pytest.raises(ValueError, match="where the plan has"):
        sender.send(message(0, wrong))
    assert not receiver.ready()
    assert not events
    sender.send(message(7))
    assert receiver.receive().step == 7


@pytest.mark.parametrize("waits", ["sender", "receiver"])
@pytest.mark.parametrize("closes", ["sender", "receiver"])
def test_closing_one_end_wakes_whoever_waits_at_either(waits: str, closes: str) -> None:
    sender, receiver, _ = both(layout(capacity=1))
    if waits == "sender":
        sender.send(message(0))  # so that the next one waits for a slot
    raised: list[Exception] = []

    def wait() -> None:
        try:
            receiver.receive() if waits == "receiver" else sender.send(message(1))
        except ChannelClosed as error:
            raised.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    (sender if closes == "sender" else receiver).close()
    thread.join(10)
    assert not thread.is_alive()
    assert len(raised) == 1


def _echo(pipe: Connection, most: int) -> None:
    """A process that sends back what it receives, so many times, and then is killed."""
    told = LocalPipe(pipe).hear()
    channel, of = CHANNEL, layout()
    receiver = RingEnd(channel, of, *told.files[:2]).receiver()
    sender = RingEnd(channel, of, *told.files[2:]).sender(lambda _: None)
    for _ in range(most):
        sender.send(receiver.receive())
    os.kill(os.getpid(), signal.SIGKILL)


def test_messages_pass_between_processes_and_the_death_of_one_wakes_the_other() -> None:
    context = forkserver()
    ours, theirs = context.Pipe()
    there, back = open_ring(CHANNEL, layout()), open_ring(CHANNEL, layout())
    process = context.Process(target=_echo, args=(theirs, 50))
    process.start()
    theirs.close()
    LocalPipe(ours).tell(Ended(files=(*there[1].files, *back[0].files)))
    there[1].close()
    back[0].close()
    sender, receiver = there[0].sender(lambda _: None), back[1].receiver()
    for step in range(50):
        sender.send(message(step))
        assert same(receiver.receive(), message(step))
    with pytest.raises(ChannelClosed):
        receiver.receive()
    process.join()
    assert process.exitcode == -signal.SIGKILL
