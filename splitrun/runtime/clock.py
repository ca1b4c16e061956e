"""Waiting until a moment, as exactly as the operating system allows.

Emulated links and emulated compute wait for absolute times, so that what one wait is late the next
one does not add to. Linux rounds a thread's timers by a slack of 50 µs unless told otherwise.
"""

from __future__ import annotations

import ctypes
import sys
import threading
import time

now = time.perf_counter
"""Seconds of the one clock of a run."""

_PR_SET_TIMERSLACK = 29
_NAP_S = 0.05
"""Waits longer than this are made interruptible; the last stretch is slept at full precision."""


def sharpen_timers() -> None:
    """Let the calling thread's timers fire without slack, where the system can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)


def wait_until(deadline: float, interrupted: threading.Event) -> bool:
    """Sleep until `deadline`, a time of `now`; False if interrupted before."""
    while (remaining := deadline - now()) > _NAP_S:
        if interrupted.wait(remaining - _NAP_S / 2):
            return False
    if remaining > 0:
        time.sleep(remaining)
    return not interrupted.is_set()
