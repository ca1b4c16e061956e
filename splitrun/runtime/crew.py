"""Threads that stand and fall together: the first failure stops all, and all are joined."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch

from splitrun.runtime.channel import ChannelClosed
from splitrun.runtime.clock import sharpen_timers

_ATTEND_EVERY_S = 0.1
_SWITCH_INTERVAL_S = 1e-4
"""How long a thread may keep the interpreter while another one wants it. Python's 5 ms is longer
than a training step."""


class Crew:
    """Runs tasks, each in a thread of its name.

    Args:
        close: wakes every task that waits, which then ends with `ChannelClosed`.
        intra_op_threads: PyTorch's threads within an operation, for every task. A new thread
            inherits what any other set last, so each task sets it first.
    """

    def __init__(
        self,
        tasks: Mapping[str, Callable[[], None]],
        close: Callable[[], None],
        intra_op_threads: int,
    ) -> None:
        self._close = close
        self._intra_op_threads = intra_op_threads
        self._lock = threading.Lock()
        self._failure: BaseException | None = None
        self._running = len(tasks)
        self._finished = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(task,), name=name, daemon=True)
            for name, task in tasks.items()
        ]

    def run(self, attend: Callable[[], None]) -> None:
        """Run all tasks to their end, calling `attend` every tenth of a second meanwhile.

        Raises:
            Exception: the first one that any task, or `attend`, raised. No thread is left then.
            KeyboardInterrupt: the user interrupted; no thread is left.
        """
        with _undisturbed():
            started: list[threading.Thread] = []
            try:
                for thread in self._threads:
                    thread.start()
                    started.append(thread)
                while not self._finished.wait(_ATTEND_EVERY_S):
                    attend()
            except BaseException:
                self._close()
                raise
            finally:
                for thread in started:
                    thread.join()
        if self._failure is not None:
            raise self._failure

    def _run(self, task: Callable[[], None]) -> None:
        try:
            torch.set_num_threads(self._intra_op_threads)
            torch.set_autocast_cache_enabled(False)  # one cache for all threads: a race for bits
            sharpen_timers()
            task()
        except ChannelClosed:
            pass
        except BaseException as error:  # noqa: BLE001 - raised by `run`
            with self._lock:
                if self._failure is None:
                    self._failure = error
            self._close()
        finally:
            with self._lock:
                self._running -= 1
                if not self._running:
                    self._finished.set()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Threads take turns quickly, and the garbage collector leaves alone what is there already:
    walking PyTorch's objects again and again costs 4 % of small steps."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        sys.setswitchinterval(before)
