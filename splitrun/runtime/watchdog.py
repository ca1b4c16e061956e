"""The watchdog: it notices roles that do not come back, silent links and dead threads.

It looks at the status of every role, from the thread that attends to the run, and counts how long
each has been at what it is at. Roles that wait for one another are late together, so it follows
their waits to the one that does not wait, or to the link whose message does not arrive: that is the
culprit, and it is its deadline that counts. Long before that is over, what takes much longer than
usual is told of, so that a run that is stuck looks it. Only time in which the watchdog itself was
running is counted, so that a process that was stopped, or a machine that slept, is not taken for a
role that hangs.
"""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from splitrun.errors import Lost, RunFailed, Stalled
from splitrun.events import Emit, Stuck, Waiting
from splitrun.plan import Deadline, Instruction, Op
from splitrun.runtime.clock import now
from splitrun.runtime.status import RoleStatus

_LONGEST_LOOK_S = 0.5
"""Between two looks at most this much is counted: the whole process may have been asleep."""
LOOK_EVERY_S = 0.1
_PART_OF_DEADLINE = 1 / 3
"""No single look counts for more than this of a deadline, if that is more than a usual look."""
_BEYOND_S = 0.75
"""So much longer than anything that was seen, and than what is emulated, is much longer than usual,
"""
_TOLD_FROM = 1 / 8
"""if it is this part of a deadline, too;"""
_TOLD_AT_LAST = 3 / 4
"""and from this part on it is, whatever was seen."""
_TELL_EVERY_S = 1.0


@dataclass
class _Watched:
    """A role's last status, and for how long it has been so."""

    status: RoleStatus
    lasts_s: float = 0.0
    """How long it has been at what it is doing."""
    blamed_s: float = 0.0
    """For how long what it waits for has been the same: waiting for a role ends where waiting for a
    link begins."""

    @property
    def name(self) -> str:
        return self.status.role

    @property
    def doing(self) -> Instruction | None:
        return self.status.doing

    @property
    def waits(self) -> bool:
        return self.doing is not None and self.doing.op in (Op.RECV, Op.SEND)


@dataclass(frozen=True)
class _Culprit:
    watched: _Watched
    at: Instruction
    cause: Literal["role", "link", "ended", "circle"]

    def __str__(self) -> str:
        """What is wrong with it; how long it has been so follows."""
        name, peer = self.watched.name, self.at.peer
        return {
            "role": "it has not come back",
            "link": f"{peer}->{name} is silent: what was sent over it has not arrived",
            "ended": f"it waits for {peer}, which has ended,",
            "circle": "roles wait for each other",
        }[self.cause]


@dataclass
class Watchdog:
    """Watches the roles of one run, from one thread.

    Args:
        roles: gives the status of each, in a fixed order.
        threads: the roles of each thread, by its name.
        deadline: of their instructions.
        emit: given an event of what is stuck.
        report: told what every role is at, at each look.
        clock: that the time of a look is read from, in seconds.
    """

    roles: Sequence[Callable[[], RoleStatus]]
    threads: Mapping[str, Sequence[str]]
    deadline: Deadline
    emit: Emit = lambda _: None
    report: Callable[[Sequence[RoleStatus]], None] = lambda _: None
    clock: Callable[[], float] = now
    _by_role: dict[str, _Watched] = field(init=False)
    _longest_s: float = 0.0
    """The longest that an instruction was seen to last that then came to its end."""
    _looked: float = field(init=False)
    _most_s: float = field(init=False)
    _stuck: Stuck | None = None
    """What has been told of and is not over, as it is now."""
    _stuck_at: tuple[str, Instruction] | None = None
    _tell_at: float = 0.0
    _gone: Set[str] = frozenset()
    """Roles whose threads have ended."""

    def __post_init__(self) -> None:
        found = [status() for status in self.roles]
        self._by_role = {each.role: _Watched(RoleStatus(each.role)) for each in found}
        self._looked = self.clock()
        part_s = max(LOOK_EVERY_S, _PART_OF_DEADLINE * self.deadline.base_s)
        self._most_s = min(_LONGEST_LOOK_S, part_s)

    def look(self) -> None:
        """See what every role is at now."""
        moment = self.clock()
        passed_s = min(moment - self._looked, self._most_s)
        self._looked = moment
        for watched, look in zip(self._by_role.values(), self.roles, strict=True):
            before, status = watched.status, look()
            if (status.doing, status.since) != (before.doing, before.since):
                if before.doing is not None:
                    self._longest_s = max(self._longest_s, watched.lasts_s)
                watched.lasts_s = watched.blamed_s = 0.0
            else:
                watched.lasts_s += passed_s
                just_sent = status.under_way and not before.under_way
                watched.blamed_s = 0.0 if just_sent else watched.blamed_s + passed_s
            watched.status = status
        here = [role for roles in self.threads.values() for role in roles]
        self.report([self._by_role[role].status for role in here])

    def tell(self, alive: Collection[str] | None = None) -> None:
        """Emit what is stuck: when that is noticed, then now and then, and when it is over.

        Args:
            alive: once the run has failed: the threads that have not ended yet.
        """
        if alive is not None:
            self._gone = {
                role
                for thread, roles in self.threads.items()
                for role in roles
                if thread not in alive
            }
        culprit = self._culprit(self._is_conspicuous)
        place = None if culprit is None else (culprit.watched.name, culprit.at)
        if self._stuck is not None and place != self._stuck_at:
            self.emit(msgspec.structs.replace(self._stuck, waits=(), time=self._looked, over=True))
            self._stuck = self._stuck_at = None
        if culprit is None:
            return
        news, self._stuck_at = self._stuck is None, place
        self._stuck = self._told_of(culprit)
        if news or self._looked >= self._tell_at:
            self.emit(self._stuck)
            self._tell_at = self._looked + _TELL_EVERY_S

    def _told_of(self, culprit: _Culprit) -> Stuck:
        watched, at = culprit.watched, culprit.at
        others = [it for it in self._by_role.values() if 2 * it.lasts_s >= watched.blamed_s]
        return Stuck(
            role=watched.name,
            at=str(at),
            cause=culprit.cause,
            for_s=watched.blamed_s,
            left_s=max(0.0, self._limit_s(at) - watched.blamed_s),
            time=self._looked,
            peer=at.peer,
            waits=tuple(
                Waiting(it.name, it.doing.peer, it.lasts_s)
                for it in others
                if it.doing and it.waits and it.name not in self._gone
            ),
            idle=tuple(it.name for it in others if it.doing is None or it.name in self._gone),
        )

    def stalled(self) -> RunFailed | None:
        """The error that names the culprit which is past its deadline, if there is one."""
        culprit = self._culprit(self._is_late)
        if culprit is None:
            return None
        name, at = culprit.watched.name, culprit.at
        limit = f"more than the deadline of {self._limit_s(at):.3g} s"
        cause = f"{culprit} for {culprit.watched.blamed_s:.1f} s, {limit}"
        return self._with_stacks(Stalled(name, str(at), self._told(name, cause)))

    def lost(self, thread: str, how: str = "its thread ended without a word") -> RunFailed:
        """The error that names the role whose thread, or process, is gone."""
        self.look()
        watched = [self._by_role[role] for role in self.threads[thread]]
        lost = next((each for each in watched if each.doing is not None), watched[0])
        at = str(lost.doing or "an unknown point")
        told = self._told(lost.name, how)
        return self._with_stacks(Lost(lost.name, at, told))

    def gives_up(self, thread: str) -> bool:
        """Whether a thread is in an instruction that is past its deadline."""
        return any(self._is_stuck(self._by_role[role]) for role in self.threads[thread])

    def _is_stuck(self, watched: _Watched) -> bool:
        return watched.doing is not None and self._is_late(watched)

    def _is_late(self, watched: _Watched) -> bool:
        return watched.blamed_s > self._limit_s(watched.doing)

    def _limit_s(self, instruction: Instruction | None) -> float:
        if instruction is None:
            return self.deadline.base_s
        return self.deadline.seconds(instruction, self._longest_s)

    def _is_conspicuous(self, watched: _Watched) -> bool:
        """Whether it takes much longer than usual; what has been told of does until it is over."""
        doing = watched.doing
        if watched.name in self._gone:
            return False
        if doing is not None and (watched.name, doing) == self._stuck_at:
            return True
        limit_s = self._limit_s(doing)
        usual_s = max(self._longest_s + _BEYOND_S, _TOLD_FROM * limit_s)
        if watched.blamed_s <= min(usual_s, _TOLD_AT_LAST * limit_s):
            return False
        return self._looked > watched.status.due + min(_BEYOND_S, _TOLD_FROM * limit_s)

    def _culprit(self, is_late: Callable[[_Watched], bool]) -> _Culprit | None:
        """Whom late roles wait for in the end: of several the one that has been so for longest,
        since roles share locks, too."""
        late = [it for it in self._by_role.values() if it.doing is not None and is_late(it)]
        culprits = [self._at_the_end(it, is_late) for it in late]
        found = [culprit for culprit in culprits if culprit is not None]
        return max(found, key=lambda it: it.watched.blamed_s, default=None)

    def _at_the_end(self, late: _Watched, is_late: Callable[[_Watched], bool]) -> _Culprit | None:
        """Whom a late role waits for in the end; None if that one is getting on."""
        chain = [late]
        while role := chain[-1].status.waits_for:
            last = self._by_role.get(role)
            if last is None or not is_late(last):  # elsewhere, where others watch; or it gets on
                return None
            if last.doing is None:
                return self._blamed(chain[-1], "ended")
            if last in chain:
                return self._blamed(last, "circle")
            chain.append(last)
        return self._blamed(chain[-1], "link" if chain[-1].status.under_way else "role")

    def _blamed(
        self, watched: _Watched, cause: Literal["role", "link", "ended", "circle"]
    ) -> _Culprit | None:
        return _Culprit(watched, watched.doing, cause) if watched.doing else None

    def _told(self, culprit: str, cause: str) -> str:
        return "; ".join([cause, *self._others(culprit)])

    def _others(self, culprit: str) -> Iterator[str]:
        for role, watched in self._by_role.items():
            if role != culprit and (watched.waits or self._is_stuck(watched)):
                verb = "waits" if watched.waits else "is"
                yield f"{role} {verb} at {watched.doing} for {watched.lasts_s:.1f} s"

    def _with_stacks(self, error: RunFailed) -> RunFailed:
        error.stacks = stacks()
        return error


def stacks() -> str:
    """Where every thread of the process is, outermost call first."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    return "\n".join(
        f"{names.get(ident, ident)}\n{''.join(traceback.format_stack(frame))}"
        for ident, frame in sys._current_frames().items()  # noqa: SLF001 - its documented name
    )
