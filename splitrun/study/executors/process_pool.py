"""Tasks in several processes of this machine."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from multiprocessing.connection import wait
from typing import Any

from splitrun.errors import RunFailed
from splitrun.party import Parties
from splitrun.processes.server import fate, start_process
from splitrun.study.executors.at_once import AtOnce, Attempt, Gone
from splitrun.study.executors.executor import Tell
from splitrun.study.executors.task import Answer, K, Outcome, R, Request, Task
from splitrun.study.executors.worker import SharedParties, main

AnyTask = Task[Any, Any]


class ProcessPool:
    """Runs so many tasks at once, each in a process of its own, started when it is first needed.

    Args:
        jobs: how many.
    """

    def __init__(self, jobs: int) -> None:
        self.at_once = jobs

    def outcomes(
        self, parties: Parties, tasks: Iterator[Task[K, R]], tell: Tell
    ) -> Generator[Outcome[K, R]]:
        """See `Executor.outcomes`."""
        with ExitStack() as stack:
            shared = stack.enter_context(SharedParties(parties))
            yield from _Pool(self.at_once, tell, shared, stack).outcomes(tasks)

    def alone(self, tell: Tell) -> AbstractContextManager[object]:
        """See `Executor.alone`: the processes have ended with their tasks."""
        del tell
        return nullcontext()


class _Worker:
    """One of the processes, as the one that has started it sees it."""

    def __init__(self, number: int, parties: SharedParties) -> None:
        self.attempt: Attempt[AnyTask] | None = None
        """What it is at."""
        self._process, self.pipe = start_process(main, f"worker {number}")
        self._parties: SharedParties | None = parties

    def begin(self, attempt: Attempt[AnyTask]) -> None:
        """Give it a task; whether it is there to take it shows when it answers."""
        self.attempt = attempt
        try:
            if self._parties is not None:
                self._parties.give(self.pipe)
                self._parties = None
            self.pipe.send(Request.of(attempt.work))
        except OSError:
            return

    def answer(self) -> Answer | None:
        """What its task came to; None where the process has ended instead."""
        try:
            answer: Answer = self.pipe.recv()
        except (EOFError, OSError):
            return None
        return answer

    @property
    def fate(self) -> str:
        """How it has ended."""
        return fate(self._process)

    def end(self) -> None:
        """Let nothing of it stay."""
        self.pipe.close()
        self._process.kill()
        self._process.join()
        self._process.close()


class _Pool(AtOnce[AnyTask, Outcome[Any, Any]]):
    """The processes that are at work on some tasks; they end with the stack."""

    def __init__(self, jobs: int, tell: Tell, parties: SharedParties, stack: ExitStack) -> None:
        super().__init__(jobs, tell)
        self._parties, self._stack = parties, stack
        self._idle: list[_Worker] = []
        self._busy: dict[Any, _Worker] = {}
        """By pipe."""
        self._started = 0

    def begin(self, attempt: Attempt[AnyTask]) -> None:
        """See `AtOnce`."""
        worker = self._idle.pop() if self._idle else self._new_worker()
        self._busy[worker.pipe] = worker
        worker.begin(attempt)

    def ended(self) -> Iterator[tuple[Attempt[AnyTask], Outcome[Any, Any] | Gone]]:
        """See `AtOnce`."""
        for pipe in wait(list(self._busy)):
            worker = self._busy.pop(pipe)
            attempt, answer = worker.attempt, worker.answer()
            assert attempt is not None  # it is busy
            if answer is None:
                yield attempt, Gone(worker.fate, "if memory is short, take fewer --jobs")
            else:
                self._idle.append(worker)
                sys.stdout.write(answer.printed)
                yield attempt, answer.outcome(attempt.work)

    def lost(self, work: AnyTask, error: RunFailed) -> Outcome[Any, Any]:
        """See `AtOnce`."""
        return Outcome(work.key, error=error)

    def _new_worker(self) -> _Worker:
        self._started += 1
        worker = _Worker(self._started, self._parties)
        self._stack.callback(worker.end)
        return worker
