"""The messages by which a link is measured, and its connections are primed; see `meter`.

Whoever dials measures, when whoever listens asks for it, for that one knows when nothing else is
going on.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable
from math import isfinite

from splitrun.events import LinkMeasured
from splitrun.runtime.clock import now
from splitrun.wire.meter import MOST_PADDINGS, PADDING_BYTES, LinkMeter, MeasuredLink, Probe

KINDS = PADDING, PROBE, ANSWER, MEASURED, ASK = range(5, 10)
"""What the first byte of such a message says that it is."""
_PADDED = bytes([PADDING]) + bytes(PADDING_BYTES)
_PROBED = struct.Struct("<BBI")
"""A kind, paddings that are wanted before the answer, and a number."""
_PRIMING = Probe((1 << 32) - 1, MOST_PADDINGS, MOST_PADDINGS)
"""What a connection begins with."""
_MOST_WANTED = 16 * MOST_PADDINGS
"""Paddings over one connection: a peer could have memory filled with more."""


class LinkGauge:
    """What is known of a link, and how that comes to be known over its connections.

    Not for several threads at once: the link sees to that.
    """

    def __init__(self) -> None:
        self.measured: MeasuredLink | None = None
        """As whoever dials has found it."""
        self.is_done = threading.Event()
        """Set once that is there, and has been told as often as it was asked for."""
        self._write: Callable[[bytes], None] | None = None
        self._dials = False
        self._asks = False
        self._is_asked = self._is_primed = False
        self._meter: LinkMeter | None = None
        self._wanted = 0

    def attach(self, write: Callable[[bytes], None], *, dials: bool) -> None:
        """A connection has been made.

        Args:
            write: puts a message on it.
            dials: whether this side has made it, and is the one that measures.
        """
        self._write, self._dials, self._wanted, self._meter = write, dials, 0, None
        if dials:
            self._is_primed = self._is_asked = False
            self._probe(_PRIMING)
        elif self._asks:
            self._say(bytes([ASK]))

    def detach(self) -> None:
        """The connection is lost."""
        self._write = None

    def ask(self) -> None:
        """Have the peer measure the link now, or as soon as there is a connection; if it has done
        so before, it tells that."""
        self._asks = True
        self.is_done.clear()
        self._say(bytes([ASK]))

    def events(self, party: str, peer: str) -> list[LinkMeasured]:
        """What has been found, in each direction; nothing where nothing has.

        Args:
            party: whose side of the link this is.
            peer: at the other end.
        """
        found = self.measured
        if found is None:
            return []
        dialer, listener = (party, peer) if self._dials else (peer, party)
        directions = {
            (dialer, listener): found.there_bytes_per_s,
            (listener, dialer): found.back_bytes_per_s,
        }
        return [
            LinkMeasured(
                source,
                target,
                round(1e3 * found.latency_s, 3),
                round(1e3 * found.jitter_s, 3),
                now(),
                float(f"{8e-6 * speed:.3g}") if isfinite(speed) else None,
            )
            for (source, target), speed in directions.items()
        ]

    def take(self, message: bytes) -> None:
        """A message of one of the `KINDS` has come over it.

        Raises:
            ValueError, struct.error: it may not be said.
        """
        if message[0] == PROBE:
            self._answer(*_PROBED.unpack(message)[1:])
        elif message[0] == ANSWER:
            self._answered(_PROBED.unpack(message)[2])
        elif message[0] == MEASURED:
            if self._dials:
                raise ValueError("what the link is like, which it has not measured")
            self._note(MeasuredLink.from_bytes(message[1:]))
        elif message[0] == ASK:
            if not self._dials:
                raise ValueError("a wish to have the link measured by who does not dial")
            self._is_asked = True
            self._begin()

    def _begin(self) -> None:
        """Measure, if that is asked for and not being done."""
        if not self._is_asked or not self._is_primed or self._meter is not None:
            return
        if self.measured is not None:
            self._tell(self.measured)
        else:
            self._meter = LinkMeter()
            self._go_on(self._meter)

    def _answered(self, number: int) -> None:
        if number == _PRIMING.number:
            self._is_primed = True
            self._begin()
        elif self._meter is not None:
            self._meter.answered(number, now())
            self._go_on(self._meter)

    def _go_on(self, meter: LinkMeter) -> None:
        probe = meter.next(now())
        if probe is not None:
            self._probe(probe)
            return
        self._meter, self._is_asked, measured = None, False, meter.found()
        self._tell(measured)
        self._note(measured)

    def _probe(self, probe: Probe) -> None:
        for _ in range(probe.there):
            self._say(_PADDED)
        self._say(_PROBED.pack(PROBE, probe.back, probe.number))

    def _answer(self, paddings: int, number: int) -> None:
        self._wanted += paddings
        if self._wanted > _MOST_WANTED:
            raise ValueError(f"{self._wanted} paddings wanted over one connection")
        for _ in range(paddings):
            self._say(_PADDED)
        self._say(_PROBED.pack(ANSWER, 0, number))

    def _tell(self, measured: MeasuredLink) -> None:
        self._say(bytes([MEASURED]) + measured.to_bytes())

    def _say(self, message: bytes) -> None:
        if self._write is not None:
            self._write(message)

    def _note(self, measured: MeasuredLink) -> None:
        self.measured, self._asks = measured, False
        self.is_done.set()
