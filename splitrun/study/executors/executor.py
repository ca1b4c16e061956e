"""What runs tasks, and the one that does so here."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from splitrun.party import Parties
from splitrun.study.executors.task import K, Outcome, R, Task

Tell = Callable[[str], object]
"""Told what whoever looks on should know of."""


class Executor(Protocol):
    """Runs tasks, one or several at once."""

    at_once: int
    """How many, at most."""

    def outcomes(
        self, parties: Parties, tasks: Iterator[Task[K, R]], tell: Tell
    ) -> Generator[Outcome[K, R]]:
        """Run tasks; gives what they came to, in their order.

        A task is asked for when it can begin: who asks for tasks may have heard by then what came
        of earlier ones, though not of all. To close the iterator ends all that runs.

        Args:
            parties: with the rows of all tasks' subjects.
            tasks: as many as there are.
            tell: told of tasks that are run again.
        """
        ...

    def alone(self, tell: Tell) -> AbstractContextManager[object]:
        """In here nothing of what runs tasks shares this machine's cores with what is timed.

        Args:
            tell: told what is waited for.
        """
        ...


class InProcess:
    """Runs them in this process, one after the other, where they can be watched."""

    at_once = 1

    def outcomes(
        self, parties: Parties, tasks: Iterator[Task[K, R]], tell: Tell
    ) -> Generator[Outcome[K, R]]:
        """See `Executor.outcomes`."""
        del parties, tell
        yield from (task.run() for task in tasks)

    def alone(self, tell: Tell) -> AbstractContextManager[object]:
        """See `Executor.alone`: tasks have ended."""
        del tell
        return nullcontext()
