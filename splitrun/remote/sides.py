"""How a party comes from its own facts to the next life of a run: the label holder, and others."""

from __future__ import annotations

import math
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from splitrun.errors import Disagreement, Lost, PeerFailed, Refused
from splitrun.party import Parties, Party, PartyFacts, merge
from splitrun.plan import Plan, bottom_name, check, compile, plan_sha256
from splitrun.remote.aligning import HolderRows, PartnerRows, Watch
from splitrun.remote.directory import Earlier, earlier_in, find_earlier, resume_at
from splitrun.remote.meeting import Meeting
from splitrun.remote.own_rows import OwnRows
from splitrun.remote.shared import differences, shared
from splitrun.remote.states import PROTOCOL, Introduction, PartyState, RunState
from splitrun.runtime.clock import now
from splitrun.session.prepare import Tell
from splitrun.session.resume import Resume
from splitrun.session.run_directory import RunDirectory
from splitrun.spec import Document
from splitrun.units import clock

_TELL_EVERY_S = 30.0
"""That something is waited for."""
_VERSIONS = ("splitrun", "torch", "numpy")


@dataclass
class OwnParty:
    """What a party brings to a run."""

    document: Document
    rows: OwnRows
    earlier: Earlier | None
    """What there is to go on from."""
    process: str

    @classmethod
    def of(cls, document: Document, rows: OwnRows, runs_dir: Path) -> OwnParty:
        """A party's; a run of it that was not finished is found again."""
        earlier = find_earlier(runs_dir, document, rows.party)
        return cls(document, rows, earlier, secrets.token_hex(8))

    @property
    def name(self) -> str:
        """The party's."""
        return self.rows.party

    @property
    def introduction(self) -> Introduction:
        """What it says of itself."""
        earlier = self.earlier
        return Introduction(
            PROTOCOL,
            self.name,
            self.process,
            {name: version(name) for name in _VERSIONS},
            shared(self.document.spec),
            earlier.run if earlier else "",
            earlier.steps if earlier else (),
            earlier.life if earlier else 0,
        )

    @property
    def state(self) -> PartyState | RunState:
        """What it tells first: what is its own may be saved, and the others' not yet."""
        earlier = self.earlier
        life = earlier.life if earlier and earlier.saved else 0
        if self.rows.holds_label:
            run = earlier.run if earlier and life else ""
            return RunState(self.introduction, run=run, life=life, go=life)
        return PartyState(self.introduction, life=life, done=life)


class _OtherProcess(Exception):
    """A peer has been started again in the midst of something."""


class Side(ABC):
    """What both sides do alike.

    Args:
        tell: told what is waited for, whenever that changes.
    """

    def __init__(self, own: OwnParty, meeting: Meeting, tell: Tell) -> None:
        self.own, self.meeting, self._tell = own, meeting, tell
        self._told, self._since, self._tell_at = "", now(), now() + _TELL_EVERY_S
        self._compared: dict[str, str] = {}
        """By peer, the process whose spec and versions have been compared."""
        self._deadline_s = math.inf
        """For a connection that is lost; at first whoever comes waits for the others."""

    @abstractmethod
    def agree(self) -> tuple[Parties, Plan]:
        """This party, with the rows that are the samples, and the plan that the facts of all come
        to.

        Raises:
            UsageError: the parties do not fit together; with a line for each difference.
            RunFailed: another party has given up.
        """

    @abstractmethod
    def next_life(self, plan: Plan) -> RunState:
        """Where all begin, or go on.

        Raises:
            RunFailed: another party has given up.
        """

    @abstractmethod
    def is_over(self, life: int) -> bool:
        """Whether a life is over for all, as far as this one may know."""

    @abstractmethod
    def finish(self, life: int, deadline_s: float, poll: Callable[[], None]) -> bool:
        """All is saved here: wait until it is everywhere, since whoever is started again before
        needs the others. Not for ever, since nothing depends on it here.

        Args:
            poll: called ten times a second.

        Returns:
            Whether it is saved everywhere.
        """

    def leave(self, directory: Path, deadline_s: float) -> None:
        """An attempt has ended early: what there is to go on from is more than before, and nobody
        is waited for without end any more."""
        self._deadline_s = deadline_s
        self.own.earlier = earlier_in(RunDirectory.open(directory), self.own.name)

    def resume(self, state: RunState) -> Resume | None:
        """Where this party begins a life; None for a directory of its own.

        Raises:
            Refused: from a checkpoint that it does not have.
        """
        earlier = self.own.earlier
        is_known = earlier is not None and earlier.run == state.run
        if state.step not in (0, *(earlier.steps if earlier and is_known else ())):
            cause = f"all are to go on from step {state.step}, of which nothing is kept here"
            raise Refused(self.own.name, "the meeting", cause)
        if earlier is None or not is_known:
            return None
        return resume_at(earlier.directory, self.own.name, state.step)

    def _is_saved(self, life: int, deadline_s: float, poll: Callable[[], None]) -> bool:
        """Whether all is saved everywhere, within a deadline."""
        until = now() + deadline_s

        def look() -> None:
            poll()
            self._look("waiting for the others …", math.inf)

        self.meeting.wait_for(lambda: self.is_over(life) or now() > until, look)
        return self.is_over(life)

    def _wait_for(self, is_there: Callable[[], bool], what: str) -> None:
        self.meeting.wait_for(is_there, lambda: self._look(what, self._deadline_s))

    def _look(self, what: str, deadline_s: float) -> None:
        """Something is waited for: whoever has given up is not, and who is missing is told."""
        for peer, link in self.meeting.links.items():
            if link.refusal:
                raise Refused(self.own.name, "the meeting", link.refusal)
            if failure := self.meeting.failure_of(peer):
                raise PeerFailed(peer, failure)
            if cause := link.silence(deadline_s):
                raise Lost(peer, "the meeting", cause)
        links = self.meeting.links.items()
        missing = [f"{name} ({link.why_down})" for name, link in links if link.down_since]
        said = f"waiting for {' and '.join(missing)} …" if missing else what
        waited_s = now() - self._since
        if said != self._told:
            self._told, self._since, self._tell_at = said, now(), now() + _TELL_EVERY_S
            self._tell(said)
        elif now() > self._tell_at:
            self._tell_at = now() + _TELL_EVERY_S
            self._tell(f"{said} for {clock(waited_s)}")

    def _has_new(self) -> bool:
        """Whether there is a peer's process that nothing is known of yet."""
        compared = self._compared
        theirs = self.meeting.theirs.items()
        return any(compared.get(peer) != it.introduction.process for peer, it in theirs)

    def _session(self, peer: str) -> str:
        """A word for this process and the peer's, the same on both sides."""
        mine, theirs = self.own.process, self.meeting.theirs[peer].introduction.process
        return f"{mine}:{theirs}" if isinstance(self.meeting.mine, RunState) else f"{theirs}:{mine}"

    def _watch(self, peer: str, what: str) -> Watch:
        """Tells how much of something has come, for as long as the peer is the same process."""
        session = self._session(peer)

        def watch(share: float) -> None:
            if self._session(peer) != session:
                raise _OtherProcess
            told = f"{what}: {10 * int(10 * share)} % …" if share else f"{what} …"
            self._look(told, self._deadline_s)

        return watch

    def _compare(self, theirs: Introduction) -> None:
        self._refuse_differences(theirs)
        self._compared[theirs.party] = theirs.process

    def _refuse_differences(self, theirs: Introduction) -> None:
        mine, me, them = self.own.introduction, self.own.name, theirs.party
        lines = differences(
            {"protocol": str(mine.protocol), **mine.versions},
            {"protocol": str(theirs.protocol), **theirs.versions},
            me,
            them,
        )
        lines += differences(mine.spec, theirs.spec, me, them)
        if lines:
            last = f"{me} and {them} differ; all parties need one spec and the same versions"
            raise Disagreement("\n".join([*lines, last]))

    def _compiled(self, facts: list[PartyFacts]) -> Plan:
        plan = compile(self.own.document.spec, merge(self.own.document.spec, facts))
        check(plan)
        channels = [replace(channel, timing=None) for channel in plan.channels]
        return replace(plan, channels=tuple(channels))  # links are real here, whatever they are


class Holder(Side):
    """The label holder's: it brings facts together, and says when and where all begin."""

    def __init__(self, own: OwnParty, meeting: Meeting, tell: Tell) -> None:
        super().__init__(own, meeting, tell)
        self._rows = HolderRows(own.rows, meeting, self._session)

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
        meeting.say(facts=[each.to_json() for each in (complete, *told)])
        return Parties(spec, {party.name: party}, self._rows.join), plan

    def next_life(self, plan: Plan) -> RunState:
        """Where all begin, or go on, once all have left the life before; see `Side`."""
        meeting = self.meeting
        meeting.say(go=0)
        self._settle(lambda: all(map(_is_ready, self._others)), "comparing plans …")
        digest = plan_sha256(plan)
        for each in self._others:
            if each.plan != digest:
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
                with suppress(_OtherProcess):
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


class Other(Side):
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

    def next_life(self, plan: Plan) -> RunState:  # noqa: ARG002
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
                except _OtherProcess:
                    continue
        return party

    def is_over(self, life: int) -> bool:
        """Whether the label holder knows that all have saved what is theirs."""
        return self._holder is not None and self._holder.done == life

    def finish(self, life: int, deadline_s: float, poll: Callable[[], None]) -> bool:
        """Tell the label holder, and wait for its word; see `Side`."""
        self.meeting.say(done=life)
        return self._is_saved(life, deadline_s, poll)
