"""Where the parties of a run meet: what each has told last, and who is waited for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from splitrun.plan import bottom_name
from splitrun.remote.states import PartyState, RunState, Said, Statuses, decode, encode
from splitrun.runtime import RoleStatus
from splitrun.units import plain
from splitrun.wire.link import Link

_LOOK_EVERY_S = 0.1


class Meeting:
    """One party's view of all parties.

    Args:
        party: whose it is.
        peers: those that it has connections with: the label holder all, the others that one.
        mine: what it tells first.
    """

    def __init__(self, party: str, peers: Sequence[str], mine: PartyState | RunState) -> None:
        self.party = party
        self.mine = mine
        self.theirs: dict[str, PartyState | RunState] = {}
        """By peer, what it has told last."""
        self._statuses: dict[str, Sequence[RoleStatus]] = {}
        """By peer, what it has told last of roles."""
        self.links = {peer: Link(peer, self._heard, self._greet) for peer in peers}
        self._changed = threading.Condition()

    @property
    def roles(self) -> dict[str, RoleStatus]:
        """By role of another party, what it is at."""
        return {each.role: each for told in self._statuses.values() for each in told}

    def say(self, **changes: object) -> None:
        """Something has changed here; all are told."""
        with self._changed:
            self.mine = replace(self.mine, **changes)
        for link in self.links.values():
            link.say(encode(self.mine))

    def look(self, statuses: Sequence[RoleStatus]) -> None:
        """Tell what roles here are at; of those of others, the label holder knows most."""
        known = {**self.roles, **{each.role: each for each in statuses}}
        told = list(known.values()) if isinstance(self.mine, RunState) else list(statuses)
        for link in self.links.values():
            link.say(encode(Statuses(told)))

    def failure_of(self, peer: str) -> str:
        """Why a peer has given up, on one line; empty if it has not."""
        theirs = self.theirs.get(peer)
        return plain(" ".join(theirs.failure.split())) if theirs else ""

    def wait_for(self, is_there: Callable[[], bool], poll: Callable[[], None]) -> None:
        """Wait until something is so, calling `poll` ten times a second."""
        while True:
            with self._changed:
                if self._changed.wait_for(is_there, _LOOK_EVERY_S):
                    return
            poll()

    def _greet(self, link: Link) -> None:
        """A connection has been made."""
        link.say(encode(self.mine))

    def _heard(self, peer: str, content: bytes) -> None:
        """Something was said, in the thread that reads.

        Raises:
            ValueError: it may not be said.
        """
        said = decode(content)
        self._refuse_odd(peer, said)
        with self._changed:
            if isinstance(said, Statuses):
                self._statuses[peer] = said.roles
            else:
                self.theirs[peer] = said
            self._changed.notify_all()

    def _refuse_odd(self, peer: str, said: Said) -> None:
        if isinstance(said, Statuses):
            for each in said.roles:
                self._refuse_odd_status(peer, each)
            return
        if isinstance(said, RunState) is isinstance(self.mine, RunState):
            raise ValueError("a state of the other side's kind")
        if said.introduction.party != peer:
            raise ValueError(f"an introduction of {said.introduction.party!r}")

    def _refuse_odd_status(self, peer: str, status: RoleStatus) -> None:
        """Only the label holder knows what others' roles are at."""
        if isinstance(self.mine, RunState) and status.role != bottom_name(peer):
            raise ValueError(f"the status of {status.role!r}")
        if len(status.role) + len(status.waits_for) > _LONGEST_NAMES:
            raise ValueError("a status of roles with names without end")


_LONGEST_NAMES = 2000
"""In characters, of two roles."""
