"""The ends of a channel to a peer: what was sent is kept until it is consumed, and what comes is
what is due."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Iterator
from queue import SimpleQueue
from typing import TYPE_CHECKING

from splitrun.events import Emit, Sent
from splitrun.plan import LinkState
from splitrun.runtime import ChannelClosed, ChannelStatistics, Message
from splitrun.runtime.clock import now, wait_until
from splitrun.wire.frames import Layout, Place, decode, encode

if TYPE_CHECKING:
    from splitrun.wire.link import Link


class WireSender:
    """The sending end of a channel to a peer."""

    def __init__(self, link: Link, layout: Layout, life: int, emit: Emit) -> None:
        self.name = layout.channel.name
        self._link, self._layout, self._life, self._emit = link, layout, life, emit
        self._changed = threading.Condition()
        self._kept: deque[bytearray] = deque()
        """Frames that have not been consumed."""
        self._sent = self._consumed = 0
        self._bytes = self._peak_bytes = 0
        self._emulated = LinkState()
        self._closed = False
        self.is_wanted = False
        """Whether the peer has said, over this connection, where to go on."""

    def ready(self) -> bool:
        """Whether `send` would go through without waiting."""
        return self._sent - self._consumed < self._layout.channel.capacity

    def send(self, message: Message) -> None:
        """Hand a message over; waits while the channel is at capacity.

        Raises:
            ChannelClosed: the channel is closed.
            ValueError: its tensors are not those of the plan, or not finite.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self.ready())
            if self._closed:
                raise ChannelClosed(self.name)
        start = now()
        timing, arrive = self._layout.channel.timing, message.arrive
        size = sum(tensor.nbytes for tensor in message.tensors)
        if timing is not None:
            self._emulated = timing.send(self._emulated, start, size, self._sent)
            arrive = max(arrive, self._emulated.last_arrival)
            message = message._replace(arrive=arrive)
        frame = encode(self._layout, self._life, self._sent, message)
        with self._link.lock:
            with self._changed:
                self._kept.append(frame)
                self._sent += 1
                self._bytes += size
                self._peak_bytes = max(self._peak_bytes, size * len(self._kept))
            self._link.send(self, self._life, frame)
        phase, step, micro = message[:3]
        if arrive < math.inf:
            self._emit(Sent(self.name, phase, step, micro, size, start, max(now(), arrive)))

    def note_consumed(self, count: int) -> None:
        """The peer has consumed so many.

        Raises:
            ValueError: that cannot be.
        """
        with self._changed:
            if count > self._sent:
                raise ValueError(f"{count} messages of {self.name} consumed, of {self._sent} sent")
            while self._consumed < count:
                self._kept.popleft()
                self._consumed += 1
            self._changed.notify_all()

    def from_number(self, number: int) -> list[bytearray]:
        """Frames that have been sent, from a number on.

        Raises:
            ValueError: they are not kept any more, or have never been sent.
        """
        with self._changed:
            if not self._consumed <= number <= self._sent:
                raise ValueError(
                    f"message {number} of {self.name} wanted, where {self._consumed} to "
                    f"{self._sent} are kept"
                )
            return list(self._kept)[number - self._consumed :]

    def is_kept(self) -> bool:
        """Whether something is kept that the peer has not consumed."""
        return bool(self._kept)

    def close(self) -> None:
        """Close the channel, from any thread; closing it again does nothing more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def statistics(self) -> ChannelStatistics:
        """What has been sent so far; from any thread."""
        return ChannelStatistics(self._sent, self._bytes, self._peak_bytes)


class WireReceiver:
    """The receiving end of a channel from a peer."""

    def __init__(
        self, link: Link, layout: Layout, following: Iterator[Place], arrivals: Emit
    ) -> None:
        self.name = layout.channel.name
        self._link, self._layout = link, layout
        self._arrivals = arrivals
        self._following = following
        self._next = next(following, None)
        self._messages: SimpleQueue[Message | None] = SimpleQueue()
        self.received = 0
        """How many messages have come."""
        self.consumed = self.told = 0
        """How many have been consumed, and of how many the peer has been told."""
        self._bytes = self._peak_bytes = 0
        self._due: float | None = None
        self._closed = threading.Event()

    def awaits(self, number: int) -> int:
        """The bytes of the frame that is due.

        Raises:
            ValueError: another number has come, or one too many.
        """
        if number != self.received:
            raise ValueError(f"message {number} of {self.name}, where {self.received} was due")
        if self._next is None or number - self.consumed >= self._layout.channel.capacity:
            raise ValueError(f"message {number} of {self.name} is one too many")
        return self._layout.size(self._next.rows)

    def take(self, frame: bytearray) -> None:
        """The frame that was due has come.

        Raises:
            ValueError: it is not what the plan says.
        """
        assert self._next is not None
        message = decode(self._layout, self._next, frame)
        self._next = next(self._following, None)
        self.received += 1
        self._peak_bytes = max(self._peak_bytes, len(frame) * (self.received - self.consumed))
        self._messages.put(message)
        phase, step, micro = message[:3]
        size = sum(tensor.nbytes for tensor in message.tensors)
        time = max(now(), message.arrive)
        self._arrivals(Sent(self.name, phase, step, micro, size, time, time))

    def ready(self) -> bool:
        """Whether a message has come."""
        return not self._messages.empty()

    def due(self) -> float | None:
        """When the message that is waited for should arrive, over an emulated link; over a real
        one nobody knows."""
        return self._due

    def receive(self) -> Message:
        """The next message, in the order of sending; waits for it.

        Raises:
            ChannelClosed: the channel is closed.
        """
        if self.consumed > self.told:  # and nothing has been sent since, to tell it with
            self._link.tell_consumed()
        message = None if self._closed.is_set() else self._messages.get()
        if message is None or self._closed.is_set():
            raise ChannelClosed(self.name)
        if message.arrive > now():
            self._due = message.arrive
            arrived = wait_until(message.arrive, self._closed)
            self._due = None
            if not arrived:
                raise ChannelClosed(self.name)
        self.consumed += 1
        self._bytes += sum(tensor.nbytes for tensor in message.tensors)
        if self._next is None and self.consumed == self.received:
            self._link.tell_consumed()
        return message

    def close(self) -> None:
        """Close the channel, from any thread; closing it again does nothing more."""
        self._closed.set()
        self._messages.put(None)

    def statistics(self) -> ChannelStatistics:
        """What has been received so far; from any thread."""
        return ChannelStatistics(self.consumed, self._bytes, self._peak_bytes)
