"""Where the parties of a run meet: what each has told last, and who is waited for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count

from msgspec.structs import replace

from splitrun.alignment import Document
from splitrun.plan import bottom_name
from splitrun.remote.documents import Documents
from splitrun.remote.states import Ask, Part, PartyState, RunState, Said, Statuses, decode, encode
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
        self._former: set[str] = set()
        """Processes of peers that others have taken the place of."""
        self._statuses: dict[str, Sequence[RoleStatus]] = {}
        """By peer, what it has told last of roles."""
        self.links = {peer: Link(peer, self._heard, self._greet) for peer in peers}
        self._documents = {peer: Documents(partial(self._tell, peer)) for peer in peers}
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
        """Wait until something is so, calling `poll` ten times a second; what peers ask for
        meanwhile they are given."""
        documents = self._documents.values()

        def is_due() -> bool:
            return is_there() or any(each.is_asked() for each in documents)

        while True:
            with self._changed:
                self._changed.wait_for(is_due, _LOOK_EVERY_S)
                if is_there():
                    return
                answers = [each.answer() for each in documents]
            for answer in filter(None, answers):
                answer()
            poll()

    def offer(self, peer: str, session: str, name: str, document: Document) -> None:
        """Give a peer a document, whenever it asks for it."""
        with self._changed:
            self._documents[peer].offer(session, name, document)

    def pull(
        self, peer: str, session: str, name: str, poll: Callable[[float], None]
    ) -> Iterator[bytes]:
        """The parts of a document that a peer has or is going to have.

        Args:
            poll: called ten times a second with the share that has come; what it raises ends this.
        """
        documents, share = self._documents[peer], 0.0
        for number in count():
            with self._changed:
                documents.ask(session, name, number)
            self.wait_for(lambda: documents.part() is not None, partial(poll, share))
            part = documents.part()
            assert part is not None
            share = (number + 1) / part.parts
            yield part.content
            if share == 1:
                return

    def _tell(self, peer: str, said: Ask | Part) -> None:
        self.links[peer].say(encode(said))

    def _greet(self, link: Link) -> None:
        """A connection has been made."""
        link.say(encode(self.mine))
        self._documents[link.peer].greet()

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
            elif isinstance(said, Ask | Part):
                self._documents[peer].heard(said)
            else:
                self._note_process(peer, said.introduction.process)
                self.theirs = {**self.theirs, peer: said}  # others may be at the one before
            self._changed.notify_all()

    def _note_process(self, peer: str, process: str) -> None:
        """A process that comes back after another one of its party has been here all the time."""
        if process in self._former:
            raise ValueError(
                f"states of two processes at once: {peer} runs twice; stop one of them"
            )
        before = self.theirs.get(peer)
        if before is not None and before.introduction.process != process:
            self._former.add(before.introduction.process)

    def _refuse_odd(self, peer: str, said: Said) -> None:
        if isinstance(said, Statuses):
            for each in said.roles:
                self._refuse_odd_status(peer, each)
            return
        if isinstance(said, Ask | Part):
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
