"""What a bottom does about gradients that come late: small rules on its optimizer's state.

The gradient of batch t is taken at the weights of the batch's forward and applied D updates later.
D is its staleness: depth - 1 once the pipeline is full, fewer in the fill after a drain. η is the
learning rate, η_k that of update k, w the weights, g a gradient, m SGD's momentum, v its velocity.

`weight_prediction`: forward and backward of batch t run at the weights that its gradient is to be
applied to, as far as they can be foreseen (SpecTrain: Chen, Yang and Cheng 2018; with Adam, XPipe:
Guan, Yin, Li and Lu 2019),

    ŵ = w - (η_{t-D} + … + η_{t-1}) · u

where u is the direction that the optimizer took last: m̂ / (√v̂ + ε) of Adam and AdamW, the velocity
of SGD with momentum, the last gradient of SGD without. Weight decay that is not in these is left
out. Adam's u is bounded by itself; with SGD no tensor is moved by more than half its norm.
Embedding tables and frozen weights are not predicted, since versions of a table would be copies.

`spike`: SGD with momentum gives a late gradient at once what it missed of the velocity (Kosson,
Chiley, Venigalla, Hestness and Köster 2021, "Pipelined Backpropagation at Scale"),

    v ← m·v + g        w ← w - η · (m^D · v + (1 - m^D) / (1 - m) · g)

and for Adam and AdamW, with the mean m of its gradients in the place of the velocity, likewise

    w ← w - η · (β₁^D · m̂ + (1 - β₁^D) · g) / (√v̂ + ε)

`long_momentum`: the mean or the velocity reaches back a hundred updates, beside which a delay is
short (a β of 0.99, as Ajanthan, Ramasinghe, Zuo, Avraham and Long 2025 use it with Nesterov's
method). Adam's comes to it gradually, so that a young run is not held back by its first
gradients: at update t, from 1,

    β₁ ← max(β₁, min(0.99, 1 - 5/t)),

with m̂ corrected by the product of the β₁ until then. SGD has m ← max(m, 0.99) from the start, at
the same η / (1 - m).

`discount`: the learning rate is divided by the delay, and by ever less of it over the first quarter
of the run's T updates (T1 of PipeMare: Yang, Zhang, Li, Ré, Aberger and De Sa 2021),

    η_t ← η_t / max(1, D)^(1 - min(1, t / (T/4)))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from splitrun.model.momentum import LONG
from splitrun.model.update_direction import UpdateDirection
from splitrun.spec.model import Sgd


def discount(staleness: int, update: int, updates: int) -> float:
    """What update number `update` (from 0) of so many is multiplied by."""
    return float(max(1, staleness) ** (min(1.0, 4 * update / updates) - 1))


def lengthened(optimizer: Sgd) -> Sgd:
    """With a long momentum."""
    if optimizer.momentum >= LONG:
        return optimizer
    lr = optimizer.lr * (1 - LONG) / (1 - optimizer.momentum)
    return optimizer.model_copy(update={"momentum": LONG, "lr": lr})


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


def keep_last_gradients(optimizer: torch.optim.Optimizer) -> None:
    """Keep what SGD without momentum has no other memory of, where checkpoints hold it, too."""
    for group in optimizer.param_groups:
        for weight in group["params"]:
            if weight.grad is not None and weight.grad.layout == torch.strided:
                optimizer.state[weight]["last_gradient"] = weight.grad


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
        for course in self._directions:
            course.follow(copies, reach)
