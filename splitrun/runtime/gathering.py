"""Whether the roles of a run do better on one core than on all.

Small operations spend much of their time under Python's lock, of which there is one: on cores of
their own roles wait for it more than they work, and every time it changes hands a core has to be
woken. On one core it changes hands without that, and the same steps take as little as six tenths of
the time. Large operations work without the lock, and want every core.

What it is, shows while they run: the processor time of roles that work at the same time, over the
time that they take for it, is the number of cores that they keep busy.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from splitrun.plan import Instruction, Op
from splitrun.runtime.clock import now
from splitrun.runtime.worker import WORK, Action, Worker

_ENOUGH = 200
"""Instructions that tell: about 20 steps of two parties."""
_LITTLE = 0.7
"""Of the cores that those at work could keep busy: with less they wait for each other."""
_FEW = 1.4
"""Busy cores: one alone does as much, since on it nobody has to be woken."""
_TOGETHER_S, _APART_S = 5.0, 0.1
"""How long that holds."""

_Place = tuple[int, ...]
"""Cores by number."""


class _Verdict(NamedTuple):
    """One value, so that no thread sees half of another one's."""

    place: _Place
    until: float


class Sample(NamedTuple):
    """One instruction, in seconds."""

    lasted_s: float
    worked_s: float
    """The processor time of its thread."""
    at_work: float
    """Roles, itself counted: the mean of its beginning and its end."""


def crowded(samples: Sequence[Sample], cores: int) -> bool:
    """Whether one core would do as much of this as so many do."""
    worked_s = sum(sample.worked_s for sample in samples)
    passed_s = sum(sample.lasted_s / sample.at_work for sample in samples)
    possible_s = sum(sample.lasted_s * min(1.0, cores / sample.at_work) for sample in samples)
    return worked_s < min(_FEW * passed_s, _LITTLE * possible_s)


class Gathering:
    """Lets the roles of a run go where the system wants them, sees how they get on there, and
    brings them together on one core where that is better; now and then it looks again.

    Args:
        cores: that the process may use, by number.
    """

    def __init__(self, cores: Sequence[int]) -> None:
        self.everywhere = tuple(cores)
        self._verdict = _Verdict(self.everywhere, -math.inf)
        self._next = os.getpid()  # runs that go on at once begin at different cores
        self._at_work: set[str] = set()
        self._samples: list[Sample] = []
        self._lock = threading.Lock()

    def equip(self, worker: Worker) -> None:
        """Seat the worker's thread, and watch its work while the place is open."""
        member = _Member(self, worker.role.name)
        for op in (Op.LOAD, *WORK):
            if worker.can(op):
                worker.surround(op, member.around)

    def known(self) -> _Place | None:
        """Where roles belong now; None while that is to be found out, everywhere."""
        place, until = self._verdict
        return place if now() < until else None

    def begins(self, role: str) -> int:
        """A role goes to work; how many are at it now."""
        self._at_work.add(role)
        return len(self._at_work)

    def ends(self, role: str) -> int:
        """A role has worked; how many were at it."""
        at_work = len(self._at_work)
        self._at_work.discard(role)
        return at_work

    def note(self, sample: Sample) -> None:
        """What an instruction took; of enough of them follows where roles belong."""
        with self._lock:
            self._samples.append(sample)
            if len(self._samples) < _ENOUGH:
                return
            if crowded(self._samples, len(self.everywhere)):
                place = (self.everywhere[self._next % len(self.everywhere)],)
                self._next += 1
                self._verdict = _Verdict(place, now() + _TOGETHER_S)
            else:
                self._verdict = _Verdict(self.everywhere, now() + _APART_S)
            self._samples.clear()


class _Member:
    """One role; only its thread calls it."""

    def __init__(self, gathering: Gathering, role: str) -> None:
        self._gathering = gathering
        self._role = role
        self._place = gathering.everywhere

    def around(self, action: Action) -> Action:
        """The action, in its place."""
        gathering, role = self._gathering, self._role

        def seated(instruction: Instruction) -> None:
            known = gathering.known()
            self._move(known or gathering.everywhere)
            if known:
                action(instruction)
                return
            before = gathering.begins(role)
            start, start_work = now(), time.thread_time()
            try:
                action(instruction)
            finally:
                worked_s, lasted_s = time.thread_time() - start_work, now() - start
                after = gathering.ends(role)
            gathering.note(Sample(lasted_s, worked_s, (before + after) / 2))

        return seated

    def _move(self, place: _Place) -> None:
        if place == self._place:
            return
        self._place = place
        with suppress(OSError):
            os.sched_setaffinity(0, place)
