"""The core that a party's process keeps to, as long as it has that core to itself.

Threads that take turns at Python's lock do so much faster on one core than on several, and a core
of one's own keeps its caches. But another run on the machine may have chosen the same one, which
the system would see to if it were let: so who has to queue for its core leaves it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from splitrun.party import Party
from splitrun.runtime import Job
from splitrun.runtime.clock import now

_LOOKS_EVERY_S = 0.5
_QUEUES = 0.1
"""Share of the time: who waits longer than that for its core has no such core."""


def own_cores() -> list[int]:
    """Those that this process may run on; none where the system does not tell."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def shared_out(job: Job, parties: Sequence[Party], cores: Sequence[int]) -> Mapping[str, int]:
    """Which core the process of each party of a machine keeps to, where there are enough and roles
    compute. Several runs on one machine begin at different ones, as far as the numbers of the
    processes that have started them differ."""
    emulated = all(role.compute for role in job.plan.roles)
    if job.intra_op_threads > 1 or len(cores) < len(parties) or emulated:
        return {}
    return {
        party.name: cores[(os.getpid() + number) % len(cores)]
        for number, party in enumerate(parties)
    }


class Core:
    """Where the threads of this process run.

    Args:
        number: of the core that they keep to; None for all that there are.
    """

    def __init__(self, number: int | None) -> None:
        self._number = number
        self._at, self._queued_s = now(), 0.0

    def take(self) -> None:
        """Keep the calling thread to the core, and those that it starts from then on."""
        if self._number is not None:
            self._all = os.sched_getaffinity(0)
            os.sched_setaffinity(0, {self._number})

    def look(self) -> None:
        """Leave the core if others want it; to be called now and then."""
        time = now()
        if self._number is None or time < self._at + _LOOKS_EVERY_S:
            return
        queued_s = _queued_s()
        if queued_s - self._queued_s > _QUEUES * (time - self._at):
            self._number = None
            for thread in _threads():
                _let_go(thread, self._all)
        self._at, self._queued_s = time, queued_s


def _threads() -> list[int]:
    return [int(path.name) for path in Path("/proc/self/task").iterdir()]


def _queued_s() -> float:
    """Seconds for which threads of this process were ready, and waited for a core."""
    found = 0
    for thread in _threads():
        try:
            found += int(Path(f"/proc/self/task/{thread}/schedstat").read_text().split()[1])
        except OSError:  # it ended just now, or the system does not tell
            continue
    return found / 1e9


def _let_go(thread: int, cores: set[int]) -> None:
    try:
        os.sched_setaffinity(thread, cores)
    except OSError:  # it ended just now
        return
