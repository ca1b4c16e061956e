"""`splitrun party`: one party of a run, from its own files to its own part of the model.

The parties meet; what differs is named on both sides. The label holder brings their facts together,
everybody compiles the same plan, and the run begins in its first life. Whenever a party is started
again, all go back to the newest checkpoint that everybody has, in a new life.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from splitrun.errors import (
    CodecOverflow,
    Damaged,
    Disagreement,
    Interrupted,
    Lost,
    Misaligned,
    NonFiniteLoss,
    NonFiniteWeights,
    PeerFailed,
    Refused,
    RunFailed,
    Stalled,
)
from splitrun.events import Emit, LinkMeasured
from splitrun.plan import Plan, deadline_of
from splitrun.records.run import RunResult
from splitrun.remote.directory import note
from splitrun.remote.holder import Holder
from splitrun.remote.meeting import Meeting
from splitrun.remote.own_party import OwnParty
from splitrun.remote.partner import Partner
from splitrun.remote.side import Side
from splitrun.remote.states import LONGEST_FAILURE, PartyState, RunState
from splitrun.runtime import Job, RoleStatus
from splitrun.runtime.clock import now
from splitrun.session import Experiment
from splitrun.session.prepare import Tell
from splitrun.session.resume import Resume
from splitrun.wire.link import Link

Attempt = Callable[[Experiment, Resume | None, "Apart"], RunResult]
"""One attempt, to a run directory and with sinks that the caller chooses; see `session.train`."""


_MEASURES_S = 20.0
"""After which the run begins, whatever is known of the link."""


class StartedAgain(RunFailed):
    """A party has been started again, so that all go back to a checkpoint."""


def run_party(own: OwnParty, meeting: Meeting, attempt: Attempt, tell: Tell) -> RunResult:
    """Take part in a run to its end.

    Args:
        meeting: whose connections are being made.
        attempt: one attempt.
        tell: told what is waited for, whenever that changes.

    Raises:
        UsageError: the parties do not fit together; with each difference.
        RunFailed: the run, here or at another party.
    """
    spec = own.document.spec
    side = (Holder if own.name == spec.top.party else Partner)(own, meeting, tell)
    try:
        if result := _ended_before(own, side, meeting, tell):
            return result
        with own.document.located():
            parties, plan = side.agree()
        deadline_s = deadline_of(spec, plan).base_s
        experiment = Experiment(own.document, own.rows.directory, parties, plan)
        while True:
            state = side.next_life()
            apart = Apart(meeting, plan, state, deadline_s, tell)
            resume = side.resume(state)
            if resume is not None:
                tell(f"going on with {resume.directory.path}, from step {state.step:,}")
            try:
                result = attempt(experiment, resume, apart)
                apart.leave(is_over=side.finish(state.life, deadline_s, apart.look_for_restarts))
                return result
            except StartedAgain as again:
                tell(f"{again.role} has been started again; all go back")
                side.leave(apart.directory, deadline_s)
    except BaseException as error:
        meeting.say(failure=_told_to_others(error)[:LONGEST_FAILURE])
        raise
    finally:
        for link in meeting.links.values():
            link.close()


_IN_OUR_WORDS = (
    Disagreement,
    PeerFailed,
    NonFiniteLoss,
    CodecOverflow,
    NonFiniteWeights,
    Misaligned,
    Damaged,
    Stalled,
    Lost,
    Refused,
)
"""What these say holds nothing of anybody's rows, files or classes."""


def _told_to_others(error: BaseException) -> str:
    """What other parties are told of an error: others quote what is one party's alone."""
    if isinstance(error, Interrupted | KeyboardInterrupt):
        return "it was interrupted by its user"
    if isinstance(error, _IN_OUR_WORDS):
        return str(error)
    if isinstance(error, RunFailed):
        return f"{error.role} failed at {error.instruction}; its own terminal says why"
    what = "something is wrong with its own spec, data, models or machine"
    return f"{what}; its own terminal says what"


def _ended_before(own: OwnParty, side: Side, meeting: Meeting, tell: Tell) -> RunResult | None:
    """What a run has come to that this party has saved, and that no other needs it for."""
    earlier = own.earlier
    if earlier is None or earlier.saved is None:
        return None
    life, run, directory = earlier.life, earlier.run, earlier.directory

    def look() -> None:
        for peer, theirs in meeting.theirs.items():
            known = theirs.run if isinstance(theirs, RunState) else theirs.introduction.run
            if life not in (theirs.life, theirs.done) or known not in ("", run):
                raise StartedAgain(peer, f"life {life}", "it goes back, or begins anew")

    tell(f"what is {own.name}'s is saved in {directory.path}")
    deadline_s = directory.manifest().deadline_s or 0.0
    try:
        is_over = side.finish(life, deadline_s, look)
    except StartedAgain:
        meeting.say(life=0)
        return None
    note(directory.path, own.name, run, life, is_over=is_over)
    return earlier.saved


class Apart:
    """The parties that are elsewhere, for one life of a run; see `Elsewhere`."""

    def __init__(
        self,
        meeting: Meeting,
        plan: Plan,
        state: RunState,
        deadline_s: float,
        tell: Tell = lambda _: None,
    ) -> None:
        self._meeting, self._plan, self._state = meeting, plan, state
        self._deadline_s, self._tell = deadline_s, tell
        self._are_lost: set[str] = set()
        """Parties whose connections are, as was told."""
        self._has_begun = False
        self.directory = Path()

    def enter(self, directory: Path) -> None:
        """The attempt has its run directory."""
        self.directory = directory
        note(directory, self._meeting.party, self._state.run, self._state.life)

    def leave(self, *, is_over: bool) -> None:
        """The attempt has come to its end here; whether it has everywhere is known."""
        state = self._state
        note(self.directory, self._meeting.party, state.run, state.life, is_over=is_over)

    def join(self, job: Job, emit: Emit) -> Job:
        """The job with the ends of channels that lead to other parties."""
        life, step, party = self._state.life, self._state.step, self._meeting.party
        senders, receivers = dict(job.senders), dict(job.receivers)
        for link in self._meeting.links.values():
            out, into = link.open(self._plan, life, step, party, emit, arrivals=emit)
            senders |= out
            receivers |= into
        # Parties that nothing leads to from here are the label holder's to judge.
        there = [it.name for it in self._plan.roles if it.party in self._meeting.links]
        elsewhere = [partial(self._status, role) for role in there]
        return replace(job, senders=senders, receivers=receivers, elsewhere=elsewhere)

    def _status(self, role: str) -> RoleStatus:
        """What a role elsewhere is at. While a connection is lost nobody knows, and it is that
        which is waited for."""
        is_up = all(link.down_since is None for link in self._meeting.links.values())
        known = self._meeting.roles.get(role)
        return known if is_up and known else RoleStatus(role, since=now())

    def begin(self, poll: Callable[[], None]) -> None:
        """Wait until everybody's channels are open.

        Raises:
            Lost: somebody is there and does not open them.
        """
        life, meeting, until = self._state.life, self._meeting, now() + self._deadline_s

        def look() -> None:
            poll()
            if now() > until:
                late = [name for name, it in meeting.theirs.items() if it.life != life]
                raise Lost(
                    " and ".join(late or meeting.theirs), f"life {life}", "it does not begin"
                )

        if isinstance(meeting.mine, RunState):
            meeting.wait_for(lambda: all(it.life == life for it in meeting.theirs.values()), look)
            self._measure(look)
            meeting.say(go=life)
        else:
            meeting.say(life=life)
            (holder,) = meeting.links
            meeting.wait_for(lambda: _go(meeting.theirs[holder]) == life, look)
        self._has_begun = True

    def _measure(self, poll: Callable[[], None]) -> None:
        """Have all links measured, now that everybody waits for the start."""
        links = self._meeting.links.values()
        until = now() + min(_MEASURES_S, self._deadline_s / 2)
        for link in links:
            link.measure()
        self._meeting.wait_for(
            lambda: all(link.gauge.is_done.is_set() for link in links) or now() > until, poll
        )

    def measured(self) -> Sequence[LinkMeasured]:
        """What the links to other parties are like."""
        party, links = self._meeting.party, self._meeting.links
        return [told for peer, link in links.items() for told in link.gauge.events(party, peer)]

    def look(self, statuses: Sequence[RoleStatus]) -> None:
        """Told what roles here are at."""
        self._meeting.look(statuses)

    def poll(self) -> None:
        """Look at what the others have come to.

        Raises:
            RunFailed: it ends the attempt here, too.
        """
        at = f"life {self._state.life}"
        for peer, link in self._meeting.links.items():
            if link.refusal:
                raise Refused(self._meeting.party, at, link.refusal)
            if failure := self._meeting.failure_of(peer):
                raise PeerFailed(peer, failure)
        self.look_for_restarts()
        for peer, link in self._meeting.links.items():
            self._tell_of(peer, link)
            if cause := link.silence(self._deadline_s):
                remedy = "start all again with the same commands, and they go on from what all have"
                raise Lost(peer, at, f"{cause}; {remedy}")

    def _tell_of(self, peer: str, link: Link) -> None:
        """Tell once that a connection is lost, and once that there is another."""
        if link.down_since is not None and peer not in self._are_lost:
            self._are_lost.add(peer)
            self._tell(
                f"the connection with {peer} is lost; it has {self._deadline_s:.3g} s to come back"
            )
        elif link.down_since is None and peer in self._are_lost:
            self._are_lost.remove(peer)
            self._tell(f"the connection with {peer} is there again")

    def look_for_restarts(self) -> None:
        """Look whether all others are still the processes that this life is for.

        Raises:
            StartedAgain: one is not, or has left it.
        """
        for peer, theirs in self._meeting.theirs.items():
            if self._is_over_with(theirs):
                cause = "a party has been started again; all go back"
                raise StartedAgain(peer, f"life {self._state.life}", cause)

    def _is_over_with(self, theirs: PartyState | RunState) -> bool:
        """Whether this life is over, as somebody was started again before its end."""
        state = self._state
        if isinstance(theirs, RunState):
            return theirs.life != state.life or (self._has_begun and theirs.go != state.life)
        is_same = theirs.introduction.process == state.members[theirs.introduction.party]
        return not is_same and theirs.done != state.life


def _go(state: PartyState | RunState) -> int:
    return state.go if isinstance(state, RunState) else 0
