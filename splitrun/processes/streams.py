"""gRPC between parties' processes of one machine, with certificates of the run's own."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from splitrun.certificates import Credentials, throw_away
from splitrun.events import Emit, LinkMeasured
from splitrun.plan import Plan
from splitrun.runtime import ReceiverEnd, SenderEnd

_MEASURES_S = 10.0
"""After which a run begins, whatever is known of its links."""
_LEAVES_S = 5.0
"""What was sent last has so long to be consumed before its sender ends."""


class OpenStreams(NamedTuple):
    """What a party's streams have come to, when they are open."""

    senders: Mapping[str, SenderEnd]
    """By channel, as are the receivers."""
    receivers: Mapping[str, ReceiverEnd]
    measured: Callable[[], Sequence[LinkMeasured]]
    """What its links are like: who dials tells of both directions."""
    close: Callable[[], None]
    """Ends the streams in order."""


class Streams(msgspec.Struct, frozen=True):
    """A party's streams to others. With it goes a pipe for each of them, by which the label holder
    tells the port that it listens at."""

    party: str
    peers: Sequence[str]
    listens: bool
    credentials: Credentials

    def open(self, plan: Plan, step: int, pipes: Iterator[int], emit: Emit) -> OpenStreams:
        """The ends of the party's channels to others, once what they go over is measured.

        Args:
            step: the first of the run.
            pipes: open files, in the peers' order.
        """
        from splitrun.wire.link import Link
        from splitrun.wire.stream import Dialer, Listener, dialing, listening

        links = {peer: Link(peer, lambda *_: None) for peer in self.peers}
        opened = [link.open(plan, 1, step, self.party, emit) for link in links.values()]
        wires: list[Dialer | Listener] = []
        if self.listens:
            listener = Listener("127.0.0.1:0", links, listening(self.credentials))
            wires.append(listener)
        for link, pipe in zip(links.values(), pipes, strict=False):
            with os.fdopen(pipe, "wb" if self.listens else "rb") as file:
                if self.listens:
                    link.measure()
                    file.write(str(listener.port).encode())
                else:
                    address = f"127.0.0.1:{file.read().decode()}"
                    wires.append(Dialer(address, self.party, link, dialing(self.credentials)))
                    link.gauge.is_done.wait(_MEASURES_S)

        def measured() -> Sequence[LinkMeasured]:
            known = [it for it in links.items() if not self.listens]
            return [told for peer, it in known for told in it.gauge.events(self.party, peer)]

        def close() -> None:
            until = time.monotonic() + _LEAVES_S
            while not all(it.is_consumed() for it in links.values()) and time.monotonic() < until:
                time.sleep(0.005)
            for wire in wires:
                wire.close()

        senders = {name: end for out, _ in opened for name, end in out.items()}
        receivers = {name: end for _, into in opened for name, end in into.items()}
        return OpenStreams(senders, receivers, measured, close)


def streams_of(plan: Plan, parties: Sequence[str]) -> Mapping[str, tuple[Streams, Sequence[int]]]:
    """By party, its streams to others and the open files that go with them: the label holder
    listens, the others dial."""
    holder = plan.top.party
    credentials = throw_away(parties)
    others = [party for party in parties if party != holder]
    pipes = {party: os.pipe() for party in others}
    told = Streams(holder, others, listens=True, credentials=credentials[holder])
    found: dict[str, tuple[Streams, Sequence[int]]] = {
        holder: (told, [write for _, write in pipes.values()])
    }
    for party, (read, _) in pipes.items():
        own = Streams(party, [holder], listens=False, credentials=credentials[party])
        found[party] = own, [read]
    return found
