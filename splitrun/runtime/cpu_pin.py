"""Which core a role's thread keeps to while its hardware is emulated.

Such a thread hardly works and nearly always waits, so it should find its core free when it wakes.
The system does not see to that: on a virtual machine Linux takes a core that has gone to sleep for
one that the host has taken away, and lets a thread that wakes queue behind another one's work, 0.4
ms of it here, while the other core sleeps. So threads are dealt out over the cores. A thread whose
work turns out to be more than a little of what it emulates goes where the system wants it.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence

from splitrun.plan import Plan

_MUCH = 0.25
"""Of the emulated time: as much work needs its share of all cores."""
_TRUSTED_S = 0.1
"""Emulated time after which the share of work is taken seriously."""


class CpuPin:
    """A core of one thread, and what it has done there; only that thread calls it."""

    def __init__(self, core: int, cores: Collection[int]) -> None:
        self._core = core
        self._cores = cores
        self._worked_s = self._lasted_s = 0.0
        self._kept = False

    def take(self) -> None:
        """Keep the calling thread to the core, where the system allows it."""
        self._kept = _keep_to({self._core})

    def note(self, worked_s: float, lasted_s: float) -> None:
        """An emulated instruction worked so long of the time that it lasted."""
        self._worked_s += worked_s
        self._lasted_s += lasted_s
        if self._kept and self._worked_s > _MUCH * max(_TRUSTED_S, self._lasted_s):
            _keep_to(self._cores)
            self._kept = False


def cpu_pins(plan: Plan, cores: Sequence[int]) -> Mapping[str, CpuPin]:
    """By role. Several runs on one machine begin at different cores, as far as their numbers
    differ."""
    return {
        role.name: CpuPin(cores[(os.getpid() + index) % len(cores)], cores)
        for index, role in enumerate(plan.roles)
    }


def _keep_to(cores: Collection[int]) -> bool:
    """Whether the calling thread stays on these cores from now on."""
    try:
        os.sched_setaffinity(0, cores)
    except OSError:
        return False
    return True
