"""Tasks in several processes of this machine."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from multiprocessing.connection import wait
from typing import Any, Generic

from splitrun.errors import RunFailed
from splitrun.party import Parties
from splitrun.processes.server import fate, start_process
from splitrun.study.executors.executor import Tell
from splitrun.study.executors.task import Answer, K, Outcome, R, Request, Task
from splitrun.study.executors.worker import SharedParties, main

_TRIES = 2
"""Of a task whose worker ends under it, which may lie in the machine, or in the task."""


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
            yield from _Pool[K, R](self.at_once, shared, tell, stack).outcomes(tasks)


class _Worker(Generic[K, R]):
    """One of the processes, as the one that has started it sees it."""

    def __init__(self, number: int, parties: SharedParties) -> None:
        self.task: Task[K, R] | None = None
        """What it is at,"""
        self.place = 0
        """and which one that is, from 0,"""
        self.tries = 0
        """and how often it has been begun."""
        self._process, self.pipe = start_process(main, f"worker {number}")
        self._parties: SharedParties | None = parties

    def begin(self, task: Task[K, R], place: int, tries: int) -> None:
        """Give it a task; whether it is there to take it shows when it answers."""
        self.task, self.place, self.tries = task, place, tries
        try:
            if self._parties is not None:
                self._parties.give(self.pipe)
                self._parties = None
            self.pipe.send(Request.of(task))
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


class _Pool(Generic[K, R]):
    """The processes that are at work on some tasks."""

    def __init__(self, jobs: int, parties: SharedParties, tell: Tell, stack: ExitStack) -> None:
        self._jobs, self._parties, self._tell, self._stack = jobs, parties, tell, stack
        self._idle: list[_Worker[K, R]] = []
        self._busy: dict[Any, _Worker[K, R]] = {}
        """By pipe."""
        self._started = 0
        self._finished: dict[int, Outcome[K, R]] = {}
        """By place, until those before it are."""

    def outcomes(self, tasks: Iterator[Task[K, R]]) -> Iterator[Outcome[K, R]]:
        """Run them; gives what they came to, in their order."""
        given = taken = 0
        while True:
            while len(self._busy) < self._jobs and (task := next(tasks, None)) is not None:
                self._begin(task, given)
                given += 1
            if not self._busy:
                return
            for pipe in wait(list(self._busy)):
                self._take(self._busy.pop(pipe))
            while (outcome := self._finished.pop(taken, None)) is not None:
                yield outcome
                taken += 1

    def _begin(self, task: Task[K, R], place: int, tries: int = 1) -> None:
        worker = self._idle.pop() if self._idle else self._new_worker()
        self._busy[worker.pipe] = worker
        worker.begin(task, place, tries)

    def _new_worker(self) -> _Worker[K, R]:
        self._started += 1
        worker = _Worker[K, R](self._started, self._parties)
        self._stack.callback(worker.end)
        return worker

    def _take(self, worker: _Worker[K, R]) -> None:
        """What a worker has come to."""
        task = worker.task
        assert task is not None  # it is busy
        answer = worker.answer()
        if answer is not None:
            sys.stdout.write(answer.printed)
            self._finished[worker.place] = answer.outcome(task.key)
            self._idle.append(worker)
        elif worker.tries < _TRIES:
            self._tell(f"{task.name}: {worker.fate}; it is begun again")
            self._begin(task, worker.place, worker.tries + 1)
        else:
            cause = f"{worker.fate}, twice; if memory is short, take fewer --jobs"
            error = RunFailed(task.name, "its training", cause)
            self._finished[worker.place] = Outcome(task.key, error=error)
