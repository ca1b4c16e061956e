"""Several pieces of work at once, somewhere else, whose outcomes come in the order of the work.

Where one of them is lost with the process that it ran in, it is begun again, once: that may have
lain in the machine, or in the work.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

from splitrun.errors import RunFailed
from splitrun.study.executors.executor import Tell

_TRIES = 2


class Work(Protocol):
    """One piece of it."""

    @property
    def name(self) -> str:
        """In words."""
        ...


W = TypeVar("W", bound=Work)
F = TypeVar("F")
"""What comes of it."""


@dataclass(frozen=True)
class Attempt(Generic[W]):
    """A piece of work that has been begun."""

    work: W
    place: int
    """Which one it is, from 0."""
    tries: int = 1
    """How often it has been begun."""


@dataclass(frozen=True)
class Gone:
    """An attempt's process has ended without a word."""

    fate: str
    """Of the process, in words."""
    remedy: str


class AtOnce(ABC, Generic[W, F]):
    """Keeps so many pieces of work going.

    Args:
        most: so many, at most.
        tell: told of what is begun again.
    """

    def __init__(self, most: int, tell: Tell) -> None:
        self._most, self._tell = most, tell
        self._going = 0
        self._outcomes: dict[int, F] = {}
        """By place, until those before it are there."""

    @abstractmethod
    def begin(self, attempt: Attempt[W]) -> None:
        """Begin it somewhere."""

    @abstractmethod
    def ended(self) -> Iterable[tuple[Attempt[W], F | Gone]]:
        """Attempts that have ended, at least one; waits for it."""

    @abstractmethod
    def lost(self, work: W, error: RunFailed) -> F:
        """The outcome of work that was lost as often as it was begun."""

    def outcomes(self, works: Iterator[W]) -> Generator[F]:
        """Do all of it. What is to be done next is asked for when it can begin."""
        given = taken = 0
        while True:
            while self._going < self._most and (work := next(works, None)) is not None:
                self._begin(Attempt(work, given))
                given += 1
            if not self._going:
                return
            for attempt, outcome in self.ended():
                self._take(attempt, outcome)
            while taken in self._outcomes:
                yield self._outcomes.pop(taken)
                taken += 1

    def _begin(self, attempt: Attempt[W]) -> None:
        self._going += 1
        self.begin(attempt)

    def _take(self, attempt: Attempt[W], outcome: F | Gone) -> None:
        self._going -= 1
        name = attempt.work.name
        if not isinstance(outcome, Gone):
            self._outcomes[attempt.place] = outcome
        elif attempt.tries < _TRIES:
            self._tell(f"{name}: {outcome.fate}; it is begun again")
            self._begin(replace(attempt, tries=attempt.tries + 1))
        else:
            error = RunFailed(name, "its training", f"{outcome.fate}, twice; {outcome.remedy}")
            self._outcomes[attempt.place] = self.lost(attempt.work, error)
