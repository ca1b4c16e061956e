"""Waiting until a moment, as exactly as the operating system allows.

Emulated links and emulated compute wait for absolute times, so that what one wait is late the next
one does not add to. Linux rounds a thread's timers by a slack of 50 µs unless told otherwise, and
then still needs 50 to 80 µs to wake a thread on a core that has gone to sleep. So the last stretch
is not slept but spent yielding, which ends 2 µs late in the median.

What is timed must not wait for the garbage collector either, which PyTorch gives 400,000 objects to
walk that never go.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_ahead_s = 0.0


def now() -> float:
    """Seconds of the one clock of a run."""
    return time.perf_counter() + _ahead_s


def keep_to(ahead_s: float) -> None:
    """From here on this process goes by a clock that is so much ahead of its machine's."""
    global _ahead_s
    _ahead_s = ahead_s


_PR_SET_TIMERSLACK = 29
_NAP_S = 0.05
"""Waits longer than this are made interruptible; the last stretch is slept at full precision."""
_LONGEST_S = 3600.0
"""A wait of years is waited hour by hour: the system does not take longer ones."""
_AWAKE_S = 75e-6
"""Of the last stretch, this much is not slept."""


def sharpen_timers() -> None:
    """Let the calling thread's timers fire without slack, where the system can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)


def wait_until(deadline: float, interrupted: threading.Event) -> bool:
    """Wait until `deadline`, a time of `now`; False if interrupted before."""
    while (remaining := deadline - now()) > _NAP_S:
        if interrupted.wait(min(remaining - _NAP_S / 2, _LONGEST_S)):
            return False
    if remaining > _AWAKE_S:
        time.sleep(remaining - _AWAKE_S)
    while now() < deadline:
        yield_core()
    return not interrupted.is_set()


def _sleep_briefly() -> None:
    time.sleep(0)


yield_core: Callable[[], None] = getattr(os, "sched_yield", _sleep_briefly)
"""Lets other threads have the core and Python's lock."""


_passes = False


@contextmanager
def frozen() -> Iterator[None]:
    """In here the collector leaves alone what is there already: to walk all of it takes a third of
    a second, and costs 4 % of small steps. Within another such one, this one changes nothing."""
    global _passes
    if _passes:
        yield
        return
    gc.freeze()
    _passes = True
    try:
        yield
    finally:
        _passes = False
        gc.unfreeze()
