"""Which cores the threads of a run's roles keep to.

`AffinityTuner`: whether roles that compute here do better on one core than on all; both are tried.

Small operations spend much of their time under Python's lock, of which there is one: on cores of
their own roles wait for it more than they work, and every time it changes hands a core has to be
woken. On one core it changes hands without that, and the same steps take as little as six tenths of
the time. Large operations work without the lock, and want every core.

No count of rows or parameters tells which they are, nor does processor time, for that of roles that
fight over a lock and over caches is worth less. So a trial lets the run go on here for a while and
there for a while, in several windows each, and then it stays where more was done in the time in
which anything was.

`CpuPin`: while all hardware is emulated, a role's thread hardly works and nearly always waits, so
it should find its core free when it wakes. The system does not see to that: on a virtual machine
Linux takes a core that has gone to sleep for one that the host has taken away, and lets a thread
that wakes queue behind another one's work, 0.4 ms of it here, while the other core sleeps. So
threads are dealt out over the cores. A thread whose work turns out to be more than a little of what
it emulates goes where the system wants it.
"""

from __future__ import annotations

import math
import os
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from statistics import median

from splitrun.plan import Instruction, Op
from splitrun.runtime.clock import now
from splitrun.runtime.job import WORK, RoleContext, RoleHook, Run

ENOUGH, FEWEST, LONG_S = 160, 20, 0.05
"""Instructions in a window; as few as the fewest where that takes so long, in seconds."""
_MOVING = 0.25
"""Of a window: before each, so much of one passes in which everybody moves."""
_WAKING_S = 3e-4
"""Time in which nothing was done for no longer is the machine's; more is the links'."""
_MUCH = 0.25
"""Of the emulated time: as much work needs its share of all cores."""
TRUSTED_S = 0.1
"""Emulated time after which the share of work is taken seriously."""

Place = tuple[int, ...]
"""Cores by number."""
_Kind = tuple[str, Op]
"""Of work: whose, and what."""


@dataclass
class Window:
    """What roles get done in a stretch of time; times are the run's, in seconds."""

    start: float
    enough: int = ENOUGH
    """Instructions after which it is over."""
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
        """Whether enough has been done for such a share of a window."""
        number = self.done.total()
        few = number >= share * FEWEST and self.busy_s >= share * LONG_S
        return few or number >= share * self.enough

    def next(self, time: float) -> Window:
        """The window after it; whoever is at work stays at it."""
        return Window(time, self.enough, _at_work=self._at_work)

    def speed(self, costs_s: Mapping[_Kind, float]) -> float:
        """Work, at these costs an instruction, over the time in which any was done."""
        work_s = sum(costs_s[kind] * number for kind, number in self.done.items())
        return work_s / self.busy_s

    @property
    def busy_s(self) -> float:
        """Seconds in which any work was done."""
        return self._end - self.start - self._nothing_s


def fastest(windows: Mapping[Place, Sequence[Window]]) -> Place:
    """Where roles are fastest, in the median of their windows there. One window does not hold the
    same work as the next, so an instruction counts for as long as its kind lasts in the mean."""
    done: Counter[_Kind] = Counter()
    lasted_s: defaultdict[_Kind, float] = defaultdict(float)
    for window in chain.from_iterable(windows.values()):
        done.update(window.done)
        for kind, each_s in window.lasted_s.items():
            lasted_s[kind] += each_s
    costs_s = {kind: lasted_s[kind] / number for kind, number in done.items()}

    def speed(place: Place) -> float:
        return median(window.speed(costs_s) for window in windows[place])

    return max(windows, key=speed)


class AffinityTuner:
    """Tries both places while a run goes on, and lets its roles stay in the better one; now and
    then it tries again.

    Args:
        cores: that the process may use, by number.
        enough: instructions in a window.
        rounds: windows in each place before one is chosen.
        stay_s: how long a choice holds, in seconds,
        stay: and how many times as long as its trial was at work.
        choose: the better place, by the windows there; of earlier trials, too, for one window is
            not like the next.
    """

    def __init__(
        self,
        cores: Collection[int],
        *,
        enough: int = ENOUGH,
        rounds: int = 4,
        stay_s: float = 5.0,
        stay: float = 25,
        choose: Callable[[Mapping[Place, Sequence[Window]]], Place] = fastest,
    ) -> None:
        self.everywhere: Place = tuple(sorted(cores))
        self.place = self.everywhere
        """Where roles belong now."""
        together = (self.everywhere[os.getpid() % len(cores)],)
        self._others = {self.everywhere: together, together: self.everywhere}
        self._windows = {place: deque[Window](maxlen=5 * rounds) for place in self._others}
        self._enough, self._rounds = enough, rounds
        self._stay_s, self._stay = stay_s, stay
        self._choose = choose
        self._stays_until = -math.inf
        self._left = 0
        self._lock = threading.Lock()

    def for_role(self, context: RoleContext) -> RoleHook:
        """Its thread moves, and its work is looked at in trials."""
        return _TunedRole(self, context.role.name)

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
                self._window.begins(role, time)
            return time

    def ends(self, role: str, op: Op, start: float) -> None:
        """A role has worked since `start`."""
        with self._lock:
            if self._left:
                time = now()
                self._window.ends(role, op, start, time)
                if self._window.is_over(_MOVING if self._is_moving else 1.0):
                    self._go_on(time)

    def _try(self, time: float) -> None:
        self._busy_s, self._left = 0.0, 2 * self._rounds
        self._window, self._is_moving = Window(time, self._enough), True

    def _go_on(self, time: float) -> None:
        """A move or a window is over."""
        if not self._is_moving:
            self._windows[self.place].append(self._window)
            self._busy_s += self._window.busy_s
            self._left -= 1
            self.place = self._others[self.place] if self._left else self._choose(self._windows)
        if not self._left:
            self._stays_until = time + max(self._stay_s, self._stay * self._busy_s)
        self._window, self._is_moving = self._window.next(time), not self._is_moving


class _TunedRole(RoleHook):
    """Only the role's thread calls what it makes of instructions."""

    def __init__(self, tuner: AffinityTuner, role: str) -> None:
        self._tuner = tuner
        self._role = role
        self._place = tuner.everywhere

    def around_instruction(self, op: Op, run: Run) -> Run:
        """What computes or loads is done in the place where roles belong now."""
        if op is not Op.LOAD and op not in WORK:
            return run
        tuner, role = self._tuner, self._role

        def placed(instruction: Instruction) -> None:
            place = tuner.place
            if place != self._place:
                self._place = place
                _keep_to(place)
            if tuner.has_chosen:
                run(instruction)
                return
            start = tuner.begins(role)
            try:
                run(instruction)
            finally:
                tuner.ends(role, op, start)

        return placed


class CpuPin:
    """A core of one thread, and what it has done there; only that thread calls it."""

    def __init__(self, core: int, cores: Collection[int]) -> None:
        self._core = core
        self._cores = cores
        self._worked_s = self._lasted_s = 0.0
        self._kept: bool | None = None

    def take(self) -> None:
        """Keep the calling thread to the core, where the system allows it."""
        self._kept = _keep_to({self._core})

    def note(self, worked_s: float, lasted_s: float) -> None:
        """An emulated instruction worked so long of the time that it lasted; with the first one the
        core is taken."""
        if self._kept is None:
            self.take()
        self._worked_s += worked_s
        self._lasted_s += lasted_s
        if self._kept and self._worked_s > _MUCH * max(TRUSTED_S, self._lasted_s):
            _keep_to(self._cores)
            self._kept = False


def cpu_pins(roles: Sequence[str], cores: Sequence[int]) -> Mapping[str, CpuPin]:
    """By role. Several runs on one machine begin at different cores, as far as their process
    numbers differ."""
    return {
        role: CpuPin(cores[(os.getpid() + index) % len(cores)], cores)
        for index, role in enumerate(roles)
    }


def _keep_to(cores: Collection[int]) -> bool:
    """Whether the calling thread stays on these cores from now on."""
    try:
        os.sched_setaffinity(0, cores)
    except OSError:
        return False
    return True
