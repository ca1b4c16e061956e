"""Documents of several parts."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

MOST_PART_BYTES = 4 << 20

_In = TypeVar("_In")
_Out = TypeVar("_Out")


@dataclass(frozen=True)
class Document:
    """What is sent part by part."""

    parts: int
    """How many there are; at least one."""
    content: Iterator[bytes]
    """Each of them, made when it is taken; none is longer than `MOST_PART_BYTES`."""

    @classmethod
    def of(cls, content: bytes) -> Document:
        """One that is all there."""
        starts = range(0, max(1, len(content)), MOST_PART_BYTES)
        return cls(len(starts), (content[it : it + MOST_PART_BYTES] for it in starts))


def in_parallel(function: Callable[[_In], _Out], inputs: Iterable[_In]) -> Iterator[_Out]:
    """What a function that leaves Python's lock makes of each, in order, a few of them ahead."""
    workers = os.cpu_count() or 1
    rest = iter(inputs)
    with ThreadPoolExecutor(workers) as pool:
        running: deque[Future[_Out]] = deque()
        try:
            running.extend(pool.submit(function, each) for each in islice(rest, 2 * workers))
            while running:
                made = running.popleft().result()
                running.extend(pool.submit(function, each) for each in islice(rest, 1))
                yield made
        finally:
            for each in running:
                each.cancel()
