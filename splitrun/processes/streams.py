"""gRPC between parties' processes, with certificates of the run's own."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
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
    """A party's streams to others."""

    party: str
    peers: Sequence[str]
    credentials: Credentials
    host: str | None
    """Where the label holder's process listens; None for the others, which dial."""

    def open(
        self,
        plan: Plan,
        step: int,
        tell: Callable[[str], None],
        hear: Callable[[], str],
        emit: Emit,
    ) -> OpenStreams:
        """The ends of the party's channels to others, once what they go over is measured.

        Args:
            step: the first of the run.
            tell: told where this one listens, `HOST:PORT`.
            hear: waits until it is known where the label holder's process does.
        """
        from splitrun.wire.link import Link
        from splitrun.wire.stream import Dialer, Listener, dialing, listening

        links = {peer: Link(peer, lambda *_: None) for peer in self.peers}
        opened = [link.open(plan, 1, step, self.party, emit) for link in links.values()]
        wires: list[Dialer | Listener] = []
        if self.host is not None:
            host = f"[{self.host}]" if ":" in self.host else self.host
            listener = Listener(f"{host}:0", links, listening(self.credentials))
            wires.append(listener)
            for link in links.values():
                link.measure()
            tell(f"{host}:{listener.port}")
        else:
            address, dials = hear(), dialing(self.credentials)
            for link in links.values():
                wires.append(Dialer(address, self.party, link, dials))
                link.gauge.is_done.wait(_MEASURES_S)

        def measured() -> Sequence[LinkMeasured]:
            known = [it for it in links.items() if self.host is None]
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


def streams_of(plan: Plan, parties: Sequence[str], host: str) -> Mapping[str, Streams]:
    """By party, its streams to others: the label holder listens, the others dial.

    Args:
        host: the label holder's address, or its machine's name.
    """
    holder, credentials = plan.top.party, throw_away(parties)
    return {
        party: Streams(party, others, credentials[party], host if party == holder else None)
        for party in parties
        if (others := [it for it in parties if it != holder] if party == holder else [holder])
    }
