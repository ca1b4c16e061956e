"""A party's roles in another process, as the one that has started it sees them."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from contextlib import suppress

from splitrun import usage
from splitrun.model import State
from splitrun.processes.control import (
    Decided,
    Dial,
    Due,
    Ended,
    Fired,
    Go,
    Listening,
    News,
    Reached,
    Ready,
    Stacks,
    Stop,
)
from splitrun.processes.files import read_state
from splitrun.processes.process import PartyProcess
from splitrun.runtime import Job, Observer, RoleStatus


class StartedParty:
    """One of those that stand and fall together.

    Args:
        roles: the party's, by name.
        process: that runs them.
        moved: set when something has changed that is waited for.
    """

    def __init__(
        self,
        name: str,
        roles: Sequence[str],
        process: PartyProcess,
        moved: threading.Event,
    ) -> None:
        self.name, self.roles = name, roles
        self.statuses = {role: RoleStatus(role) for role in roles}
        self.ended: Ended | None = None
        """What it told last."""
        self.error: Exception | None = None
        """What somebody raised who was told of it."""
        self.stacks = ""
        self.has_told_stacks = threading.Event()
        self.listens_at = ""
        """Where others find the label holder, once it listens."""
        self.is_ready = False
        self.is_gone = False
        """Nothing comes from it any more."""
        self.process = process
        self._moved = moved
        self._due: dict[str, int] = {}
        """By role, the file of a state that was asked for."""

    def read(self, job: Job, observer: Observer) -> None:
        """Take in all that it tells, to its end; in a thread of its own."""
        try:
            while True:
                self._take(job, observer)
        except (EOFError, OSError):
            pass
        except Exception as error:  # noqa: BLE001 - raised by who looks on
            self.error = error
        usage.forget(self.process.number)
        self.has_told_stacks.set()
        self.is_gone = True
        self._moved.set()

    def _take(self, job: Job, observer: Observer) -> None:
        """What it tells next."""
        match self.process.hear():
            case Listening(address=address):
                self.listens_at = address
                self._moved.set()
            case Ready():
                self.is_ready = True
                self._moved.set()
            case News() as news:
                self._enter(news, observer)
            case Reached(role=role, step=step):
                self._hand_over(role, step, job, observer)
            case Due(role=role, files=(file,)):
                self._due[role] = file
            case Fired(index=index, role=role, instruction=instruction) if job.faults is not None:
                job.faults.on_fire(index, role, instruction)
            case Stacks(text=text):
                self.stacks = f"{self.name}\n{text}"
                self.has_told_stacks.set()
            case Ended() as ended:
                self.ended = ended

    def _enter(self, news: News, observer: Observer) -> None:
        for event in news.events:
            observer.emit(event)
        if news.usage is not None:
            usage.note(self.process.number, news.usage)
        self.statuses |= {status.role: status for status in news.statuses}
        if news.printed:
            sys.stdout.write(news.printed)

    def _hand_over(self, role: str, step: int, job: Job, observer: Observer) -> None:
        """A role has come to a checkpoint: ask for its state, if it is wanted."""
        asked = False

        def ask() -> State:
            nonlocal asked
            asked = True
            self.tell(Decided(role, wanted=True))
            while role not in self._due:
                self._take(job, observer)
            return read_state(self._due.pop(role))

        if observer.collect is not None:
            observer.collect(role, step, ask)
        if not asked:
            self.tell(Decided(role, wanted=False))

    def tell(self, message: Dial | Go | Stop | Decided) -> None:
        """Say something to it, if it is still there."""
        with suppress(OSError):
            self.process.tell(message)
