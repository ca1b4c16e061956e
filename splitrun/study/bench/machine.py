"""What the machine does meanwhile: this process's memory, and other processes' work."""

from __future__ import annotations

import ctypes
import gc
import sys
from time import perf_counter

import psutil

from splitrun.events import Event, Sampled
from splitrun.session.environment import usable_cores
from splitrun.telemetry import Sampler

_EVERY_S = 0.05


class Watch:
    """Watches while it lasts; a context manager. Its figures are there when it has ended."""

    def __init__(self) -> None:
        self.peak_memory_bytes = 0
        """Resident, of this process; looked at 20 times a second."""
        self._others_s = 0.0
        self._cores = usable_cores()
        self._sampler = Sampler(self._take, _EVERY_S)

    def __enter__(self) -> Watch:
        """Begin."""
        self._start = self._last = perf_counter()
        self._sampler.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        """End."""
        self._sampler.__exit__(*error)

    @property
    def others_percent(self) -> float:
        """Time that others used of the cores which this process may use; 100 is one core."""
        elapsed_s = self._last - self._start
        return max(0.0, self._others_s / elapsed_s) if elapsed_s else 0.0

    def _take(self, event: Event) -> None:
        """Called in the sampler's thread."""
        if isinstance(event, Sampled):
            shares = enumerate(event.core_percents)
            ours = sum(share for core, share in shares if core in self._cores)
            others_percent = ours - event.cpu_percent
            self._others_s += others_percent * (event.time - self._last)
            self._last = event.time
            self.peak_memory_bytes = max(self.peak_memory_bytes, event.memory_bytes)


def load_average() -> float:
    """How many processes wanted a core of all there are, over the last minute."""
    return psutil.getloadavg()[0]


def all_cores() -> int:
    """Of the machine, whether this process may use them or not."""
    return psutil.cpu_count() or 1


def release_memory() -> None:
    """Give back what is not used any more, as far as the system can, so that it counts no more."""
    gc.collect()
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)
