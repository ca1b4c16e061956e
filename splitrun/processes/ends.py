"""A party's ends of the channels to other parties, on their way to its process."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Protocol

from splitrun.certificates import Credentials, throw_away
from splitrun.events import Emit
from splitrun.plan import Plan
from splitrun.processes.ring import RingHandle, RingPair
from splitrun.runtime import ReceiverEnd, SenderEnd

Close = Callable[[], None]
_LEAVES_S = 5.0
"""What was sent last has so long to be consumed before its sender ends."""


class PartyEnds(Protocol):
    """One party's ends, which can be sent to a process that is being started."""

    def open(
        self, plan: Plan, step: int, emit: Emit
    ) -> tuple[Mapping[str, SenderEnd], Mapping[str, ReceiverEnd], Close]:
        """Senders and receivers by channel, in the party's process, and what ends them in order.

        Args:
            step: the first of the run.
        """
        ...


MakeEnds = Callable[[Plan, Sequence[str], ExitStack], Mapping[str, PartyEnds]]
"""(plan, parties, what ends when the processes have been started) -> the ends of each party."""


@dataclass(frozen=True)
class RingEnds:
    """Ends of rings in shared memory."""

    sources: Sequence[RingHandle]
    targets: Sequence[RingHandle]

    def open(
        self,
        plan: Plan,  # noqa: ARG002
        step: int,  # noqa: ARG002
        emit: Emit,
    ) -> tuple[Mapping[str, SenderEnd], Mapping[str, ReceiverEnd], Close]:
        """See `PartyEnds`."""
        senders = {end.channel.name: end.sender(emit) for end in self.sources}
        receivers = {end.channel.name: end.receiver() for end in self.targets}
        return senders, receivers, lambda: None


def ring_ends(plan: Plan, parties: Sequence[str], started: ExitStack) -> Mapping[str, PartyEnds]:
    """Every channel between two parties is a ring of its own; see `MakeEnds`."""
    party_of = {role.name: role.party for role in plan.roles}
    sources: dict[str, list[RingHandle]] = {party: [] for party in parties}
    targets: dict[str, list[RingHandle]] = {party: [] for party in parties}
    for channel in plan.channels:
        source, target = party_of[channel.source], party_of[channel.target]
        if source != target:
            pair = RingPair(plan, channel)
            started.callback(pair.close)
            sources[source].append(pair.source)
            targets[target].append(pair.target)
    return {party: RingEnds(sources[party], targets[party]) for party in parties}


@dataclass(frozen=True)
class GrpcEnds:
    """Ends of gRPC streams over loopback, with certificates for this run alone."""

    party: str
    holder: str
    credentials: Credentials
    ports: Mapping[str, Connection]
    """By peer, where the label holder tells the port that it listens at."""

    def open(
        self, plan: Plan, step: int, emit: Emit
    ) -> tuple[Mapping[str, SenderEnd], Mapping[str, ReceiverEnd], Close]:
        """See `PartyEnds`."""
        from splitrun.wire.link import Link
        from splitrun.wire.stream import Dialer, Listener, dialing, listening

        links = {peer: Link(peer, lambda *_: None) for peer in self.ports}
        opened = [link.open(plan, 1, step, self.party, emit) for link in links.values()]
        senders = {name: end for out, _ in opened for name, end in out.items()}
        receivers = {name: end for _, into in opened for name, end in into.items()}
        wires: list[Dialer | Listener]
        if self.party == self.holder:
            listener = Listener("127.0.0.1:0", links, listening(self.credentials))
            for port in self.ports.values():
                port.send_bytes(str(listener.port).encode())
            wires = [listener]
        else:
            wires = [
                Dialer(
                    f"127.0.0.1:{port.recv_bytes().decode()}",
                    self.party,
                    links[peer],
                    dialing(self.credentials),
                )
                for peer, port in self.ports.items()
            ]

        def close() -> None:
            until = time.monotonic() + _LEAVES_S
            while not all(it.is_consumed() for it in links.values()) and time.monotonic() < until:
                time.sleep(0.005)
            for wire in wires:
                wire.close()

        return senders, receivers, close


def grpc_ends(plan: Plan, parties: Sequence[str], started: ExitStack) -> Mapping[str, PartyEnds]:
    """The label holder listens, the others dial, by TLS; see `MakeEnds`."""
    holder = plan.top.party
    credentials = throw_away(parties)
    told: dict[str, Connection] = {}
    heard: dict[str, Connection] = {}
    for party in parties:
        if party != holder:
            heard[party], told[party] = Pipe(duplex=False)
            started.callback(heard[party].close)
            started.callback(told[party].close)
    return {
        party: GrpcEnds(
            party, holder, credentials[party], told if party == holder else {holder: heard[party]}
        )
        for party in parties
    }
