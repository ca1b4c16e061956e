"""What a run uses of the machine, in this process and in those that it has started.

Another process tells of itself now and then; the last that it told is kept, and what it has used of
processors for good.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import psutil

_THREAD_CLOCK = 6
"""Linux numbers a thread's processor clock so: its id inverted, and below it three bits, of which
these say that it is a thread's, and exact."""


@dataclass(frozen=True)
class Usage:
    """What one process has used, and what it holds."""

    cpu_s: float = 0.0
    memory_bytes: int = 0
    """Resident; what it shares with others is counted in each."""
    threads: int = 0
    descriptors: int = 0
    """Open files, sockets and pipes."""
    role_cpu_s: Mapping[str, float] = field(default_factory=dict)
    """Processor seconds of each role's thread since it started."""


_others: dict[int, Usage] = {}
_before_s = 0.0
"""Processor seconds of processes that have ended."""


def note(process: int, usage: Usage) -> None:
    """Keep what another process of the run has told of itself."""
    _others[process] = usage


def forget(process: int) -> None:
    """It has ended; what it has used stays."""
    global _before_s
    usage = _others.pop(process, Usage())
    _before_s += usage.cpu_s


class Meter:
    """Tells what this process uses.

    Args:
        roles: names of threads whose processor time is told.
    """

    def __init__(self, roles: Collection[str] = ()) -> None:
        self._roles = frozenset(roles)
        self._process = psutil.Process()

    def read(self) -> Usage:
        """What it has used until now, and holds."""
        process = self._process
        with process.oneshot():
            return Usage(
                time.process_time(),
                process.memory_info().rss,
                process.num_threads(),
                _descriptors(process),
                role_cpu_s(self._roles),
            )


def _descriptors(process: psutil.Process) -> int:
    if sys.platform == "win32":
        return process.num_handles()
    return process.num_fds()


def others() -> Usage:
    """What all other processes of the run have used, and hold now, together."""
    each = list(_others.values())
    return Usage(
        _before_s + sum(it.cpu_s for it in each),
        sum(it.memory_bytes for it in each),
        sum(it.threads for it in each),
        sum(it.descriptors for it in each),
        {role: seconds for it in each for role, seconds in it.role_cpu_s.items()},
    )


def cpu_s() -> float:
    """Processor seconds of the run's processes, this one among them."""
    return time.process_time() + others().cpu_s


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
