"""Where optimizers are taking their weights, so that forwards can be run there: see `compensation`.

Operations are those that take all tensors at once: a bottom has a few small ones, and then a call
costs more than its arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from splitrun.model.spiked import warmth

LONGEST = 0.5
"""With SGD, a prediction moves a tensor by this multiple of its norm at most."""
SHORTEST = 1e-30
"""A direction counts as this long at least, for a length is divided by it."""


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
