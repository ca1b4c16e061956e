"""What ties the attempts of a run together: its statistics, its checkpoints, their list."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from splitrun.errors import RunDirectoryError, one_line
from splitrun.events import Event, Executed
from splitrun.model import Stage, State, tensor_bytes
from splitrun.records.run import Invocation, Manifest, resume_command
from splitrun.runtime import Collect, Found, StartPoint
from splitrun.session.checkpoint import Checkpoint, Store
from splitrun.session.prepare import Experiment, named_classes
from splitrun.session.resume import Resume
from splitrun.session.run_directory import (
    AttemptRecords,
    RunDirectory,
    attempts_of,
    begun,
    closed,
    put_aside,
)
from splitrun.session.run_statistics import RunStatistics

_MISFIT = (KeyError, IndexError, ValueError, TypeError, AttributeError, RuntimeError)
"""What modules and optimizers raise when they are given another's state."""


class AttemptState:
    """One attempt of a run: where it begins, and what the next one would begin with.

    Raises:
        RunDirectoryError: another process has gone on with the run meanwhile.
    """

    def __init__(
        self,
        experiment: Experiment,
        directory: RunDirectory,
        resume: Resume | None,
        asked: Invocation,
    ) -> None:
        self._directory = directory
        self._checkpoint = resume.checkpoint if resume else None
        self.first_step = self._checkpoint.step if self._checkpoint else 0
        self.statistics = read_statistics(self._checkpoint, directory.path)
        section = experiment.document.spec.checkpoint
        self.names_classes = bool(named_classes(experiment.document.spec))
        """So that it runs with `--allow-code` alone."""
        digests = {party.name: party.data.digests for party in experiment.parties}
        self._store = Store(directory.checkpoints, digests, section.keep if section else 1)
        self._collector: Collector | None = None
        if section:
            roles = sum(role.party in digests for role in experiment.plan.roles)
            self._collector = Collector(roles, self.statistics, self._store, digests)
        changes = resume.changes if resume else ()
        self.attempts = begun(self._earlier(resume), self.first_step, changes, asked)

    def _earlier(self, resume: Resume | None) -> AttemptRecords:
        if resume is None:
            return ()
        attempts = attempts_of(self._directory)
        if len(attempts) != resume.attempts:
            message = f"{self._directory.path}: another process has gone on with it meanwhile"
            raise RunDirectoryError(f"{message}; see how far it came, and try again")
        try:
            put_aside(self._directory, len(attempts), self.statistics.history)
            self._store.clean(self.first_step)
        except OSError as error:
            where = error.filename2 or error.filename or self._directory.path
            message = f"{where}: cannot be written or removed"
            reason = error.strerror or one_line(error)
            raise RunDirectoryError(
                f"{message}: {reason}; make room, or make it writable"
            ) from error
        return attempts

    def begin(self, stages: Mapping[str, Stage]) -> StartPoint:
        """Give the stages, by role name, the state of the checkpoint; where the programs begin.

        Raises:
            RunDirectoryError: the checkpoint is one of other models.
        """
        if self._checkpoint is None:
            return StartPoint()
        return restore(self._checkpoint, stages, self._directory.path)

    @property
    def collect(self) -> Collect | None:
        """Takes what roles hand over at a checkpoint, where there are checkpoints."""
        return self._collector.collect if self._collector else None

    def take_all(self, events: Sequence[Event]) -> None:
        """Enter events, in their order."""
        if self._collector is None:
            self.statistics.take_all(events)
            return
        for event in events:
            self.statistics(event)
            self._collector(event)

    @property
    def copied_bytes(self) -> Mapping[str, int]:
        """What roles handed over for a checkpoint, by role; none where there was none."""
        return self._collector.copied_bytes if self._collector else {}

    def write(self) -> None:
        """Write a checkpoint down, if one is due.

        Raises:
            OSError: it could not be written.
        """
        if self._collector is not None:
            self._collector.write()

    def discard(self, sound_until: int) -> str:
        """Only the first so many steps are known to be right: keep no checkpoint of later ones, and
        write none any more; gives what the user should know of that, if there were any."""
        self._collector = None
        try:
            first = self._store.clean(sound_until)
        except OSError as error:
            left = f"checkpoints of steps after {sound_until} may be wrong and cannot be removed"
            return f"{left}: {one_line(error)}; remove them before the run is resumed"
        if first is None:
            return ""
        return f"checkpoints from step {first} on were removed, for they may be wrong"

    def close(self, manifest: Manifest, status: str, message: str) -> Manifest:
        """The attempt has ended; what the manifest is to say."""
        self.attempts = closed(self.attempts, status, message)
        end = self.attempts[-1].ended
        return replace(manifest, attempts=self.attempts, status=status, message=message, ended=end)

    def remedy(self) -> str:
        """How to go on with a run that ended before it was done; empty if one cannot."""
        command = resume_command(self._directory.path, allow_code=self.names_classes)
        return f"go on from its last checkpoint: {command}" if command else ""


class Collector:
    """Brings together what roles hand over at a checkpoint, and has it written off their threads.

    It takes states in the roles' threads, and events and the order to write in another one. Roles
    go on at once. While a checkpoint is collected or written, none is taken after it, so that only
    one lies in memory.

    Args:
        roles: how many hand over their state.
        statistics: a checkpoint has each role's part as it is when the role's CHECKPOINT has been
            told of, whatever other roles have told by then.
        data: by party, digests of what is trained on.
    """

    def __init__(
        self,
        roles: int,
        statistics: RunStatistics,
        store: Store,
        data: Mapping[str, Mapping[str, str]],
    ) -> None:
        self._roles = roles
        self._statistics = statistics
        self._store = store
        self._data = data
        self._lock = threading.Lock()
        self._busy_with: int | None = None
        self._states: dict[str, State] = {}
        self._parts: dict[str, dict[str, Any]] = {}
        """Of the statistics, by role."""
        self._skipped: Counter[int] = Counter()
        """Roles that have come to a checkpoint that is not taken."""
        self.copied_bytes: dict[str, int] = {}
        """Of one checkpoint, by role."""

    def collect(self, role: str, step: int, copy: Callable[[], State]) -> None:
        """Take a copy of a role's state, if the checkpoint is taken; called in its thread."""
        if self._takes(step):
            self._states[role] = state = copy()
            self.copied_bytes[role] = tensor_bytes(state)

    def _takes(self, step: int) -> bool:
        """Whether the checkpoint is taken: the first role to come to it decides for all."""
        with self._lock:
            if self._busy_with is None and step not in self._skipped:
                self._busy_with = step
            if self._busy_with == step:
                return True
            self._skipped[step] += 1
            if self._skipped[step] == self._roles:
                del self._skipped[step]
            return False

    def __call__(self, event: Event) -> None:
        """Take in one event, after the statistics have."""
        if not isinstance(event, Executed) or event.op != "CHECKPOINT":
            return
        if event.step == self._busy_with:
            self._parts[event.role] = self._statistics.state(event.role)

    def write(self) -> None:
        """Write down the checkpoint, if it is complete.

        Raises:
            OSError: it could not be written.
        """
        if self._busy_with is None or len(self._parts) < self._roles:
            return
        parts, self._parts = self._parts, {}
        self._store.write(Checkpoint(self._busy_with, self._states, parts, self._data))
        with self._lock:
            self._states, self._busy_with = {}, None


def read_statistics(checkpoint: Checkpoint | None, path: Path) -> RunStatistics:
    """The statistics of a checkpoint, or new ones.

    Raises:
        RunDirectoryError: they are none, in the run at `path`.
    """
    if checkpoint is None:
        return RunStatistics()
    try:
        return RunStatistics.of(checkpoint.statistics)
    except ValueError as error:
        message = f"{path}: the checkpoint's statistics are damaged: {one_line(error)}"
        raise RunDirectoryError(f"{message}; train anew") from error


def restore(checkpoint: Checkpoint, stages: Mapping[str, Stage], path: Path) -> StartPoint:
    """Give the stages, by role name, the state of a checkpoint; where the programs begin.

    The states are theirs from then on: the checkpoint has none any more, and their memory is free.

    Raises:
        RunDirectoryError: the checkpoint, of the run at `path`, is one of other models.
    """
    start, role = StartPoint(checkpoint.step), ""
    try:
        for role, stage in stages.items():
            state = checkpoint.roles.pop(role)
            stage.restore(state, checkpoint.step)
            if odd := stage.odd_value():
                message = f"{path}: the checkpoint of step {checkpoint.step} is damaged"
                remedy = "remove it to go on from one before it, or train anew"
                raise RunDirectoryError(f"{message}: {role}'s {odd} is not finite; {remedy}")
            if "epoch_loss" in state:  # the top's
                found = Found(**state.get("found", {}))
                start = StartPoint(checkpoint.step, float(state["epoch_loss"]), found)
        return start
    except _MISFIT as error:
        message = f"{path}: the checkpoint does not fit {role}: {one_line(error)}"
        remedy = "restore the code of its model, or train anew"
        raise RunDirectoryError(f"{message}; {remedy}") from error
