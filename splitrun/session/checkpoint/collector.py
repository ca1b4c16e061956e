"""Brings together what roles hand over at a checkpoint, and has it written off their threads."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from splitrun.events import Event, Executed
from splitrun.model import State, tensor_bytes
from splitrun.session.checkpoint.store import Checkpoint, Store
from splitrun.session.run_statistics import RunStatistics


class Collector:
    """Takes states in the roles' threads, and events and the order to write in another one.

    Roles go on at once. While a checkpoint is collected or written, none is taken after it, so that
    only one lies in memory.

    Args:
        roles: how many hand over their state.
        statistics: read as they are when the last role's checkpoint has been told of. No step
            beyond the checkpoint has been told of then: a bottom tells before it sends again, and
            the top waits for every bottom.
        data: digests of what is trained on.
    """

    def __init__(
        self, roles: int, statistics: RunStatistics, store: Store, data: Mapping[str, str]
    ) -> None:
        self._roles = roles
        self._statistics = statistics
        self._store = store
        self._data = data
        self._lock = threading.Lock()
        self._busy_with: int | None = None
        self._states: dict[str, State] = {}
        self._skipped: Counter[int] = Counter()
        """Roles that have come to a checkpoint that is not taken."""
        self._told: Counter[int] = Counter()
        self._ready: tuple[int, dict[str, Any]] | None = None
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
        """Take in one event, after the statistics has."""
        if isinstance(event, Executed) and event.op == "CHECKPOINT":
            self._told[event.step] += 1
            if self._told[event.step] == self._roles:
                del self._told[event.step]
                if event.step == self._busy_with:
                    self._ready = event.step, self._statistics.state()

    def write(self) -> None:
        """Write down the checkpoint, if it is complete.

        Raises:
            OSError: it could not be written.
        """
        if self._ready is None:
            return
        (step, statistics), self._ready = self._ready, None
        self._store.write(Checkpoint(step, self._states, statistics, self._data))
        with self._lock:
            self._states, self._busy_with = {}, None
