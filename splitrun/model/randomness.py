"""Random numbers inside a model's forward, the same whenever and wherever it runs.

The generators that dropout and its like draw from are global to the process: two roles that drew
from them in two threads would get other numbers in every run. So a model that draws runs its
forward under one lock, on generators seeded for just that forward.
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


@contextmanager
def seeded(*stream: str | int) -> Iterator[None]:
    """Hold the process's generators (PyTorch, NumPy, Python), seeded for this stream."""
    seed = derive_seed(*stream)
    with _generators:
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
