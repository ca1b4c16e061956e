"""Threads that stand and fall together."""

from __future__ import annotations

import threading

import pytest

from splitrun.plan import Deadline
from splitrun.runtime.threaded import ThreadGroup
from splitrun.runtime.watchdog import Watchdog


def test_after_an_interrupt_a_thread_that_hangs_is_not_waited_for_until_its_deadline() -> None:
    hangs = threading.Event()

    def wait() -> None:
        hangs.wait()

    def interrupted() -> None:
        raise KeyboardInterrupt

    group = ThreadGroup({"bob.bottom": wait}, [], 1, hurry_s=0.05)
    watch = Watchdog([], {"bob.bottom": []}, Deadline(10**6, given=True))
    with pytest.raises(KeyboardInterrupt) as caught:
        group.run(interrupted, watch)
    assert caught.value.__notes__ == ["bob.bottom does not come back and is left behind"]
    hangs.set()
    for thread in threading.enumerate():
        if thread.name == "bob.bottom":
            thread.join()
