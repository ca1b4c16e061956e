"""A link to one peer: channels over connections that may break and be made again.

Every message of a channel has a number. What was sent is kept until the peer has consumed it, which
is no more than the channel's capacity; "consumed up to n" is both credit and acknowledgement. It
goes in front of the next frame to the peer: a message of its own costs as much as a frame does.
When a connection is made again, each side says which number it wants next, and the other one goes
on from there. A number other than that, a message too many, or a frame that is not what the plan
says is refused, and ends the run.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable
from typing import NamedTuple

from splitrun.events import Emit
from splitrun.plan import Plan
from splitrun.runtime.clock import now
from splitrun.units import plain
from splitrun.wire.ends import WireReceiver, WireSender
from splitrun.wire.frames import Layout, channel_of, number_of, places
from splitrun.wire.gauge import KINDS, LinkGauge

PIECE_BYTES = 1 << 20
"""No message on the wire is longer, so that nobody has to take a longer one."""
_CONTROL, _PIECE, _LAST, _CONSUMED, _WANTED = range(5)
"""What the first byte of a message says that it is; others are the gauge's."""
_LONGEST_CONTROL_BYTES = 5 << 20
_LONGEST_REFUSAL = 300
"""In characters: a peer's words may be among them."""
_MOST_CHANNELS = 128
_NUMBER = struct.Struct("<BHIQ")
"""A kind, a channel, a life and a number."""

Write = Callable[[bytes], None]
"""Puts a message on the wire; never waits."""


class Connection:
    """One connection of a link, while it lasts: what reads and writes it is elsewhere."""

    def __init__(self, link: Link, write: Write) -> None:
        self._link = link
        self.write = write
        self.has_read = False
        """Whether anything has come over it."""

    def read(self, message: bytes) -> None:
        """Take in what has come over it, in order, in one thread."""
        self.has_read = True
        self._link.take(self, message)

    def lost(self, why: str) -> None:
        """Nothing goes over it any more."""
        self._link.detach(self, why)


class Link:
    """One peer.

    Args:
        peer: the party's name.
        on_control: told who the peer is and what it says beside the channels, in the reading
            thread; what it may not say raises a `ValueError`.
        on_attach: told of each connection, as soon as something can be said over it.
    """

    def __init__(
        self,
        peer: str,
        on_control: Callable[[str, bytes], None],
        on_attach: Callable[[Link], None] = lambda _: None,
    ) -> None:
        self.peer = peer
        self.refusal = ""
        """Why something that came was refused."""
        self.down_since: float | None = now()
        """Since when there is no connection; None while there is one."""
        self.why_down = "it has not been heard of yet"
        self._on_control, self._on_attach = on_control, on_attach
        self.lock = threading.RLock()
        """Held while anything is put on the wire, so that it goes in order."""
        self._connection: Connection | None = None
        self._channels = _Channels(0, {}, {})
        self._partial: _Partial | None = None
        self._said = bytearray()
        """The parts of something that is said, until the last one comes."""
        self._wanted_later: dict[int, tuple[int, int]] = {}
        """By channel, which number a peer wants in a life that has not begun here."""
        self.gauge = LinkGauge()

    def attach(self, write: Write, *, dials: bool = False) -> Connection:
        """A connection has been made, in place of any before; each side now says what it wants.

        Args:
            dials: whether this side has made it.
        """
        with self.lock:
            connection = self._connection = Connection(self, write)
            self.down_since, self._partial = None, None
            self._said.clear()
            for sender in self._channels.senders.values():
                sender.is_wanted = False
            self._say_what_is_wanted()
            self._on_attach(self)
            self.gauge.attach(write, dials=dials)
        return connection

    def silence(self, deadline_s: float) -> str:
        """Since when and why there is no connection, if that is longer than a deadline ago."""
        since = self.down_since
        if since is None or now() - since <= deadline_s:
            return ""
        return f"no connection for {now() - since:.1f} s: {self.why_down}"

    def detach(self, connection: Connection, why: str) -> None:
        """A connection is lost; nothing happens if it is not the newest one."""
        with self.lock:
            if connection is self._connection:
                self._connection, self.down_since, self.why_down = None, now(), why
                self.gauge.detach()

    def measure(self) -> None:
        """Have the peer that dials find out what the link is like; see `gauge`."""
        with self.lock:
            self.gauge.ask()

    def say(self, control: bytes) -> bool:
        """Tell the peer something beside the channels; False if there is no connection."""
        with self.lock:
            if self._connection is None:
                return False
            for start in range(0, max(1, len(control)), PIECE_BYTES):
                part = control[start : start + PIECE_BYTES]
                more = start + PIECE_BYTES < len(control)
                self._connection.write(bytes([_CONTROL, more]) + part)
            return True

    def open(
        self,
        plan: Plan,
        life: int,
        first_step: int,
        party: str,
        emit: Emit,
        arrivals: Emit = lambda _: None,
    ) -> tuple[dict[str, WireSender], dict[str, WireReceiver]]:
        """The ends of the channels to and from this peer, for one life of a run.

        Args:
            party: whose ends they are.
            emit: told of what is sent.
            arrivals: told of what comes, for which it is then sent; where all events of a run meet,
                the peer tells.
        """
        roles = {role.name: role.party for role in plan.roles}
        senders: dict[int, WireSender] = {}
        receivers: dict[int, WireReceiver] = {}
        for channel in plan.channels:
            layout = Layout.of(plan, channel)
            source, target = roles[channel.source], roles[channel.target]
            if (source, target) == (party, self.peer):
                senders[layout.number] = WireSender(self, layout, life, emit)
            elif (source, target) == (self.peer, party):
                following = places(plan, channel, first_step)
                receivers[layout.number] = WireReceiver(self, layout, following, arrivals)
        with self.lock:
            self._channels = _Channels(life, senders, receivers)
            self._partial = None
            self._say_what_is_wanted()
            later, self._wanted_later = self._wanted_later, {}
            try:
                for number, (wanted_in, count) in later.items():
                    if wanted_in == life and number in senders:
                        self._go_on(senders[number], count)
            except ValueError as error:
                self._refuse(error)
        return (
            {end.name: end for end in senders.values()},
            {end.name: end for end in receivers.values()},
        )

    def is_consumed(self) -> bool:
        """Whether the peer has consumed all that was sent."""
        return not any(sender.is_kept() for sender in self._channels.senders.values())

    def close(self) -> None:
        """No channel of it is needed any more."""
        with self.lock:
            channels, self._channels = self._channels, _Channels(0, {}, {})
        for sender in channels.senders.values():
            sender.close()
        for receiver in channels.receivers.values():
            receiver.close()

    def _say_what_is_wanted(self) -> None:
        """Which number every channel goes on with: the peer answers with all from there on."""
        if self._connection is None:
            return
        channels = self._channels
        for number, receiver in channels.receivers.items():
            self._connection.write(_NUMBER.pack(_WANTED, number, channels.life, receiver.received))
            receiver.told = 0
        self.tell_consumed()

    def send(self, sender: WireSender, life: int, frame: bytearray) -> None:
        """Put a frame on the wire; without a connection it waits for the next one."""
        if sender.is_wanted and life == self._channels.life:
            self._put(frame)

    def _put(self, frame: bytearray) -> None:
        if self._connection is None:
            return
        view, before = memoryview(frame), self._consumed()
        for start in range(0, len(frame), PIECE_BYTES):
            kind = _LAST if start + PIECE_BYTES >= len(frame) else _PIECE
            piece = view[start : start + PIECE_BYTES]
            self._connection.write(b"".join((before, bytes([kind]), piece)))
            before = b""

    def tell_consumed(self) -> None:
        """Tell the peer now what has been consumed of its channels, if it does not know yet."""
        with self.lock:
            if self._connection is not None and (told := self._consumed()):
                self._connection.write(told)

    def _consumed(self) -> bytes:
        """How much has been consumed of the channels where the peer has not been told, which it is
        to be now."""
        told = []
        for number, receiver in self._channels.receivers.items():
            if (count := receiver.consumed) > receiver.told:
                receiver.told = count
                told.append(_NUMBER.pack(_CONSUMED, number, self._channels.life, count))
        return b"".join(told)

    def take(self, connection: Connection, message: bytes) -> None:
        """What has come over a connection; what is late, of one before, is dropped."""
        with self.lock:
            if connection is not self._connection or self.refusal:
                return None
            try:
                control = self._taken(message)
            except (ValueError, struct.error) as error:
                return self._refuse(error)
        if control is None:
            return None
        try:
            self._on_control(self.peer, control)
        except ValueError as error:
            self._refuse(error)
        return None

    def _refuse(self, error: Exception) -> None:
        said = plain(" ".join(str(error).split()))[:_LONGEST_REFUSAL]
        self.refusal = f"{self.peer} has sent what it may not: {said}"
        self.close()

    def _taken(self, message: bytes) -> bytes | None:
        if not message:
            raise ValueError("an empty message")
        start = 0
        while start < len(message) and message[start] == _CONSUMED:
            self._number(message, start, is_wanted=False)
            start += _NUMBER.size
        if start == len(message):
            return None
        kind, rest = message[start], memoryview(message)[start + 1 :]
        if kind == _CONTROL:
            return self._control(rest)
        if kind in (_PIECE, _LAST):
            self._piece(rest, is_last=kind == _LAST)
        elif kind == _WANTED:
            if len(rest) >= _NUMBER.size:
                raise ValueError("a number that goes on")
            self._number(message, start, is_wanted=True)
        elif kind in KINDS:
            self.gauge.take(message[start:])
        else:
            raise ValueError(f"a message of kind {kind}")
        return None

    def _number(self, message: bytes, start: int, *, is_wanted: bool) -> None:
        _, number, life, count = _NUMBER.unpack_from(message, start)
        channels = self._channels
        if life > channels.life and is_wanted and number <= _MOST_CHANNELS:
            self._wanted_later[number] = life, count
        if life != channels.life:
            return
        sender = channels.senders.get(number)
        if sender is None:
            raise ValueError(f"a number of channel {number}, which does not lead to it")
        if is_wanted:
            self._go_on(sender, count)
        else:
            sender.note_consumed(count)

    def _go_on(self, sender: WireSender, number: int) -> None:
        """The peer wants a channel's messages from a number on."""
        if sender.is_wanted:  # else a peer could have all sent again and again, and fill memory
            raise ValueError(f"where to go on with {sender.name} twice over one connection")
        frames = sender.from_number(number)
        sender.is_wanted = True
        for frame in frames:
            self._put(frame)

    def _control(self, part: memoryview) -> bytes | None:
        self._said += part[1:]
        if len(self._said) > _LONGEST_CONTROL_BYTES:
            raise ValueError(f"more than {_LONGEST_CONTROL_BYTES:,} bytes beside the channels")
        if part and part[0]:
            return None
        said = bytes(self._said)
        self._said.clear()
        return said

    def _piece(self, piece: memoryview, *, is_last: bool) -> None:
        partial = self._partial
        if partial is None:
            number = channel_of(bytes(piece[:64]))
            life, count = number_of(bytes(piece[:64])) if number >= 0 else (0, 0)
            if number >= 0 and life < self._channels.life:
                partial = _Partial(None, bytearray())
            else:
                receiver = self._channels.receivers.get(number)
                if receiver is None or life != self._channels.life:
                    raise ValueError(f"a frame of channel {number} in life {life}")
                partial = _Partial(receiver, bytearray(receiver.awaits(count)))
        self._partial = None if is_last else partial
        partial.add(piece)
        if is_last and partial.receiver is not None:
            partial.receiver.take(partial.whole())


class _Partial:
    """A frame of which pieces are missing."""

    def __init__(self, receiver: WireReceiver | None, memory: bytearray) -> None:
        self.receiver = receiver
        self._memory = memory
        self._filled = 0

    def add(self, piece: memoryview) -> None:
        if self.receiver is None:
            return
        end = self._filled + len(piece)
        if end > len(self._memory):
            raise ValueError(f"a frame longer than {len(self._memory)} bytes")
        self._memory[self._filled : end] = piece
        self._filled = end

    def whole(self) -> bytearray:
        if self._filled < len(self._memory):
            raise ValueError(f"a frame of {self._filled} bytes, not {len(self._memory)}")
        return self._memory


class _Channels(NamedTuple):
    """The ends of a life, by channel number."""

    life: int
    senders: dict[int, WireSender]
    receivers: dict[int, WireReceiver]
