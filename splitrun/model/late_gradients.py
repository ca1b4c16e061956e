"""What compensation rules have PyTorch do: optimizers that bear late gradients, by spikes and by a
long memory, and predictions of where optimizers are taking their weights. See `compensation`.

Operations are those that take all tensors at once: a bottom has a few small ones, and then a call
costs more than its arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from operator import mul
from typing import Any

import torch
from torch import Tensor

from splitrun.model.optimizers import LONG_MOMENTUM

LONGEST = 0.5
"""With SGD, a prediction moves a tensor by this multiple of its norm at most."""
SHORTEST = 1e-30
"""A direction counts as this long at least, for a length is divided by it."""
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


class Prediction:
    """Moves copies of weights on to where an optimizer is going.

    Args:
        optimizers: of the module; they are looked at whenever something is predicted.
        weights: what is predicted.
    """

    def __init__(
        self, optimizers: Iterable[torch.optim.Optimizer], weights: Sequence[Tensor]
    ) -> None:
        self._directions = [UpdateDirection(optimizer, weights) for optimizer in optimizers]

    @torch.no_grad()
    def __call__(self, copies: Sequence[Tensor], reach: float) -> None:
        """Move copies of the weights on; what was never updated stays as it is.

        Args:
            copies: of the weights, in their order; further ones are left alone.
            reach: the sum of the learning rates of the updates to come.
        """
        for direction in self._directions:
            direction.follow(copies, reach)


def keep_last_gradients(optimizer: torch.optim.Optimizer) -> None:
    """Keep what SGD without momentum has no other memory of, where checkpoints hold it, too."""
    for group in optimizer.param_groups:
        for weight in group["params"]:
            if weight.grad is not None and weight.grad.layout == torch.strided:
                optimizer.state[weight]["last_gradient"] = weight.grad


class UpdateDirection:
    """The direction of one optimizer's weights.

    Args:
        weights: in an order of the caller's; those of other optimizers are passed over.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, weights: Sequence[Tensor]) -> None:
        self._optimizer = optimizer
        self._weights = weights
        own = {weight for group in optimizer.param_groups for weight in group["params"]}
        self._most = len(own.intersection(weights))
        self._known: list[tuple[int, Mapping[str, Any]]] = []
        self._source: object = None

    def follow(self, copies: Sequence[Tensor], reach: float) -> None:
        """Move copies of the weights by `reach` times the direction that was taken last."""
        known = self._states()
        if not known:
            return
        moved = [copies[index] for index, _ in known]
        states = [state for _, state in known]
        if "exp_avg" in states[0]:
            _follow_adam(moved, states, self._optimizer.param_groups[0], reach)
        else:
            weights = [self._weights[index] for index, _ in known]
            _follow_sgd(moved, states, weights, reach)

    def _states(self) -> list[tuple[int, Mapping[str, Any]]]:
        """Of the weights that were updated; looked up until that is all of them."""
        table = self._optimizer.state
        if table is not self._source or len(self._known) < self._most:
            self._known = [
                (index, table[weight])
                for index, weight in enumerate(self._weights)
                if table.get(weight)
            ]
            self._source = table
        return self._known


def _follow_adam(
    copies: Sequence[Tensor],
    states: Sequence[Mapping[str, Any]],
    group: Mapping[str, Any],
    reach: float,
) -> None:
    """By m̂ / (√v̂ + ε). Weights that some batch did not reach are younger than others."""
    beta1, beta2 = group["betas"]
    ages = [int(state["step"].item()) for state in states]
    for age in dict.fromkeys(ages):
        alike = [index for index, each in enumerate(ages) if each == age]
        root = math.sqrt(1 - beta2**age)
        squares = [states[index]["exp_avg_sq"] for index in alike]
        lengths = torch._foreach_sqrt(squares)  # noqa: SLF001
        torch._foreach_add_(lengths, group["eps"] * root)
        torch._foreach_addcdiv_(
            [copies[index] for index in alike],
            [states[index]["exp_avg"] for index in alike],
            lengths,
            value=-reach * root / warmth(beta1, age, grows=group.get("grows", False)),
        )


def _follow_sgd(
    copies: list[Tensor],
    states: Sequence[Mapping[str, Any]],
    weights: list[Tensor],
    reach: float,
) -> None:
    """By the velocity or, without momentum, the last gradient; no further than `LONGEST`."""
    key = "momentum_buffer" if "momentum_buffer" in states[0] else "last_gradient"
    directions = [state[key] for state in states]
    lengths = _norms(directions).clamp_(min=SHORTEST)
    longest = _norms(weights).mul_(LONGEST)
    steps = longest.div_(lengths).clamp_(max=reach).neg_()
    torch._foreach_addcmul_(copies, directions, steps.unbind())


def _norms(tensors: list[Tensor]) -> Tensor:
    return torch.stack(torch._foreach_norm(tensors))  # noqa: SLF001
