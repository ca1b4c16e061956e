"""Threads that stand and fall together: the first failure stops all, and all are joined.

A thread that does not come back from somebody's code cannot be joined. When its deadline is over it
is left behind, and the error says so: it is daemonic, and ends with the process.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

import torch

from splitrun.errors import RunFailed
from splitrun.garbage import frozen
from splitrun.runtime.channel import ChannelClosed
from splitrun.runtime.clock import now, sharpen_timers
from splitrun.runtime.faults import Vanished
from splitrun.runtime.watchdog import LOOK_EVERY_S, Watchdog

_HURRY_S = 5.0
"""After a Ctrl-C they have so long and no longer."""
_LEAVE_S = 1.0
"""Threads that are told to stop have at least so long to do so."""
_SWITCH_INTERVAL_S = 1e-4
"""How long a thread may keep the interpreter while another one wants it. Python's 5 ms is longer
than a training step."""


class ThreadGroup:
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
        self._unfinished = set(tasks)
        self._finished = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(task,), name=name, daemon=True)
            for name, task in tasks.items()
        ]

    def run(self, poll: Callable[[], None], watch: Watchdog) -> None:
        """Run all tasks to their end, calling `poll` every tenth of a second meanwhile.

        Raises:
            Exception: the first one that any task, `poll` or `watch` raised. No thread is left
                then but those that it names as left behind.
            KeyboardInterrupt: the user interrupted; likewise.
        """
        with _undisturbed():
            try:
                for thread in self._threads:
                    thread.start()
                while not self._finished.wait(LOOK_EVERY_S) and self._failure is None:
                    poll()
                    watch.look()
                    watch.tell()
                    self._fail(self._lost(watch) or watch.stalled())
            except BaseException as error:  # noqa: BLE001 - raised below
                self._fail(error)
            left = self._join(self._threads, poll, watch)
        if self._failure is not None:
            _note_left_behind(self._failure, left)
            raise self._failure

    def _join(
        self, threads: Sequence[threading.Thread], poll: Callable[[], None], watch: Watchdog
    ) -> Sequence[str]:
        """Wait for all to end; gives the names of those that do not. A Ctrl-C meanwhile hurries
        them, and does not take the place of what has failed already."""

        def tell(alive: Sequence[str]) -> None:
            """A role may take its whole deadline: who looks on is to know what is waited for."""
            watch.tell(alive)
            with suppress(Exception):
                poll()

        failure = self._failure
        tells = isinstance(failure, RunFailed) and not failure.stacks  # not for the watchdog's own
        try:
            hurried = isinstance(failure, KeyboardInterrupt)
            return _joined(threads, watch, tell if tells else None, hurried=hurried)
        except KeyboardInterrupt as error:
            self._fail(error)
            return _joined(threads, watch, hurried=True)

    def _lost(self, watch: Watchdog) -> RunFailed | None:
        for thread in self._threads:
            if not thread.is_alive() and thread.name in self._unfinished:
                return watch.lost(thread.name)
        return None

    def _fail(self, error: BaseException | None) -> None:
        """Stop all for an error; the first one counts."""
        if error is None:
            return
        with self._lock:
            if self._failure is None:
                self._failure = error
        self._close()

    def _run(self, task: Callable[[], None]) -> None:
        try:
            torch.set_num_threads(self._intra_op_threads)
            torch.set_autocast_cache_enabled(False)  # one cache for all threads: a race for bits
            sharpen_timers()
            task()
        except ChannelClosed:
            pass
        except Vanished:
            return
        except BaseException as error:  # noqa: BLE001 - raised by `run`
            self._fail(error)
        with self._lock:
            self._unfinished.discard(threading.current_thread().name)
            if not self._unfinished:
                self._finished.set()


def _joined(
    threads: Sequence[threading.Thread],
    watch: Watchdog,
    tell: Callable[[Sequence[str]], None] | None = None,
    *,
    hurried: bool,
) -> Sequence[str]:
    """Wait for threads to end; gives the names of those that do not.

    Args:
        tell: called meanwhile with the names of those that have not ended.
        hurried: the user waits; then no deadline is.
    """
    patience = now() + (_HURRY_S if hurried else _LEAVE_S)
    while alive := [thread for thread in threads if thread.is_alive()]:
        alive[0].join(LOOK_EVERY_S)
        watch.look()
        if tell is not None:
            tell([thread.name for thread in alive])
        over = hurried or all(watch.gives_up(thread.name) for thread in alive)
        if now() > patience and over:
            return [thread.name for thread in alive if thread.is_alive()]
    if tell is not None:
        tell([])
    return []


def _note_left_behind(error: BaseException, left: Sequence[str]) -> None:
    if not left:
        return
    if isinstance(error, RunFailed):
        error.left_behind = tuple(left)
    each = "do not come back and are" if len(left) > 1 else "does not come back and is"
    error.add_note(f"{' and '.join(left)} {each} left behind")


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Threads take turns quickly, and the garbage collector leaves alone what is there already."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    try:
        with frozen():
            yield
    finally:
        sys.setswitchinterval(before)
