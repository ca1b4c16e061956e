"""One look at the machine and this process."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Collection

import psutil

from splitrun.events import Gpu, Sampled

_THREAD_CLOCK = 6
"""Linux numbers a thread's processor clock so: its id inverted, and below it three bits, of which
these say that it is a thread's, and exact."""
_SHORTEST_S = 0.1
"""Systems count what cores do in ticks of 10 ms, which of a shorter time tell next to nothing."""


class Gauge:
    """Makes samples; all of them in one thread, for psutil counts the cores' time per thread.

    Args:
        roles: names of threads whose processor time counts.
        read_gpus: the graphics processors as they are.
    """

    def __init__(self, roles: Collection[str], read_gpus: Callable[[], tuple[Gpu, ...]]) -> None:
        self._roles = frozenset(roles)
        self._read_gpus = read_gpus
        self._process = psutil.Process()
        self._role_cpu_s: dict[str, float] = {}
        self._time, self._cpu_s = time.perf_counter(), time.process_time()
        self._cores: tuple[float, ...] = ()
        self._cores_at = self._time
        psutil.cpu_percent(percpu=True)

    def read(self) -> Sampled:
        """A sample of this moment, its shares since the one before; those of cores are the last
        ones still if that was only just now."""
        now, cpu_s = time.perf_counter(), time.process_time()
        busy = (cpu_s - self._cpu_s) / (now - self._time)
        self._time, self._cpu_s = now, cpu_s
        self._role_cpu_s |= role_cpu_s(self._roles)
        process = self._process
        with process.oneshot():
            return Sampled(
                time=now,
                cpu_percent=100 * busy,
                core_percents=self._core_percents(now),
                memory_bytes=process.memory_info().rss,
                threads=process.num_threads(),
                descriptors=_descriptors(process),
                role_cpu_s=dict(self._role_cpu_s),
                gpus=self._read_gpus(),
            )

    def _core_percents(self, now: float) -> tuple[float, ...]:
        if not self._cores or now - self._cores_at >= _SHORTEST_S:
            self._cores, self._cores_at = tuple(psutil.cpu_percent(percpu=True)), now
        return self._cores


def role_cpu_s(roles: Collection[str]) -> dict[str, float]:
    """Processor seconds of the running threads that are named as roles, since they started.

    Empty on systems that do not tell.
    """
    if sys.platform != "linux":
        return {}
    seconds = {}
    for thread in threading.enumerate():
        if thread.name in roles and thread.native_id is not None:
            try:
                seconds[thread.name] = time.clock_gettime((~thread.native_id << 3) | _THREAD_CLOCK)
            except OSError:  # it ended just now
                continue
    return seconds


def _descriptors(process: psutil.Process) -> int:
    if sys.platform == "win32":
        return process.num_handles()
    return process.num_fds()
