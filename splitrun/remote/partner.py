"""Another party's side of a run between parties."""

from __future__ import annotations

from collections.abc import Callable

from splitrun.party import Parties, Party, PartyFacts, merge
from splitrun.plan import Plan, plan_sha256
from splitrun.remote.aligning import PartnerRows
from splitrun.remote.meeting import Meeting
from splitrun.remote.own_party import OwnParty
from splitrun.remote.side import OtherProcess, Side
from splitrun.remote.states import Introduction, RunState
from splitrun.session.prepare import Tell


class Partner(Side):
    """Another party's: it does as the label holder says, once it has seen that all is as it should
    be."""

    def __init__(self, own: OwnParty, meeting: Meeting, tell: Tell) -> None:
        super().__init__(own, meeting, tell)
        (self._peer,) = meeting.links
        self._rows = PartnerRows(own.rows, meeting, self._peer)

    @property
    def _holder(self) -> RunState | None:
        said = self.meeting.theirs.get(self._peer)
        return said if isinstance(said, RunState) else None

    def agree(self) -> tuple[Parties, Plan]:
        """See `Side`."""
        self._wait_for(lambda: self._holder is not None, "comparing …")
        party = self._settled()
        if party is None:
            self._tell("reading data …")
            party = self.own.rows.load()
        facts = party.facts()
        self.meeting.say(facts=facts.to_json())
        self._wait_for(
            lambda: self._holder is not None and bool(self._holder.facts),
            "waiting for the other parties …",
        )
        assert self._holder is not None
        told = [PartyFacts.from_json(each) for each in self._holder.facts]
        merge(self.own.document.spec, [facts, *(it for it in told if it.party != party.name)])
        plan = self._compiled(told)
        self.meeting.say(plan=plan_sha256(plan))
        return Parties(self.own.document.spec, {party.name: party}, self._rows.join), plan

    def next_life(self) -> RunState:
        """Where all begin, or go on; see `Side`."""
        mine = self.own.introduction
        self.meeting.say(introduction=mine, life=0)
        while True:
            self._settled()
            self._wait_for(
                lambda: self._is_called(mine) or self._has_new(), "waiting for the label holder …"
            )
            if not self._has_new():
                assert self._holder is not None
                return self._holder

    def _is_called(self, mine: Introduction) -> bool:
        """Whether the label holder has begun a life that this process is for."""
        said = self._holder
        return (
            said is not None
            and said.life > mine.last_life
            and said.members.get(mine.party) == mine.process
        )

    def _settled(self) -> Party | None:
        """Compare and align with the label holder's process, if that is new; the party, if its rows
        are told and have not been before."""
        party = None
        while self._has_new():
            assert self._holder is not None
            self._compare(self._holder.introduction)
            if self.own.rows.are_told:
                session, what = self._session(self._peer), f"aligning rows with {self._peer}"
                try:
                    party = self._rows.take(session, self._watch(self._peer, what)) or party
                except OtherProcess:
                    continue
        return party

    def is_over(self, life: int) -> bool:
        """Whether the label holder knows that all have saved what is theirs."""
        return self._holder is not None and self._holder.done == life

    def finish(self, life: int, deadline_s: float, poll: Callable[[], None]) -> bool:
        """Tell the label holder, and wait for its word; see `Side`."""
        self.meeting.say(done=life)
        return self._is_saved(life, deadline_s, poll)
