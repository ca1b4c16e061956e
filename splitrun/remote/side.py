"""How a party comes from its own rows to the next life of a run: what both sides do alike."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from splitrun.errors import Disagreement, Lost, PeerFailed, Refused
from splitrun.party import Parties, PartyFacts, merge
from splitrun.plan import Plan, check, compile
from splitrun.remote.aligning import Watch
from splitrun.remote.directory import earlier_in, resume_at
from splitrun.remote.meeting import Meeting
from splitrun.remote.own_party import OwnParty
from splitrun.remote.shared import differences
from splitrun.remote.states import Introduction, RunState
from splitrun.runtime.clock import now
from splitrun.session.prepare import Tell
from splitrun.session.resume import Resume
from splitrun.session.run_directory import RunDirectory
from splitrun.units import clock

_TELL_EVERY_S = 30.0
"""That something is waited for."""


class OtherProcess(Exception):
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
    def next_life(self) -> RunState:
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
                raise OtherProcess
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
