"""What a message costs one way, between threads, between processes and by gRPC with TLS, beside a
raw socket.

Half of the way there and back, from tensors to tensors; the socket's is that of bytes alone, over
TCP on this machine, between two processes, too. All take turns, so that they are of the same
minute.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from itertools import count
from multiprocessing import get_context
from multiprocessing.connection import Connection
from statistics import median

import torch

from splitrun.certificates import Credentials, throw_away
from splitrun.plan import Channel, Plan, TensorFacts
from splitrun.processes.control import Ended
from splitrun.processes.pipe import LocalPipe
from splitrun.processes.ring import RingEnd, RingLayout, open_ring
from splitrun.runtime import Message, ReceiverEnd, SenderEnd
from splitrun.runtime.channel import open_channel
from splitrun.session import prepare
from splitrun.spec import loads
from splitrun.wire.link import Link
from splitrun.wire.stream import Dialer, Listener, dialing, listening

HEADER = (
    "| size | raw socket, µs | threaded, µs | ratio | processes, µs | ratio | gRPC + TLS, µs "
    "| ratio |\n" + "|---" * 8 + "|"
)
SIZES = tuple(4**power * 1024 for power in range(8))
"""1 KB to 16 MB."""
LASTS_S = 0.3
"""A turn of one of them, about."""
TRIPS = 10_000
"""The most that there can be by gRPC, where each is a step of a plan."""
_SPEC = """
name: messages
dataset: {type: synthetic, rows: %d, numeric: 2, test_fraction: 0, batch_size: %d}
parties:
  alice: {bottom: {type: mlp, hidden: [], out: 1}}
  bob: {bottom: {type: mlp, hidden: [], out: 64}}
top: {party: alice, loss: binary_cross_entropy, model: {type: mlp, hidden: [], out: 1}}
training: {optimizer: sgd, epochs: %d}
"""
_THERE, _BACK = (Channel(*ends, None, capacity=4) for ends in (("a", "b"), ("b", "a")))

Trip = Callable[[], None]
"""There and back."""


def _layout(size: int) -> RingLayout:
    return RingLayout(_THERE.capacity, (TensorFacts((64,), 4),), size // 256)


def _echo(receiver: ReceiverEnd, sender: SenderEnd) -> None:
    while (message := receiver.receive()).step:
        sender.send(message)


def _trip(size: int, sender: SenderEnd, receiver: ReceiverEnd) -> Trip:
    message = Message("train", 1, 0, b"8 digits", (torch.ones(size // 256, 64),))

    def trip() -> None:
        sender.send(message)
        receiver.receive()

    return trip


def _over(sender: SenderEnd, stack: ExitStack) -> None:
    """At the end, a message that is no step's."""
    stack.callback(lambda: sender.send(Message("train", 0, 0, b"8 digits", (torch.ones(1, 64),))))


def _threads(size: int, stack: ExitStack) -> Trip:
    (to, at), (back, home) = (open_channel(it, lambda _: None) for it in (_THERE, _BACK))
    thread = threading.Thread(target=_echo, args=(at, back))
    thread.start()
    stack.callback(thread.join)
    _over(to, stack)
    return _trip(size, to, home)


def _other_process(pipe: Connection, size: int) -> None:
    torch.set_num_threads(1)
    files = LocalPipe(pipe).hear().files
    receiver = RingEnd(_THERE, _layout(size), *files[:2]).receiver()
    _echo(receiver, RingEnd(_BACK, _layout(size), *files[2:]).sender(lambda _: None))


def _processes(size: int, stack: ExitStack) -> Trip:
    there, back = open_ring(_THERE, _layout(size)), open_ring(_BACK, _layout(size))
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    ours, theirs = context.Pipe()
    process = context.Process(target=_other_process, args=(theirs, size))
    process.start()
    stack.callback(process.join)
    LocalPipe(ours).tell(Ended(files=(*there[1].files, *back[0].files)))
    for end in (there[1], back[0], theirs):
        end.close()
    stack.callback(ours.close)
    sender = there[0].sender(lambda _: None)
    _over(sender, stack)
    return _trip(size, sender, back[1].receiver())


def _plan(size: int) -> Plan:
    """A plan whose batches are messages of this size, there and back."""
    rows = size // 256
    return prepare(loads(_SPEC % (rows, rows, TRIPS), "messages.yaml")).plan


def _holder(pipe: Connection, plan: Plan, ours: Credentials) -> None:
    torch.set_num_threads(1)
    link = Link("bob", lambda *_: None)
    pipe.send(Listener("127.0.0.1:0", {"bob": link}, listening(ours)).port)
    senders, receivers = link.open(plan, 1, 0, "alice", lambda _: None)
    (sender,), (receiver,) = senders.values(), receivers.values()
    while True:
        sender.send(receiver.receive())


def _grpc(size: int, stack: ExitStack) -> Trip:
    plan, credentials = _plan(size), throw_away(("alice", "bob"))
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    ours, theirs = context.Pipe()
    process = context.Process(target=_holder, args=(theirs, plan, credentials["alice"]))
    process.start()
    stack.callback(process.join)
    stack.callback(process.kill)
    link = Link("alice", lambda *_: None)
    address = f"127.0.0.1:{ours.recv()}"
    stack.enter_context(closing(Dialer(address, "bob", link, dialing(credentials["bob"]))))
    senders, receivers = link.open(plan, 1, 0, "bob", lambda _: None)
    (sender,), (receiver,) = senders.values(), receivers.values()
    tensors, steps = (torch.ones(size // 256, 64),), count()

    def trip() -> None:
        sender.send(Message("train", next(steps), 0, b"8 digits", tensors))
        receiver.receive()

    return trip


def _received(connection: socket.socket, buffer: memoryview) -> bool:
    """Fill the buffer; False once nobody sends any more."""
    done = 0
    while done < len(buffer):
        more = connection.recv_into(buffer[done:])
        if not more:
            return False
        done += more
    return True


def _socket_echo(port: int, size: int) -> None:
    buffer = memoryview(bytearray(size))
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while _received(connection, buffer):
            connection.sendall(buffer)


def _raw_socket(size: int, stack: ExitStack) -> Trip:
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        process = context.Process(target=_socket_echo, args=(port, size))
        process.start()
        stack.callback(process.join)
        connection, _ = listener.accept()
    stack.enter_context(closing(connection))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    content, buffer = bytes(size), memoryview(bytearray(size))

    def trip() -> None:
        connection.sendall(content)
        _received(connection, buffer)

    return trip


def _one_way_s(trip: Trip) -> list[float]:
    """Of the messages of one turn."""
    found: list[float] = []
    end = time.perf_counter() + LASTS_S
    while len(found) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        trip()
        found.append((time.perf_counter() - start) / 2)
    return found


def measure(repeats: int) -> Iterator[str]:
    """Rows of a Markdown table: medians, and what they are of the socket's."""
    torch.set_num_threads(1)  # as roles have it; more would copy large messages together
    yield HEADER
    for size in SIZES:
        with ExitStack() as stack:
            trips = [made(size, stack) for made in (_raw_socket, _threads, _processes, _grpc)]
            for trip in trips:
                trip()
            found: list[list[float]] = [[] for _ in trips]
            for _ in range(repeats):
                for trip, each in zip(trips, found, strict=True):
                    each += _one_way_s(trip)
        raw, *others = (1e6 * median(each) for each in found)
        told = " | ".join(f"{each:,.0f} | {each / raw:.2f}" for each in others)
        name = f"{size >> 20} MB" if size >= 1 << 20 else f"{size >> 10} KB"
        yield f"| {name} | {raw:,.0f} | {told} |"
