"""Optimizers that bear late gradients, by spikes and by a long momentum: see `compensation`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import accumulate
from operator import mul
from typing import Any

import torch
from torch import Tensor

from splitrun.model.optimizers import LONG_MOMENTUM

SHORTEST_PART = 5
"""It reaches back over this part of the updates so far, a fifth, unless it was longer before."""
_WARM = 2_000
"""Gradients after which β₁ is the same from one to the next."""


def long_beta(beta: float, age: int) -> float:
    """β₁ for the gradient of this number, from 1."""
    return max(beta, min(LONG_MOMENTUM, 1 - SHORTEST_PART / age))


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


class SpikedSgd(torch.optim.SGD):
    """SGD with momentum and spike compensation.

    Args:
        staleness: of the gradient that an update applies, by the number of the update.
        options: those of `torch.optim.SGD`; without Nesterov's momentum.
    """

    def __init__(
        self, parameters: Iterable[Tensor], staleness: Callable[[int], int], **options: Any
    ) -> None:
        super().__init__(parameters, **options)
        self._staleness = staleness
        self.param_groups[0]["updates"] = 0

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # noqa: ARG002
        """Apply the gradients."""
        group = self.param_groups[0]
        weights = [weight for weight in group["params"] if weight.grad is not None]
        momentum, decay, lr = group["momentum"], group["weight_decay"], group["lr"]
        staleness = self._staleness(group["updates"])
        group["updates"] += 1
        if not weights:
            return
        gradients = [weight.grad for weight in weights]
        if decay:
            both = zip(gradients, weights, strict=True)
            gradients = [gradient.add(weight, alpha=decay) for gradient, weight in both]
        velocities = [self._velocity(weight) for weight in weights]
        torch._foreach_mul_(velocities, momentum)
        torch._foreach_add_(velocities, gradients)
        torch._foreach_add_(weights, velocities, alpha=-lr * momentum**staleness)
        if staleness:
            spike = (1 - momentum**staleness) / (1 - momentum)
            torch._foreach_add_(weights, gradients, alpha=-lr * spike)

    def _velocity(self, weight: Tensor) -> Tensor:
        state = self.state[weight]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(weight)
        velocity: Tensor = state["momentum_buffer"]
        return velocity


class SpikedAdam(torch.optim.Adam):
    """Adam, or AdamW, with spikes or a long momentum; its state is that of `torch.optim.Adam`.

    Args:
        staleness: of the gradient that an update applies, by the number of the update; a spike
            makes up for it.
        grows: the momentum.
        decoupled: weight decay as AdamW's.
        options: those of `torch.optim.Adam` for dense gradients, but for `fused`.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        staleness: Callable[[int], int],
        *,
        grows: bool = False,
        decoupled: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(parameters, **options)
        self._staleness = staleness
        self._decoupled = decoupled
        self.param_groups[0] |= {"updates": 0, "grows": grows}

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # noqa: ARG002
        """Apply the gradients."""
        group = self.param_groups[0]
        staleness = self._staleness(group["updates"])
        group["updates"] += 1
        by_age: dict[int, list[Tensor]] = {}
        for weight in group["params"]:
            if weight.grad is not None:
                age = self._grow_older(weight)
                by_age.setdefault(age, []).append(weight)
        for age, weights in by_age.items():
            self._move(weights, age, staleness)

    def _grow_older(self, weight: Tensor) -> int:
        state = self.state[weight]
        if not state:
            state["step"] = torch.tensor(0.0)
            state["exp_avg"] = torch.zeros_like(weight)
            state["exp_avg_sq"] = torch.zeros_like(weight)
        state["step"] += 1
        return int(state["step"].item())

    def _move(self, weights: list[Tensor], age: int, staleness: int) -> None:
        """Update weights of one age."""
        group = self.param_groups[0]
        (beta1, beta2), lr, decay = group["betas"], group["lr"], group["weight_decay"]
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        warm = warmth(beta1, age, grows=group["grows"])
        if group["grows"]:
            beta1 = long_beta(beta1, age)
        share = beta1**staleness
        if decay and self._decoupled:
            torch._foreach_mul_(weights, 1 - lr * decay)
        elif decay:
            both = zip(gradients, weights, strict=True)
            gradients = [gradient.add(weight, alpha=decay) for gradient, weight in both]
        means = [self.state[weight]["exp_avg"] for weight in weights]
        squares = [self.state[weight]["exp_avg_sq"] for weight in weights]
        torch._foreach_lerp_(means, gradients, 1 - beta1)
        torch._foreach_mul_(squares, beta2)
        torch._foreach_addcmul_(squares, gradients, gradients, 1 - beta2)
        root = math.sqrt(1 - beta2**age)
        lengths = torch._foreach_sqrt(squares)  # noqa: SLF001
        torch._foreach_add_(lengths, group["eps"] * root)
        torch._foreach_addcdiv_(weights, means, lengths, value=-lr * root * share / warm)
        if share < 1:
            torch._foreach_addcdiv_(weights, gradients, lengths, value=-lr * root * (1 - share))
