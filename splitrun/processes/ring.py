"""Channels between two processes of one machine: rings of slots in memory that both map.

A channel's memory has two counters, of messages sent and of messages received, and as many slots as
messages may be under way. Each counter is written by one end alone, after what it tells of. An end
that has to wait looks at the other's counter for a moment; then it says that it sleeps, and sleeps
at a socket, by which the other end rings when it has moved its counter: to wake somebody takes the
system longer than to copy a batch. The socket carries no message, and rings too often do no harm.
When a process ends, however it does, the system closes its sockets, and whoever sleeps at the other
end wakes.
"""

from __future__ import annotations

import math
import mmap
import os
import socket
import struct
import threading
import weakref
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import torch
from torch import Tensor

from splitrun.data.on_disk import unnamed_file
from splitrun.events import Emit, Phase, Sent
from splitrun.plan import Channel, LinkState, Plan, TensorFacts
from splitrun.runtime import ChannelClosed, ChannelStatistics, Message
from splitrun.runtime.clock import now, wait_until, yield_core

_LINE = 64
"""Bytes of a cache line: counters that two cores write to are on lines of their own."""
_SENT, _RECEIVED, _RECEIVER_SLEEPS, _SENDER_SLEEPS = range(0, 4 * _LINE // 8, _LINE // 8)
_COUNTERS_BYTES = 4 * _LINE
_SLEEPS_AT = {_SENT: _RECEIVER_SLEEPS, _RECEIVED: _SENDER_SLEEPS}
"""Who wants to know of a counter says there that it sleeps."""
_LONGEST_SLEEP_S = 0.05
_HEAD = struct.Struct("<BIQQd?I8s")
"""Of a message: whether it is of an evaluation, micro-batch, step, rows, when it arrives, whether
it has a checksum, its checksum, the digest of its samples."""
_LOOKS_S = 1e-4
"""Who waits looks for so long before it sleeps: to wake a thread takes half of that."""
_PHASES: Sequence[Phase] = ("train", "evaluate", "decide")


@dataclass(frozen=True)
class RingLayout:
    """How a channel's memory is divided."""

    capacity: int
    """Slots, each of which holds one message."""
    tensors: tuple[TensorFacts, ...]
    """Of every message, per row: a message has rows of these and nothing else."""
    rows: int
    """The most that a message has."""

    @classmethod
    def of(cls, plan: Plan, channel: Channel) -> RingLayout:
        """That of a channel of a plan."""
        rows = max(min(plan.batch_size, plan.facts.train_rows), plan.largest_evaluation_batch)
        return cls(channel.capacity, plan.message(channel), rows)

    @property
    def slot_bytes(self) -> int:
        """Of a slot: the message's head, and each tensor from the beginning of a line on."""
        return _LINE + sum(_whole_lines(self.rows * it.bytes_per_row) for it in self.tensors)

    @property
    def total_bytes(self) -> int:
        """Of the whole memory."""
        return _COUNTERS_BYTES + self.capacity * self.slot_bytes


def _whole_lines(size: int) -> int:
    return -(-size // _LINE) * _LINE


@dataclass(frozen=True)
class RingEnd:
    """One end of a channel, in whatever process has its files open. Whoever opens it as a sender or
    a receiver gives it these."""

    channel: Channel
    layout: RingLayout
    memory: int
    """An open file, of the layout's size."""
    bell: int
    """This end's socket."""

    @property
    def files(self) -> tuple[int, int]:
        """What another process needs of it."""
        return self.memory, self.bell

    def sender(self, emit: Emit) -> RingSender:
        """The sending end."""
        return RingSender(self.channel, self._opened(), emit)

    def receiver(self) -> RingReceiver:
        """The receiving end."""
        return RingReceiver(self.channel, self._opened())

    def close(self) -> None:
        """It is with another process now."""
        os.close(self.memory)
        os.close(self.bell)

    def _opened(self) -> _Ring:
        memory = mmap.mmap(self.memory, self.layout.total_bytes)
        os.close(self.memory)
        return _Ring(self.layout, memory, socket.socket(fileno=self.bell))


def open_ring(channel: Channel, layout: RingLayout) -> tuple[RingEnd, RingEnd]:
    """The sending and the receiving end of a channel that nothing has passed through."""
    memory = unnamed_file(0)  # in memory, however large it becomes
    os.ftruncate(memory, layout.total_bytes)
    source, target = (bell.detach() for bell in socket.socketpair())
    ends = ((memory, source), (os.dup(memory), target))
    sending, receiving = (RingEnd(channel, layout, *files) for files in ends)
    return sending, receiving


class _Ring:
    """A channel's memory and bell, as one end has them."""

    def __init__(self, layout: RingLayout, memory: mmap.mmap, bell: socket.socket) -> None:
        self.layout = layout
        self.counters = memoryview(memory)[:_COUNTERS_BYTES].cast("Q")
        self._memory = memory
        self._bytes = torch.frombuffer(memory, dtype=torch.uint8)
        self._bell = bell
        self._bell.settimeout(_LONGEST_SLEEP_S)
        weakref.finalize(self, bell.close)  # no earlier, for a thread may still sleep there
        self._lock = threading.Lock()
        self._views: dict[tuple[int, int], Sequence[Tensor]] = {}
        """Of slots, by place and rows: batches have few different lengths."""
        self.closed = threading.Event()

    def place(self, number: int) -> int:
        """Where the slot of a message begins."""
        return _COUNTERS_BYTES + number % self.layout.capacity * self.layout.slot_bytes

    def count(self, which: int, number: int) -> None:
        """Tell the other end that so many messages have been sent, or received."""
        counters = self.counters
        self._fence()  # what is told of is written before
        counters[which] = number
        self._fence()
        if counters[_SLEEPS_AT[which]]:
            with suppress(OSError):  # the channel is closed: whoever waits for it hears of that
                self._bell.send(b"\0")

    def await_more(self, which: int, than: int) -> bool:
        """Wait until a counter is more than this; False once the channel is closed."""
        counters = self.counters
        if counters[which] <= than:
            until = now() + _LOOKS_S
            while counters[which] <= than and now() < until:
                yield_core()
            if counters[which] <= than:
                counters[_SLEEPS_AT[which]] = 1
                self._fence()
                while counters[which] <= than and not self.closed.is_set() and self._sleep():
                    pass
                counters[_SLEEPS_AT[which]] = 0
        self._fence()  # what it tells of is read after
        return counters[which] > than and not self.closed.is_set()

    def _sleep(self) -> bool:
        """Until it rings, or for a moment; False if the other end is gone."""
        try:
            return bool(self._bell.recv(4096))
        except TimeoutError:
            return True
        except OSError:
            return False

    def _fence(self) -> None:
        """What this thread has written before, others see before what it writes after; likewise
        what it reads: to take a lock twice is that on every processor."""
        with self._lock:
            pass
        with self._lock:
            pass

    def head(self, place: int) -> memoryview:
        """The memory of a message's head."""
        return memoryview(self._memory)[place : place + _LINE]

    def tensors(self, place: int, rows: int) -> Sequence[Tensor]:
        """The tensors of a message with so many rows, in the ring's own memory."""
        found = self._views.get((place, rows))
        if found is None:
            found = self._views[place, rows] = self._made(place, rows)
        return found

    def _made(self, place: int, rows: int) -> Sequence[Tensor]:
        start = place + _LINE
        found = []
        for facts in self.layout.tensors:
            size = rows * facts.bytes_per_row
            content = self._bytes[start : start + size]
            found.append(content.view(getattr(torch, facts.dtype)).view(rows, *facts.shape))
            start += _whole_lines(self.layout.rows * facts.bytes_per_row)
        return found

    def close(self) -> None:
        self.closed.set()
        with suppress(OSError):
            self._bell.shutdown(socket.SHUT_RDWR)


class RingSender:
    """The sending end of a channel to another process of this machine."""

    def __init__(self, channel: Channel, ring: _Ring, emit: Emit) -> None:
        self._channel, self._ring, self._emit = channel, ring, emit
        self._link = LinkState()
        self._sent = self._bytes = self._peak_bytes = 0
        self._under_way: deque[int] = deque()
        """Bytes of the messages that had not been received when the last one was sent."""

    def ready(self) -> bool:
        """Whether `send` would go through without waiting."""
        return self._sent - self._ring.counters[_RECEIVED] < self._channel.capacity

    def send(self, message: Message) -> None:
        """Copy a message into the ring; waits while the channel is at capacity. One that arrives at
        infinity never does, and nobody is told of it.

        Raises:
            ChannelClosed: the channel is closed.
            ValueError: its tensors are not those of the plan.
        """
        ring, channel = self._ring, self._channel
        if ring.closed.is_set() or not ring.await_more(_RECEIVED, self._sent - channel.capacity):
            raise ChannelClosed(channel.name)
        start = now()
        phase, step, micro, digest, tensors, arrive, checksum = message
        rows, size = self._rows(tensors), sum(tensor.nbytes for tensor in tensors)
        if channel.timing is not None:
            self._link = channel.timing.send(self._link, start, size, self._sent)
            arrive = max(arrive, self._link.last_arrival)
        place = ring.place(self._sent)
        has_checksum = checksum is not None
        head = (
            _PHASES.index(phase),
            micro,
            step,
            rows,
            arrive,
            has_checksum,
            checksum or 0,
            digest,
        )
        _HEAD.pack_into(ring.head(place), 0, *head)
        for target, tensor in zip(ring.tensors(place, rows), tensors, strict=True):
            target.copy_(tensor)
        self._sent += 1
        ring.count(_SENT, self._sent)
        self._weigh(size)
        if arrive < math.inf:
            end = max(start, arrive)
            self._emit(Sent(channel.name, phase, step, micro, size, start, end))

    def _rows(self, tensors: Sequence[Tensor]) -> int:
        layout = self._ring.layout
        rows = len(tensors[0]) if tensors and tensors[0].ndim else 0
        wanted = [((rows, *it.shape), getattr(torch, it.dtype)) for it in layout.tensors]
        if [(tuple(it.shape), it.dtype) for it in tensors] != wanted or rows > layout.rows:
            told = " and ".join(f"{it.dtype} {list(it.shape)}" for it in tensors)
            planned = " and ".join(f"{dtype} {list(shape)}" for shape, dtype in wanted)
            raise ValueError(f"it sends {told}, where the plan has {planned}")
        return rows

    def _weigh(self, size: int) -> None:
        """Note what is under way."""
        self._bytes += size
        self._under_way.append(size)
        while len(self._under_way) > self._sent - self._ring.counters[_RECEIVED]:
            self._under_way.popleft()
        self._peak_bytes = max(self._peak_bytes, sum(self._under_way))

    def close(self) -> None:
        """Close the channel, from any thread; closing it again does nothing more."""
        self._ring.close()

    def statistics(self) -> ChannelStatistics:
        """What has been sent so far; from any thread."""
        return ChannelStatistics(self._sent, self._bytes, self._peak_bytes)


class RingReceiver:
    """The receiving end of a channel from another process of this machine."""

    def __init__(self, channel: Channel, ring: _Ring) -> None:
        self._channel, self._ring = channel, ring
        self._received = self._bytes = self._peak_bytes = 0
        self._due: float | None = None

    def ready(self) -> bool:
        """Whether a message has been sent, be it still under way."""
        return self._ring.counters[_SENT] > self._received

    def due(self) -> float | None:
        """When the message that is waited for should arrive, where it has been sent."""
        return self._due

    def receive(self) -> Message:
        """The next message, in the order of sending; waits for it to be sent and to arrive.

        Raises:
            ChannelClosed: the channel is closed.
        """
        ring = self._ring
        if ring.closed.is_set() or not ring.await_more(_SENT, self._received):
            raise ChannelClosed(self._channel.name)
        place = ring.place(self._received)
        phase, micro, step, rows, arrive, has_checksum, checksum, digest = _HEAD.unpack_from(
            ring.head(place)
        )
        if arrive > now():
            self._due = arrive
            arrived = wait_until(arrive, ring.closed)
            self._due = None
            if not arrived:
                raise ChannelClosed(self._channel.name)
        tensors = tuple([tensor.clone() for tensor in ring.tensors(place, rows)])
        size = sum(tensor.nbytes for tensor in tensors)
        under_way = ring.counters[_SENT] - self._received
        self._received += 1
        self._bytes += size
        self._peak_bytes = max(self._peak_bytes, under_way * size)
        ring.count(_RECEIVED, self._received)
        check = checksum if has_checksum else None
        return Message(_PHASES[phase], step, micro, digest, tensors, arrive, check)

    def close(self) -> None:
        """Close the channel, from any thread; closing it again does nothing more."""
        self._ring.close()

    def statistics(self) -> ChannelStatistics:
        """What has been received so far; from any thread."""
        return ChannelStatistics(self._received, self._bytes, self._peak_bytes)
