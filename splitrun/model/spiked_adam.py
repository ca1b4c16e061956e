"""Adam that bears late gradients, by spikes and by a long memory: see `compensation`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from splitrun.model.momentum import long_beta, warmth


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
