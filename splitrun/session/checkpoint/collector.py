"""Brings together what roles hand over at a checkpoint, and has it written off their threads."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any

from splitrun.events import Event, Executed
from splitrun.model import State
from splitrun.session.checkpoint.store import Checkpoint, Store
from splitrun.session.ledger import Ledger


class Collector:
    """Takes states in the roles' threads, and events and the order to write in another one.

    Roles go on at once. Where checkpoints come faster than they can be written, only the newest is:
    never more than three lie in memory.

    Args:
        roles: how many hand over their state.
        ledger: read as it is when the last role's checkpoint has been told of. No step beyond the
            checkpoint has been told of then: a bottom tells before it sends again, and the top
            waits for every bottom.
        data: digests of what is trained on.
    """

    def __init__(self, roles: int, ledger: Ledger, store: Store, data: Mapping[str, str]) -> None:
        self._roles = roles
        self._ledger = ledger
        self._store = store
        self._data = data
        self._lock = threading.Lock()
        self._states: dict[int, dict[str, State]] = {}
        self._told: Counter[int] = Counter()
        self._ready: tuple[int, dict[str, Any]] | None = None

    def collect(self, role: str, step: int, state: State) -> None:
        """Take a role's state; called in its thread."""
        with self._lock:
            states = self._states.setdefault(step, {})
            states[role] = state
            if len(states) == self._roles:
                for older in [each for each in self._states if each < step]:
                    del self._states[older]

    def __call__(self, event: Event) -> None:
        """Take in one event, after the ledger has."""
        if isinstance(event, Executed) and event.op == "CHECKPOINT":
            self._told[event.step] += 1
            if self._told[event.step] == self._roles:
                del self._told[event.step]
                self._ready = event.step, self._ledger.state()

    def write(self) -> None:
        """Write down the newest checkpoint that is complete, if it has not been.

        Raises:
            OSError: it could not be written.
        """
        if self._ready is None:
            return
        (step, books), self._ready = self._ready, None
        with self._lock:
            states = self._states.pop(step, None)
        if states is not None:
            self._store.write(Checkpoint(step, states, books, self._data))
