"""Random numbers inside a model's forward, the same whenever and wherever it runs.

The generators that dropout and its like draw from are global to the process: two roles that drew
from them in two threads would get other numbers in every run. So a model that may draw runs its
forward under one lock, on generators seeded for just that forward; its backward likewise, if it
draws or runs forwards again. Whether it does, nothing but its code tells, so that every class of a
user's counts as one that may. A backward that begins to draw later is noticed (`Untouched`).
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from splitrun.seeds import derive_seed

_generators = threading.Lock()
_seedings = 0
"""How often they have been seeded here."""


@contextmanager
def seeded(*stream: str | int) -> Iterator[None]:
    """Hold the process's generators (PyTorch, NumPy, Python), seeded for this stream."""
    global _seedings
    seed = derive_seed(*stream)
    with _generators:
        _seedings += 1
        torch.default_generator.manual_seed(seed)
        np.random.seed(seed % 2**32)
        random.seed(seed)
        yield


@contextmanager
def seeded_apart(*stream: str | int) -> Iterator[None]:
    """Like `seeded`, and the generators go on afterwards as if nothing had been drawn."""
    before = _states()
    try:
        with seeded(*stream):
            yield
    finally:
        _restore(before)


class Untouched:
    """Tells whether PyTorch's generator stays as it is while nobody has seeded it here."""

    __slots__ = ("_known", "_seedings", "_state")

    def __init__(self) -> None:
        self._known = not _generators.locked()
        self._seedings = _seedings
        self._state = torch.default_generator.get_state()

    def is_touched(self) -> bool:
        """Whether somebody has drawn meanwhile; False where others were allowed to."""
        if not self._known or _generators.locked() or self._seedings != _seedings:
            return False
        return not torch.equal(self._state, torch.default_generator.get_state())


def draws_random(action: Callable[[], object]) -> bool:
    """Whether an action draws from the process's generators, which are then put back."""
    with _generators:
        before = _states()
        action()
        after = _states()
        _restore(before)
    return (
        not torch.equal(before[0], after[0])
        or not np.array_equal(before[1][1], after[1][1])
        or before[1][2:] != after[1][2:]
        or before[2] != after[2]
    )


def _restore(states: tuple[torch.Tensor, Any, Any]) -> None:
    torch.set_rng_state(states[0])
    np.random.set_state(states[1])
    random.setstate(states[2])


def _states() -> tuple[torch.Tensor, Any, Any]:
    return torch.get_rng_state(), np.random.get_state(legacy=True), random.getstate()
