"""A link over time: how many messages travel and wait, and which lie side by side."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import NamedTuple

from splitrun.events import Sent
from splitrun.telemetry.messages import Delivery


class InFlight(NamedTuple):
    """Messages of a link that were sent and not yet received, from a moment on."""

    time: float
    travelling: int
    waiting: int
    """Arrived, and not yet received."""


class Link:
    """Follows the messages of one link, given in the order of sending."""

    def __init__(self) -> None:
        self._ends: list[float] = []
        self._changes: list[tuple[float, int, int]] = []
        self._travelling = self._waiting = 0

    def lane(self, sent: Sent) -> tuple[int, bool]:
        """The first lane that is free while a message travels, and whether it is a new one."""
        for lane, end in enumerate(self._ends):
            if end <= sent.start:
                self._ends[lane] = sent.arrive
                return lane, False
        self._ends.append(sent.arrive)
        return len(self._ends) - 1, True

    def deliver(self, delivery: Delivery) -> Iterator[InFlight]:
        """Take in a message that was received; gives the changes up to its sending."""
        sent, received = delivery
        heapq.heappush(self._changes, (max(sent.arrive, received.end), 0, -1))
        return self.leave(sent)

    def leave(self, sent: Sent) -> Iterator[InFlight]:
        """Take in a message that is never received; gives the changes up to its sending."""
        heapq.heappush(self._changes, (sent.start, 1, 0))
        heapq.heappush(self._changes, (sent.arrive, -1, 1))
        return self._until(sent.start)

    def end(self) -> Iterator[InFlight]:
        """All changes that are left."""
        while self._changes:
            yield from self._until(self._changes[0][0])

    def forget(self) -> None:
        """Messages are missing: start again with none in flight."""
        self._changes.clear()
        self._travelling = self._waiting = 0

    def _until(self, time: float) -> Iterator[InFlight]:
        while self._changes and (now := self._changes[0][0]) <= time:
            while self._changes and self._changes[0][0] == now:
                _, travelling, waiting = heapq.heappop(self._changes)
                self._travelling += travelling
                self._waiting += waiting
            yield InFlight(now, self._travelling, self._waiting)
