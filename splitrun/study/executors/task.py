"""A task: a function of a subject, for this process or another one.

Another process has the rows already. What crosses is the spec, in which the seed is, the models'
facts and a few arguments; back comes the result, or the error, and what was printed meanwhile.
"""

from __future__ import annotations

import io
import traceback
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from typing import Any, Concatenate, Generic, TypeVar

from splitrun.errors import RunFailed, SplitrunError, one_line
from splitrun.party import Parties
from splitrun.plan import RoleFacts
from splitrun.processes.control import Failure
from splitrun.spec import Spec
from splitrun.study.training import Recorder, Subject

K = TypeVar("K")
R = TypeVar("R")


@dataclass(frozen=True)
class Task(Generic[K, R]):
    """What is to be done."""

    key: K
    """By which whoever has asked for it knows its outcome."""
    name: str
    """In words: `stale:4 at seed 3`."""
    subject: Subject
    function: Callable[Concatenate[Subject, Recorder | None, ...], R]
    """Of a module; what it gives can be pickled."""
    arguments: tuple[Any, ...] = ()
    recorder: Recorder | None = None
    """Sees the training's events where that is in this process."""

    def run(self) -> Outcome[K, R]:
        """Do it here; errors that are no defects are in the outcome."""
        try:
            result = self.function(self.subject, self.recorder, *self.arguments)
        except SplitrunError as error:
            return self.outcome(error=error)
        return self.outcome(result)

    def outcome(self, value: R | None = None, error: SplitrunError | None = None) -> Outcome[K, R]:
        """What it came to; an error says of which task it is."""
        if error is not None:
            error.add_note(f"in the training of {self.name}")
        return Outcome(self.key, value, error)


@dataclass(frozen=True)
class Outcome(Generic[K, R]):
    """What a task came to."""

    key: K
    value: R | None = None
    error: SplitrunError | None = None

    def result(self) -> R:
        """What the function gave.

        Raises:
            SplitrunError: as the function did.
        """
        if self.error is not None:
            raise self.error
        return self.value  # type: ignore[return-value]


@dataclass(frozen=True)
class Request:
    """A task on its way to another process, which has its parties' rows."""

    name: str
    spec: Spec
    known: Mapping[str, RoleFacts] | None
    function: Callable[..., Any]
    arguments: tuple[Any, ...]

    @classmethod
    def of(cls, task: Task[Any, Any]) -> Request:
        """All of a task but rows."""
        subject = task.subject
        return cls(task.name, subject.spec, subject.known, task.function, task.arguments)

    def answer(self, parties: Parties) -> Answer:
        """Do it.

        Args:
            parties: with the rows of all that the spec has, under another spec of the same data.
        """
        spec, printed = self.spec, io.StringIO()
        members = {name: replace(parties.by_name[name], spec=spec) for name in spec.parties}
        subject = Subject(Parties(spec, members), self.known)
        value, failure = None, None
        with redirect_stdout(printed), redirect_stderr(printed):
            try:
                value = self.function(subject, None, *self.arguments)
            except RunFailed as error:
                failure = Failure.of(error)
            except Exception as error:  # noqa: BLE001 - raised where it was asked for
                failed = RunFailed(self.name, "its training", one_line(error))
                failed.stacks = traceback.format_exc()
                failure = Failure.of(failed)
        return Answer(value, failure, printed.getvalue())


@dataclass(frozen=True)
class Answer:
    """What a request came to, on its way back."""

    value: Any
    failure: Failure | None
    printed: str
    remark: str = ""
    """What is odd about where it was found, and may be said once."""

    def outcome(self, task: Task[K, Any]) -> Outcome[K, Any]:
        """Of this task."""
        return task.outcome(self.value, self.failure.error() if self.failure else None)
