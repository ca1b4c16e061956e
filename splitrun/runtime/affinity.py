"""Whether the roles of a run do better on one core than on all: both are tried.

Small operations spend much of their time under Python's lock, of which there is one: on cores of
their own roles wait for it more than they work, and every time it changes hands a core has to be
woken. On one core it changes hands without that, and the same steps take as little as six tenths of
the time. Large operations work without the lock, and want every core.

No count of rows or parameters tells which they are, nor does processor time, for that of roles that
fight over a lock and over caches is worth less. So the run goes on here for a moment and there for
a moment, by turns, and then stays where more was done in the time in which anything was.
"""

from __future__ import annotations

import math
import os
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from statistics import median

from splitrun.plan import Instruction, Op
from splitrun.runtime.clock import now
from splitrun.runtime.worker import WORK, Action, Worker

_ENOUGH, _FEWEST, _LONG_S = 160, 20, 0.05
"""Instructions in a moment; as few as the fewest where that takes so long."""
_MOVING = 0.25
"""Of a moment: before each, so much of one passes in which everybody moves."""
_TURNS = 4
"""Moments in each place before one is chosen."""
_KEPT = 5 * _TURNS
"""Moments of each place, of earlier trials too: one moment is not like the next."""
_STAY_S, _STAY = 5.0, 25
"""How long a choice holds: so many seconds, and so many times what its trial was at work."""
_WAKING_S = 3e-4
"""Time in which nothing was done for no longer is the machine's; more is the links'."""

_Place = tuple[int, ...]
"""Cores by number."""
_Kind = tuple[str, Op]
"""Of work: whose, and what."""


@dataclass
class Moment:
    """What roles get done in a stretch of time; times are the run's, in seconds."""

    start: float
    done: Counter[_Kind] = field(default_factory=Counter)
    """Instructions that ended in it."""
    lasted_s: defaultdict[_Kind, float] = field(default_factory=lambda: defaultdict(float))
    """All of them together."""
    _at_work: set[str] = field(default_factory=set)
    _nothing_s: float = 0.0
    _end: float = field(init=False)

    def __post_init__(self) -> None:
        self._end = self.start

    def begins(self, role: str, time: float) -> None:
        """A role goes to work."""
        nothing_s = time - self._end
        if not self._at_work and nothing_s > _WAKING_S:
            self._nothing_s += nothing_s
        self._at_work.add(role)

    def ends(self, role: str, op: Op, start: float, time: float) -> None:
        """A role has worked since `start`."""
        self._at_work.discard(role)
        self._end = time
        self.done[role, op] += 1
        self.lasted_s[role, op] += time - start

    def is_over(self, share: float) -> bool:
        """Whether enough has been done for such a share of a moment."""
        number = self.done.total()
        few = number >= share * _FEWEST and self.busy_s >= share * _LONG_S
        return few or number >= share * _ENOUGH

    def next(self, time: float) -> Moment:
        """The moment after it; whoever is at work stays at it."""
        return Moment(time, _at_work=self._at_work)

    def speed(self, costs_s: Mapping[_Kind, float]) -> float:
        """Work, at these costs an instruction, over the time in which any was done."""
        work_s = sum(costs_s[kind] * number for kind, number in self.done.items())
        return work_s / self.busy_s

    @property
    def busy_s(self) -> float:
        """Seconds in which any work was done."""
        return self._end - self.start - self._nothing_s


def fastest(moments: Mapping[_Place, Sequence[Moment]]) -> _Place:
    """Where roles are fastest, in the median of their moments there. One moment does not hold the
    same work as the next, so an instruction counts for as long as its kind lasts in the mean."""
    done: Counter[_Kind] = Counter()
    lasted_s: defaultdict[_Kind, float] = defaultdict(float)
    for moment in chain.from_iterable(moments.values()):
        done.update(moment.done)
        for kind, each_s in moment.lasted_s.items():
            lasted_s[kind] += each_s
    costs_s = {kind: lasted_s[kind] / number for kind, number in done.items()}

    def speed(place: _Place) -> float:
        return median(moment.speed(costs_s) for moment in moments[place])

    return max(moments, key=speed)


class AffinityTuner:
    """Tries both places while a run goes on, and lets its roles stay in the better one; now and
    then it tries again.

    Args:
        cores: that the process may use, by number.
    """

    def __init__(self, cores: Collection[int]) -> None:
        self.everywhere: _Place = tuple(sorted(cores))
        self.place = self.everywhere
        """Where roles belong now."""
        together = (self.everywhere[os.getpid() % len(cores)],)
        self._others = {self.everywhere: together, together: self.everywhere}
        self._moments = {place: deque[Moment](maxlen=_KEPT) for place in self._others}
        self._stays_until = -math.inf
        self._left = 0
        self._lock = threading.Lock()

    def equip(self, worker: Worker) -> None:
        """CpuPin the worker's thread, and watch its work in trials."""
        member = _Member(self, worker.role.name)
        for op in (Op.LOAD, *WORK):
            if worker.can(op):
                worker.surround(op, member.around)

    @property
    def has_chosen(self) -> bool:
        """Whether a choice holds, and no work has to be told of."""
        return now() < self._stays_until

    @property
    def is_undecided(self) -> bool:
        """Whether a trial has begun and gone on for too short a time to choose."""
        return bool(self._left)

    def begins(self, role: str) -> float:
        """A role goes to work; when."""
        with self._lock:
            time = now()
            if not self._left and time >= self._stays_until:  # and not chosen while this waited
                self._try(time)
            if self._left:
                self._moment.begins(role, time)
            return time

    def ends(self, role: str, op: Op, start: float) -> None:
        """A role has worked since `start`."""
        with self._lock:
            if self._left:
                time = now()
                self._moment.ends(role, op, start, time)
                if self._moment.is_over(_MOVING if self._is_moving else 1.0):
                    self._go_on(time)

    def _try(self, time: float) -> None:
        self._busy_s, self._left = 0.0, 2 * _TURNS
        self._moment, self._is_moving = Moment(time), True

    def _go_on(self, time: float) -> None:
        """A move or a moment is over."""
        if not self._is_moving:
            self._moments[self.place].append(self._moment)
            self._busy_s += self._moment.busy_s
            self._left -= 1
            self.place = self._others[self.place] if self._left else fastest(self._moments)
        if not self._left:
            self._stays_until = time + max(_STAY_S, _STAY * self._busy_s)
        self._moment, self._is_moving = self._moment.next(time), not self._is_moving


class _Member:
    """One role; only its thread calls it."""

    def __init__(self, affinity_tuner: AffinityTuner, role: str) -> None:
        self._gathering = affinity_tuner
        self._role = role
        self._place = affinity_tuner.everywhere

    def around(self, action: Action) -> Action:
        """The action, in its place."""
        affinity_tuner, role = self._gathering, self._role

        def seated(instruction: Instruction) -> None:
            self._move(affinity_tuner.place)
            if affinity_tuner.has_chosen:
                action(instruction)
                return
            start = affinity_tuner.begins(role)
            try:
                action(instruction)
            finally:
                affinity_tuner.ends(role, instruction.op, start)

        return seated

    def _move(self, place: _Place) -> None:
        if place == self._place:
            return
        self._place = place
        with suppress(OSError):
            os.sched_setaffinity(0, place)
