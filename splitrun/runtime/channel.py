"""Channels between roles: one sending and one receiving end, each used by one thread.

A channel is a queue of messages one way and a queue of credits the other: to send takes a credit,
to receive gives it back, so that never more messages than the plan's capacity are under way. Over
an emulated link the sender stamps when a message arrives and the receiver waits for that moment;
no thread runs a link.

Closing either end closes the channel: whoever waits on it, or uses it later, gets `ChannelClosed`.
"""

from __future__ import annotations

import math
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import NamedTuple

import torch
from torch import Tensor

from splitrun.events import Emit, Phase, Sent
from splitrun.model.tensors import total_bytes
from splitrun.plan import Channel, LinkState
from splitrun.runtime.clock import now, wait_until


class ChannelClosed(Exception):
    """The channel was closed while it was waited on, or before."""


class Message(NamedTuple):
    """One slice of a batch on its way; the tensors are detached and never written again."""

    phase: Phase
    step: int
    micro: int
    digest: bytes
    """Of the sample ids of the whole batch."""
    tensors: tuple[Tensor, ...]
    arrive: float
    """When it may be received, a time of the run's clock."""
    checksum: int | None = None
    """Of digest and tensors, where messages carry one."""

    @property
    def is_sound(self) -> bool:
        """Whether it is what was sent, as far as its checksum tells."""
        return self.checksum is None or self.checksum == _checksum(self.digest, self.tensors)


def _checksum(digest: bytes, tensors: tuple[Tensor, ...]) -> int:
    """CRC-32."""
    value = zlib.crc32(digest)
    for tensor in tensors:
        content = tensor.detach().cpu().contiguous().view(-1).view(torch.uint8)
        value = zlib.crc32(content.numpy().data, value)
    return value


@dataclass(frozen=True)
class ChannelStatistics:
    """What passed through a channel so far."""

    messages: int
    """Sent since the channel was opened."""
    bytes: int
    """Of the tensors of those messages."""
    peak_bytes: int
    """The most that tensors in flight came to."""


class _Shared:
    """What the two ends of a channel have in common."""

    def __init__(self, channel: Channel) -> None:
        self.name = channel.name
        self.timing = channel.timing
        self.is_waited_for = channel.timing is not None
        self.messages: SimpleQueue[Message | None] = SimpleQueue()
        self.credits: SimpleQueue[bool] = SimpleQueue()
        for _ in range(channel.capacity):
            self.credits.put(True)
        self.closed = threading.Event()
        self.due = -math.inf
        self.sent = self.bytes = self.received = self.received_bytes = self.peak_bytes = 0

    def close(self) -> None:
        self.closed.set()
        self.messages.put(None)
        self.credits.put(False)

    def statistics(self) -> ChannelStatistics:
        return ChannelStatistics(self.sent, self.bytes, self.peak_bytes)


class Sender:
    """The sending end."""

    def __init__(self, shared: _Shared, emit: Emit, *, checksums: bool) -> None:
        self._shared = shared
        self._emit = emit
        self._link = LinkState()
        self._checksums = checksums
        self._disturbances: list[Callable[[Message], Message]] = []

    def ready(self) -> bool:
        """Whether `send` would go through without waiting."""
        return not self._shared.credits.empty()

    def send(
        self, phase: Phase, step: int, micro: int, digest: bytes, tensors: tuple[Tensor, ...]
    ) -> None:
        """Hand a message over; waits while the channel is at capacity.

        Raises:
            ChannelClosed: the channel is closed.
        """
        shared = self._shared
        if shared.closed.is_set() or not shared.credits.get() or shared.closed.is_set():
            raise ChannelClosed(shared.name)
        start = arrive = now()
        size = total_bytes(tensors)
        if shared.timing is not None:
            self._link = shared.timing.send(self._link, start, size, shared.sent)
            arrive = shared.due = self._link.last_arrival
        shared.sent += 1
        shared.bytes += size
        if shared.bytes - shared.received_bytes > shared.peak_bytes:
            shared.peak_bytes = shared.bytes - shared.received_bytes
        checksum = _checksum(digest, tensors) if self._checksums else None
        message = Message(phase, step, micro, digest, tensors, arrive, checksum)
        for disturb in self._disturbances:
            message = disturb(message)
        shared.messages.put(message)
        if message.arrive < math.inf:
            self._emit(Sent(shared.name, phase, step, micro, size, start, message.arrive))

    def disturb(self, disturbance: Callable[[Message], Message]) -> None:
        """From now on, what is sent comes out of the link as `disturbance` makes it; a message that
        arrives at infinity never does. Called in the sending thread."""
        self._shared.is_waited_for = True
        self._disturbances.append(disturbance)

    def close(self) -> None:
        """Close the channel, from any thread; closing it again does nothing more."""
        self._shared.close()


class Receiver:
    """The receiving end."""

    def __init__(self, shared: _Shared) -> None:
        self._shared = shared

    def ready(self) -> bool:
        """Whether a message has been sent, be it still under way."""
        return not self._shared.messages.empty()

    def awaits_arrival(self) -> bool:
        """Whether a message has been asked for and sent, and is still under way; from any
        thread."""
        shared = self._shared
        return shared.sent - shared.received > shared.messages.qsize()

    @property
    def due(self) -> float:
        """When all that was sent should have arrived, a time of the run's clock; from any
        thread."""
        return self._shared.due

    def receive(self) -> Message:
        """The next message, in the order of sending; waits for it to be sent and to arrive.

        Raises:
            ChannelClosed: the channel is closed.
        """
        shared = self._shared
        message = None if shared.closed.is_set() else shared.messages.get()
        if message is None or shared.closed.is_set():
            raise ChannelClosed(shared.name)
        if shared.is_waited_for and not wait_until(message.arrive, shared.closed):
            raise ChannelClosed(shared.name)
        shared.received += 1
        shared.received_bytes += total_bytes(message.tensors)
        shared.credits.put(True)
        return message

    def close(self) -> None:
        """Close the channel, from any thread; closing it again does nothing more."""
        self._shared.close()

    def statistics(self) -> ChannelStatistics:
        """What passed so far; from any thread."""
        return self._shared.statistics()


def open_channel(
    channel: Channel, emit: Emit, *, checksums: bool = False
) -> tuple[Sender, Receiver]:
    """The two ends of a new channel, whose messages may carry checksums."""
    shared = _Shared(channel)
    return Sender(shared, emit, checksums=checksums), Receiver(shared)
