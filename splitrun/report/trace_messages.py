"""The messages of a trace: which RECV took which, and how many travel and wait over time."""

from __future__ import annotations

import heapq
from collections import defaultdict, deque
from collections.abc import Iterator
from typing import NamedTuple, TypeVar

from splitrun.events import Executed, Sent


class MessageCount(NamedTuple):
    """Messages of a link that were sent and not yet received, from a moment on."""

    time: float
    travelling: int
    waiting: int
    """Arrived, and not yet received."""


class LinkTrace:
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

    def deliver(self, delivery: Delivery) -> Iterator[MessageCount]:
        """Take in a message that was received; gives the changes up to its sending."""
        sent, received = delivery
        heapq.heappush(self._changes, (max(sent.arrive, received.end), 0, -1))
        return self.leave(sent)

    def leave(self, sent: Sent) -> Iterator[MessageCount]:
        """Take in a message that is never received; gives the changes up to its sending."""
        heapq.heappush(self._changes, (sent.start, 1, 0))
        heapq.heappush(self._changes, (sent.arrive, -1, 1))
        return self._until(sent.start)

    def end(self) -> Iterator[MessageCount]:
        """All changes that are left."""
        while self._changes:
            yield from self._until(self._changes[0][0])

    def forget(self) -> None:
        """Messages are missing: start again with none in flight."""
        self._changes.clear()
        self._travelling = self._waiting = 0

    def _until(self, time: float) -> Iterator[MessageCount]:
        while self._changes and (now := self._changes[0][0]) <= time:
            while self._changes and self._changes[0][0] == now:
                _, travelling, waiting = heapq.heappop(self._changes)
                self._travelling += travelling
                self._waiting += waiting
            yield MessageCount(now, self._travelling, self._waiting)


_MOST_RACING = 64
"""RECVs of a channel whose message may be told later than they are."""

_Slice = tuple[str, int, int]
_E = TypeVar("_E", Sent, Executed)


class Delivery(NamedTuple):
    """A message and the RECV that took it."""

    sent: Sent
    received: Executed


class Matcher:
    """Pairs messages with the RECVs that took them.

    Channels keep the order of sending. Threads race to tell of what they did: of a message and its
    RECV either may come first.
    """

    def __init__(self) -> None:
        self._sent: dict[str, deque[Sent]] = defaultdict(deque)
        self._received: dict[str, deque[Executed]] = defaultdict(lambda: deque(maxlen=_MOST_RACING))

    def send(self, sent: Sent) -> Delivery | None:
        """Take in a message; gives its delivery if that is complete."""
        early = self._received[sent.channel]
        while early and early[0].end < sent.start:
            early.popleft()
        received = _taken(early, _slice(sent))
        if received is None:
            self._sent[sent.channel].append(sent)
            return None
        return Delivery(sent, received)

    def receive(self, received: Executed) -> Delivery | None:
        """Take in a RECV; gives the delivery if that is complete."""
        channel = f"{received.peer}->{received.role}"
        sent = _taken(self._sent[channel], _slice(received))
        if sent is None:
            self._received[channel].append(received)
            return None
        return Delivery(sent, received)

    def under_way(self) -> list[Sent]:
        """Messages that no RECV has taken yet, those of one channel in the order of sending."""
        return [sent for queue in self._sent.values() for sent in queue]

    def forget(self) -> None:
        """Forget all that is under way: events are missing."""
        self._sent.clear()
        self._received.clear()


def _slice(event: Sent | Executed) -> _Slice:
    return event.phase, event.step, event.micro


def _taken(queue: deque[_E], part: _Slice) -> _E | None:
    """The first of a slice, taken out with all before it, whose counterparts were not told."""
    if not any(_slice(event) == part for event in queue):
        return None
    while _slice(event := queue.popleft()) != part:
        pass
    return event
