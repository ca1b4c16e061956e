"""Work that a Ray cluster has been given."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Self

from splitrun.errors import one_line
from splitrun.study.executors.at_once import AtOnce, Attempt, F, Gone, W
from splitrun.study.executors.executor import Tell


class Submitted(AtOnce[W, F]):
    """Keeps so many pieces of work going on a cluster.

    Args:
        ray: the module, connected.
    """

    def __init__(self, ray: Any, most: int, tell: Tell) -> None:
        super().__init__(most, tell)
        self._ray = ray
        self._going_on: dict[Any, Attempt[W]] = {}
        """By what Ray calls what is to come of them."""

    @abstractmethod
    def submit(self, attempt: Attempt[W]) -> Any:
        """Give it to the cluster; what Ray calls what is to come of it."""

    @abstractmethod
    def outcome(self, work: W, found: Any) -> F:
        """What has come of it."""

    @contextmanager
    def ending(self) -> Iterator[Self]:
        """After it, none is left at work."""
        try:
            yield self
        finally:
            for reference in self._going_on:
                with suppress(Exception):  # it has ended just now, or its node has
                    self._ray.cancel(reference)  # by force, Ray 2.60 may end this process, too

    def begin(self, attempt: Attempt[W]) -> None:
        """See `AtOnce`."""
        self._going_on[self.submit(attempt)] = attempt

    def ended(self) -> Iterator[tuple[Attempt[W], F | Gone]]:
        """See `AtOnce`."""
        done, _ = self._ray.wait(list(self._going_on))
        for reference in done:
            attempt = self._going_on.pop(reference)
            try:
                found = self._ray.get(reference)
            except self._ray.exceptions.RayError as error:
                yield attempt, Gone(_fate(self._ray, error), "its node's logs may tell more")
            else:
                yield attempt, self.outcome(attempt.work, found)


def _fate(ray: Any, error: Exception) -> str:
    """How what ran a piece of work has ended, by what Ray says of it."""
    known = ray.exceptions
    if isinstance(error, known.OutOfMemoryError):
        return "Ray has ended its process, as its node was short of memory"
    if isinstance(error, known.NodeDiedError):
        return "its node is gone"
    if isinstance(error, known.WorkerCrashedError):
        return "its process was killed"
    return one_line(error.cause if isinstance(error, known.RayTaskError) else error)
