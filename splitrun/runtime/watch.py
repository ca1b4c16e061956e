"""The watchdog: it notices roles that do not come back, silent links and dead threads.

It looks at what every role is at, from the thread that attends to the run, and counts how long each
has been at it. Roles that wait for one another are late together, so it follows their waits to the
one that does not wait, or to the link whose message does not arrive: that is the culprit, and it is
its deadline that counts. Only time in which the watchdog itself was running is counted, so that a
process that was stopped, or a machine that slept, is not taken for a role that hangs.
"""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from splitrun.errors import Lost, RunFailed, Stalled
from splitrun.plan import Deadline, Instruction, Op
from splitrun.runtime.clock import now
from splitrun.runtime.worker import Worker

_LONGEST_LOOK_S = 0.5
"""Between two looks at most this much is counted: the whole process may have been asleep."""
LOOK_EVERY_S = 0.1
_PART_OF_DEADLINE = 1 / 3
"""No single look counts for more than this of a deadline, if that is more than a usual look."""


@dataclass
class _Watched:
    worker: Worker
    doing: Instruction | None = None
    """None between instructions, before the first and after the last."""
    lasts_s: float = 0.0
    """How long it has been at that."""
    under_way: bool = False
    """Whether what it waits for has been sent."""
    blamed_s: float = 0.0
    """For how long that has been so: waiting for a role ends where waiting for a link begins."""

    @property
    def name(self) -> str:
        return self.worker.role.name

    @property
    def waits(self) -> bool:
        return self.doing is not None and self.doing.op in (Op.RECV, Op.SEND)

    @property
    def awaits_arrival(self) -> bool:
        """Whether it waits for a message that has been sent."""
        doing, receivers = self.worker.doing, self.worker.ends.receivers
        return doing is not None and doing.op is Op.RECV and receivers[doing.peer].awaits_arrival()


@dataclass(frozen=True)
class _Culprit:
    watched: _Watched
    at: Instruction
    cause: str


@dataclass
class Watch:
    """Watches the workers of one run, from one thread.

    Args:
        workers: all of them.
        threads: the workers of each thread, by its name.
        deadline: of their instructions.
    """

    workers: Sequence[Worker]
    threads: Mapping[str, Sequence[Worker]]
    deadline: Deadline
    _by_role: dict[str, _Watched] = field(init=False)
    _longest_s: float = 0.0
    """The longest that an instruction was seen to last that then came to its end."""
    _looked: float = field(init=False)
    _most_s: float = field(init=False)

    def __post_init__(self) -> None:
        self._by_role = {worker.role.name: _Watched(worker) for worker in self.workers}
        self._looked = now()
        part_s = max(LOOK_EVERY_S, _PART_OF_DEADLINE * self.deadline.base_s)
        self._most_s = min(_LONGEST_LOOK_S, part_s)

    def look(self) -> None:
        """See what every role is at now."""
        moment = now()
        passed_s = min(moment - self._looked, self._most_s)
        self._looked = moment
        for watched in self._by_role.values():
            doing, under_way = watched.worker.doing, watched.awaits_arrival
            if doing is not watched.doing:
                if watched.doing is not None:
                    self._longest_s = max(self._longest_s, watched.lasts_s)
                watched.doing, watched.lasts_s, watched.blamed_s = doing, 0.0, 0.0
            else:
                watched.lasts_s += passed_s
                just_sent = under_way and not watched.under_way
                watched.blamed_s = 0.0 if just_sent else watched.blamed_s + passed_s
            watched.under_way = under_way

    def stalled(self) -> RunFailed | None:
        """The error that names the culprit which is past its deadline, if there is one: of several
        the one that has been so for longest, since roles share locks, too."""
        culprits = [self._culprit(it) for it in self._by_role.values() if self._is_stuck(it)]
        found = [culprit for culprit in culprits if culprit is not None]
        if not found:
            return None
        culprit = max(found, key=lambda it: it.watched.blamed_s)
        name, at = culprit.watched.name, culprit.at
        limit = f"more than the deadline of {self._limit_s(at):.3g} s"
        cause = f"{culprit.cause} for {culprit.watched.blamed_s:.1f} s, {limit}"
        return self._with_stacks(Stalled(name, str(at), self._told(name, cause)))

    def lost(self, thread: str) -> RunFailed:
        """The error that names the role whose thread ended without a word."""
        workers = self.threads[thread]
        worker = next((it for it in workers if it.doing is not None), workers[0])
        name, at = worker.role.name, str(worker.doing or "an unknown point")
        return self._with_stacks(
            Lost(name, at, self._told(name, "its thread ended without a word"))
        )

    def gives_up(self, thread: str) -> bool:
        """Whether a thread is in an instruction that is past its deadline."""
        return any(self._is_stuck(self._by_role[it.role.name]) for it in self.threads[thread])

    def _is_stuck(self, watched: _Watched) -> bool:
        return watched.doing is not None and self._is_late(watched)

    def _is_late(self, watched: _Watched) -> bool:
        return watched.blamed_s > self._limit_s(watched.doing)

    def _limit_s(self, instruction: Instruction | None) -> float:
        if instruction is None:
            return self.deadline.base_s
        return self.deadline.seconds(instruction, self._longest_s)

    def _culprit(self, late: _Watched) -> _Culprit | None:
        """Whom a late role waits for in the end; None if that one is getting on."""
        chain = [late]
        while (role := self._waits_for(chain[-1])) is not None:
            last = self._by_role[role]
            if not self._is_late(last):
                return None
            if last.doing is None:
                return self._blamed(chain[-1], f"it waits for {role}, which has ended,")
            if last in chain:
                return self._blamed(last, "roles wait for each other")
            chain.append(last)
        return self._blamed(chain[-1], self._cause(chain[-1]))

    def _blamed(self, watched: _Watched, cause: str) -> _Culprit | None:
        return _Culprit(watched, watched.doing, cause) if watched.doing else None

    def _cause(self, watched: _Watched) -> str:
        doing = watched.doing
        if doing and watched.awaits_arrival:
            link = f"{doing.peer}->{watched.name}"
            return f"{link} is silent: what was sent over it has not arrived"
        return "it has not come back"

    def _waits_for(self, watched: _Watched) -> str | None:
        """The role without which this one cannot go on; None where it is at work itself, or waits
        for a message that is under way."""
        doing, ends = watched.doing, watched.worker.ends
        if doing is None:
            return None
        if doing.op is Op.RECV:
            receiver = ends.receivers[doing.peer]
            return None if receiver.ready() or receiver.awaits_arrival() else doing.peer
        if doing.op is Op.SEND:
            return None if ends.senders[doing.peer].ready() else doing.peer
        return None

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
