"""Channels between roles: one sending and one receiving end, each used by one thread.

`SenderEnd` and `ReceiverEnd` say what an end does, wherever the other end is. The ends here are
those of a local channel: a queue of messages one way and a queue of credits the other. To send
takes a credit, to receive gives it back, so that never more messages than the plan's capacity are
under way. Over an emulated link the sender stamps when a message arrives and the receiver waits for
that moment; no thread runs a link.

Closing either end closes the channel: whoever waits on it, or uses it later, gets `ChannelClosed`.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from queue import SimpleQueue
from typing import NamedTuple, Protocol

from torch import Tensor

from splitrun.events import Emit, Phase, Sent
from splitrun.model.state import total_bytes
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
    arrive: float = -math.inf
    """It may be received from then on, a time of the run's clock: a link makes it later, a hook
    may."""
    checksum: int | None = None
    """CRC-32 of digest and tensors, where messages carry one."""


@dataclass(frozen=True)
class ChannelStatistics:
    """What has passed through a channel, as one of its ends knows it."""

    messages: int
    """Messages sent, or received at an end that only receives."""
    bytes: int
    """Bytes of the tensors of those messages."""
    peak_bytes: int
    """The most bytes that the tensors in flight came to."""


class ChannelEnd(Protocol):
    """What both ends of a channel can do."""

    def ready(self) -> bool:
        """Whether `send`, or `receive`, would not have to wait for the role at the other end."""
        ...

    def close(self) -> None:
        """Close the channel, from any thread; closing it again does nothing more."""
        ...

    def statistics(self) -> ChannelStatistics:
        """What has passed so far; from any thread."""
        ...


class SenderEnd(ChannelEnd, Protocol):
    """The sending end of a channel; it emits `Sent` for what it sends."""

    def send(self, message: Message) -> None:
        """Hand a message over; waits while the channel is at capacity.

        Raises:
            ChannelClosed: the channel is closed.
        """
        ...


class ReceiverEnd(ChannelEnd, Protocol):
    """The receiving end of a channel."""

    def receive(self) -> Message:
        """The next message, in the order of sending; waits for it to be sent and to arrive.

        Raises:
            ChannelClosed: the channel is closed.
        """
        ...

    def due(self) -> float | None:
        """When a message should arrive that has been asked for and sent, and is still under way: a
        time of the run's clock; None where there is none. From any thread."""
        ...


class _Shared:
    """What the two ends of a local channel have in common."""

    def __init__(self, channel: Channel) -> None:
        self.name = channel.name
        self.timing = channel.timing
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


class _LocalEnd:
    def __init__(self, shared: _Shared) -> None:
        self._shared = shared

    def close(self) -> None:
        """Close the channel, from any thread; closing it again does nothing more."""
        self._shared.close()

    def statistics(self) -> ChannelStatistics:
        """What has passed so far; from any thread."""
        return self._shared.statistics()


class LocalSender(_LocalEnd):
    """The sending end of a channel between two roles of one process."""

    def __init__(self, shared: _Shared, emit: Emit) -> None:
        super().__init__(shared)
        self._emit = emit
        self._link = LinkState()

    def ready(self) -> bool:
        """Whether `send` would go through without waiting."""
        return not self._shared.credits.empty()

    def send(self, message: Message) -> None:
        """Hand a message over; waits while the channel is at capacity. One that arrives at infinity
        never does, and nobody is told of it.

        Raises:
            ChannelClosed: the channel is closed.
        """
        shared = self._shared
        if shared.closed.is_set() or not shared.credits.get() or shared.closed.is_set():
            raise ChannelClosed(shared.name)
        start = now()
        phase, step, micro, digest, tensors, arrive, checksum = message
        size = total_bytes(tensors)
        if shared.timing is not None:
            self._link = shared.timing.send(self._link, start, size, shared.sent)
            shared.due = self._link.last_arrival
            arrive = max(arrive, shared.due)
            message = Message(phase, step, micro, digest, tensors, arrive, checksum)
        shared.sent += 1
        shared.bytes += size
        if shared.bytes - shared.received_bytes > shared.peak_bytes:
            shared.peak_bytes = shared.bytes - shared.received_bytes
        shared.messages.put(message)
        if arrive < math.inf:
            self._emit(Sent(shared.name, phase, step, micro, size, start, max(start, arrive)))


class LocalReceiver(_LocalEnd):
    """The receiving end of a channel between two roles of one process."""

    def ready(self) -> bool:
        """Whether a message has been sent, be it still under way."""
        return not self._shared.messages.empty()

    def due(self) -> float | None:
        """When a message should arrive that has been asked for and sent, and is still under way; or
        one after it, which is never earlier."""
        shared = self._shared
        return shared.due if shared.sent - shared.received > shared.messages.qsize() else None

    def receive(self) -> Message:
        """The next message, in the order of sending; waits for it to be sent and to arrive.

        Raises:
            ChannelClosed: the channel is closed.
        """
        shared = self._shared
        message = None if shared.closed.is_set() else shared.messages.get()
        if message is None or shared.closed.is_set():
            raise ChannelClosed(shared.name)
        if message.arrive > now() and not wait_until(message.arrive, shared.closed):
            raise ChannelClosed(shared.name)
        shared.received += 1
        shared.received_bytes += total_bytes(message.tensors)
        shared.credits.put(True)
        return message


def open_channel(channel: Channel, emit: Emit) -> tuple[LocalSender, LocalReceiver]:
    """The two ends of a new channel between roles of this process."""
    shared = _Shared(channel)
    return LocalSender(shared, emit), LocalReceiver(shared)
