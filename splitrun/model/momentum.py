"""Adam's mean of gradients with a memory that grows with the run: see `compensation`."""

from __future__ import annotations

from functools import lru_cache
from itertools import accumulate
from operator import mul

LONG = 0.99
"""How long the memory becomes."""
SHORTEST_PART = 5
"""It reaches back over this part of the updates so far, a fifth, unless it was longer before."""
_WARM = 2_000
"""Gradients after which β₁ is the same from one to the next."""


def long_beta(beta: float, age: int) -> float:
    """β₁ for the gradient of this number, from 1."""
    return max(beta, min(LONG, 1 - SHORTEST_PART / age))


def warmth(beta: float, age: int, *, grows: bool) -> float:
    """What a mean of so many gradients, which began at 0, is of what it should be."""
    if not grows:
        return float(1 - beta**age)
    if age <= _WARM:
        return 1 - _forgotten(beta)[age - 1]
    return 1 - _forgotten(beta)[-1] * long_beta(beta, age) ** (age - _WARM)


@lru_cache
def _forgotten(beta: float) -> tuple[float, ...]:
    return tuple(accumulate((long_beta(beta, age) for age in range(1, _WARM + 1)), mul))
