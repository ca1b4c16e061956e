"""Other processes on the machine, and whether they leave us the cores that we could use."""

from __future__ import annotations

import time
from dataclasses import dataclass

import psutil

from splitrun.runtime.clock import now
from splitrun.session.environment import usable_cores

_WORK = ("user", "nice", "system", "irq", "softirq", "steal")


@dataclass(frozen=True)
class MachineLoad:
    """Processor time, a second, over some seconds; 100 is one core."""

    others_percent: float
    idle_percent: float
    """Of the cores that this process may use, which nobody used."""


class LoadMeter:
    """Counts from when it is made on."""

    def __init__(self) -> None:
        self._cores = usable_cores()
        self._start, self._ours_s, self._used_s = now(), time.process_time(), self._busy_s()

    def crowd(self) -> MachineLoad:
        """What there was until now."""
        elapsed_s = max(1e-9, now() - self._start)
        used_s = self._busy_s() - self._used_s
        others_s = used_s - (time.process_time() - self._ours_s)
        idle_s = len(self._cores) * elapsed_s - used_s
        return MachineLoad(*(max(0.0, 100 * each / elapsed_s) for each in (others_s, idle_s)))

    def _busy_s(self) -> float:
        """Until now, also at low priority, and what the machine that ours is a part of took."""
        return sum(
            sum(getattr(core, part, 0.0) for part in _WORK)
            for number, core in enumerate(psutil.cpu_times(percpu=True))
            if number in self._cores
        )
