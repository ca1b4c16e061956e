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
from splitrun.runtime.role import Worker

_LONGEST_LOOK_S = 0.5
"""Between two looks at most this much is counted."""


@dataclass
class _Watched:
    worker: Worker
    doing: Instruction | None = None
    lasts_s: float = 0.0
    """How long it has been at that."""


@dataclass(frozen=True)
class _Culprit:
    role: str
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
    _looked: float = field(default_factory=now)

    def __post_init__(self) -> None:
        self._by_role = {worker.role.name: _Watched(worker) for worker in self.workers}

    def look(self) -> None:
        """See what every role is at now."""
        moment = now()
        passed_s = min(moment - self._looked, _LONGEST_LOOK_S)
        self._looked = moment
        for watched in self._by_role.values():
            doing = watched.worker.doing
            if doing is not None and doing is watched.doing:
                watched.lasts_s += passed_s
            else:
                self._longest_s = max(self._longest_s, watched.lasts_s)
                watched.doing, watched.lasts_s = doing, 0.0

    def stalled(self) -> RunFailed | None:
        """The error that names a culprit which is past its deadline, if there is one."""
        for watched in self._by_role.values():
            if self._is_late(watched):
                culprit = self._culprit(watched)
                if culprit is not None:
                    limit = f"more than the deadline of {self._limit_s(culprit.at):.3g} s"
                    told = self._told(culprit, f"{culprit.cause}, {limit}")
                    return self._with_stacks(Stalled(culprit.role, str(culprit.at), told))
        return None

    def lost(self, thread: str) -> RunFailed:
        """The error that names the role whose thread ended without a word."""
        workers = self.threads[thread]
        worker = next((it for it in workers if it.doing is not None), workers[0])
        at = worker.doing
        told = "its thread ended without a word"
        culprit = _Culprit(worker.role.name, at, told) if at else None
        told = self._told(culprit, told) if culprit else told
        return self._with_stacks(Lost(worker.role.name, str(at or "an unknown point"), told))

    def gives_up(self, thread: str) -> bool:
        """Whether a thread is in an instruction that is past its deadline."""
        return any(self._is_late(self._by_role[it.role.name]) for it in self.threads[thread])

    def _is_late(self, watched: _Watched) -> bool:
        return watched.doing is not None and watched.lasts_s > self._limit_s(watched.doing)

    def _limit_s(self, instruction: Instruction) -> float:
        return self.deadline.seconds(instruction, self._longest_s)

    def _culprit(self, late: _Watched) -> _Culprit | None:
        """Whom a late role waits for in the end; None if that one is getting on."""
        seen: list[_Watched] = []
        at: _Watched | None = late
        while at is not None and at not in seen:
            seen.append(at)
            waits_for = self._waits_for(at)
            if waits_for is None:
                break
            at = self._by_role[waits_for]
        if at is None or at.doing is None or not self._is_late(at):
            return None
        role, doing, lasts = at.worker.role.name, at.doing, f"for {at.lasts_s:.1f} s"
        cause = f"it has not come back {lasts}"
        if self._waits_for(at) is not None:
            cause = f"roles wait for each other {lasts}"
        elif doing.op is Op.RECV and at.worker.ends.receivers[doing.peer].awaits_arrival():
            link = f"{doing.peer}->{role}"
            cause = f"{link} is silent: what was sent over it has not arrived {lasts}"
        return _Culprit(role, doing, cause)

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

    def _told(self, culprit: _Culprit, cause: str) -> str:
        return "; ".join([cause, *self._waiting(culprit.role)])

    def _waiting(self, culprit: str) -> Iterator[str]:
        for role, watched in self._by_role.items():
            doing = watched.doing
            if role != culprit and doing is not None and doing.op in (Op.RECV, Op.SEND):
                yield f"{role} waits at {doing} for {watched.lasts_s:.1f} s"

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
