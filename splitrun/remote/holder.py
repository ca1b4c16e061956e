"""The label holder's side of a run between parties."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress

from splitrun.errors import Disagreement, Refused
from splitrun.party import Parties, PartyFacts
from splitrun.plan import Plan, bottom_name, plan_sha256
from splitrun.remote.aligning import HolderRows
from splitrun.remote.meeting import Meeting
from splitrun.remote.own_party import OwnParty
from splitrun.remote.side import OtherProcess, Side
from splitrun.remote.states import PartyState, RunState
from splitrun.session.prepare import Tell


class Holder(Side):
    """The label holder's: it brings facts together, and says when and where all begin."""

    def __init__(self, own: OwnParty, meeting: Meeting, tell: Tell) -> None:
        super().__init__(own, meeting, tell)
        self._rows = HolderRows(own.rows, meeting, self._session)
        self._plan_sha256 = ""

    def agree(self) -> tuple[Parties, Plan]:
        """See `Side`."""
        meeting, spec = self.meeting, self.own.document.spec
        self._settle(lambda: len(meeting.theirs) == len(meeting.links), "comparing …")
        self._tell("reading data …")
        party = self._rows.load()
        facts = party.facts()
        self._settle(lambda: all(each.facts for each in self._others), "trying the models …")
        told = [self._facts_of(each) for each in self._others]
        complete = party.with_top([facts, *told])
        plan = self._compiled([complete, *told])
        self._plan_sha256 = plan_sha256(plan)
        meeting.say(facts=[each.to_json() for each in (complete, *told)])
        return Parties(spec, {party.name: party}, self._rows.join), plan

    def next_life(self) -> RunState:
        """Where all begin, or go on, once all have left the life before; see `Side`."""
        meeting = self.meeting
        meeting.say(go=0)
        self._settle(lambda: all(map(_is_ready, self._others)), "comparing plans …")
        for each in self._others:
            if each.plan != self._plan_sha256:
                name = each.introduction.party
                raise Disagreement(f"{name} has compiled another plan; use the same versions")
        others = [each.introduction for each in self._others]
        mine = self.own.introduction
        run, steps = mine.run or secrets.token_hex(8), set(mine.checkpoints)
        for one in others:
            steps &= set(one.checkpoints) if one.run == run else set()
        life = max(one.last_life for one in (mine, *others)) + 1
        members = {one.party: one.process for one in others}
        meeting.say(run=run, life=life, step=max(steps, default=0), members=members)
        assert isinstance(meeting.mine, RunState)
        return meeting.mine

    @property
    def _others(self) -> list[PartyState]:
        return [it for it in self.meeting.theirs.values() if isinstance(it, PartyState)]

    def _settle(self, is_settled: Callable[[], bool], what: str) -> None:
        """Wait until something is so; whoever is new, or has been started again, is compared and
        aligned with first."""
        while True:
            for each in self._others:
                self._compare(each.introduction)
            for peer in self._rows.new():
                with suppress(OtherProcess):
                    self._rows.align(peer, self._watch(peer, f"aligning rows with {peer}"))
            self._wait_for(lambda: self._has_new() or is_settled(), what)
            if not self._has_new():
                return

    def _has_new(self) -> bool:
        return super()._has_new() or bool(self._rows.new())

    def _facts_of(self, theirs: PartyState) -> PartyFacts:
        """What a party tells of itself, and of nobody else."""
        party = theirs.introduction.party
        facts = PartyFacts.from_json(theirs.facts)
        has_bottom = self.own.document.spec.parties[party].bottom is not None
        roles = {bottom_name(party)} if has_bottom else set()
        if facts.party != party or set(facts.roles) != roles:
            cause = f"{party} tells of {facts.party}'s {', '.join(facts.roles) or 'rows'}"
            raise Refused(self.own.name, "the meeting", f"{cause}, and not of its own")
        return facts

    def is_over(self, life: int) -> bool:
        """Whether all others have saved what is theirs."""
        return all(each.done == life for each in self._others)

    def finish(self, life: int, deadline_s: float, poll: Callable[[], None]) -> bool:
        """Wait for all others, and tell them; see `Side`."""
        is_over = self._is_saved(life, deadline_s, poll)
        if is_over:
            self.meeting.say(done=life)
        return is_over


def _is_ready(state: PartyState) -> bool:
    return bool(state.plan) and not state.life
