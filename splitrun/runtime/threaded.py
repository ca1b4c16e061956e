"""The threaded runtime: every role runs its program in a thread of its own.

The threads stand and fall together: the first failure stops all, and all are joined. A thread that
does not come back from somebody's code cannot be joined. When its deadline is over it is left
behind, and the error says so: it is daemonic, and ends with the process.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial

import torch

from splitrun.errors import RunFailed
from splitrun.runtime.affinity import AffinityTuner, cpu_pins
from splitrun.runtime.channel import ChannelClosed
from splitrun.runtime.clock import frozen, now, sharpen_timers
from splitrun.runtime.faults import Vanished
from splitrun.runtime.job import Job, Observer, Outcome
from splitrun.runtime.roles import make_workers, outcome_of, watchdog_of
from splitrun.runtime.watchdog import LOOK_EVERY_S, Watchdog
from splitrun.runtime.worker import Worker

_LEAVE_S = 1.0
"""Threads that are told to stop have at least so long to do so."""
_SWITCH_INTERVAL_S = 1e-4
"""How long a thread may keep the interpreter while another one wants it. Python's 5 ms is longer
than a training step."""


def run(job: Job, observer: Observer) -> Outcome:
    """Run every role of a job in a thread of its own; see `splitrun.runtime.Runtime`."""
    workers = _placed_workers(job, observer)
    tasks = {worker.name: partial(worker.run, worker.program()) for worker in workers}
    group = ThreadGroup(tasks, workers, job.intra_op_threads)
    observer.begin()
    group.run(observer.poll, watchdog_of(job, observer, {it.name: [it] for it in workers}))
    return outcome_of(job, workers)


def _placed_workers(job: Job, observer: Observer) -> Sequence[Worker]:
    """The job's workers, whose threads get their cores where the system can; PyTorch's helpers
    would inherit them."""
    if not hasattr(os, "sched_setaffinity") or job.intra_op_threads > 1:
        return make_workers(job, observer)
    cores = os.sched_getaffinity(0)
    roles = [role for role in job.plan.roles if role.name in job.roles]
    if all(role.compute for role in roles):
        pins = cpu_pins([role.name for role in roles], sorted(cores))
        return make_workers(job, observer, pins=pins)
    if len(cores) > 1:
        return make_workers(job, observer, [job.affinity_tuner or AffinityTuner(cores)])
    return make_workers(job, observer)


class ThreadGroup:
    """Runs tasks, each in a thread of its name.

    Args:
        workers: that the tasks run; a task that waits in one ends with `ChannelClosed` once they
            are stopped.
        intra_op_threads: PyTorch's threads within an operation, for every task. A new thread
            inherits what any other set last, so each task sets it first.
        hurry_s: after a Ctrl-C tasks have so long to end, in seconds, and no longer.
    """

    def __init__(
        self,
        tasks: Mapping[str, Callable[[], None]],
        workers: Sequence[Worker],
        intra_op_threads: int,
        hurry_s: float = 5.0,
    ) -> None:
        self._workers = workers
        self._hurry_s = hurry_s
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
            left = self._join(poll, watch)
        if self._failure is not None:
            _note_left_behind(self._failure, left)
            raise self._failure

    def _join(self, poll: Callable[[], None], watch: Watchdog) -> Sequence[str]:
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
            return self._joined(watch, tell if tells else None, hurried=hurried)
        except KeyboardInterrupt as error:
            self._fail(error)
            return self._joined(watch, None, hurried=True)

    def _joined(
        self, watch: Watchdog, tell: Callable[[Sequence[str]], None] | None, *, hurried: bool
    ) -> Sequence[str]:
        """Wait for threads to end; gives the names of those that do not.

        Args:
            tell: called meanwhile with the names of those that have not ended.
            hurried: the user waits; then no deadline is.
        """
        patience = now() + (self._hurry_s if hurried else _LEAVE_S)
        while alive := [thread for thread in self._threads if thread.is_alive()]:
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
        for worker in self._workers:
            worker.stop()

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
