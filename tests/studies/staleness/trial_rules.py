"""Rules under trial that are not shipped, each a bottom of its own kind.

w is the weights that a gradient is applied to, w' those that it was taken at, D its staleness.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from splitrun.model import BottomStage, Tensors
from splitrun.model.late_gradients import Prediction, SpikedAdam, SpikedSgd
from splitrun.model.stage import Key
from splitrun.model.state import as_tensors


class Remembering(BottomStage):
    """Knows, at a backward, the weights of its forward."""

    def __init__(self, *options: Any) -> None:
        super().__init__(*options)
        self.weights = list(self.module.parameters())
        self._then: dict[Key, list[Tensor]] = {}

    def forward(self, key: Key, inputs: Tensors) -> Tensors:
        self._then[key] = [weight.detach().clone() for weight in self.weights]
        return super().forward(key, inputs)

    def backward(self, key: Key, gradients: Tensors) -> None:
        super().backward(key, gradients)
        with torch.no_grad():
            for index, (weight, then) in enumerate(
                zip(self.weights, self._then.pop(key), strict=True)
            ):
                if weight.grad is not None:
                    self.correct(index, weight.grad, weight - then)

    def correct(self, index: int, gradient: Tensor, moved: Tensor) -> None:
        """Change a gradient in place; `moved` is w - w'."""
        raise NotImplementedError


class DelayCompensated(Remembering):
    """DC-ASGD-a (Zheng et al. 2017): g + λ·g²·(w - w') / √(s + ε), s a running mean of g²; λ = 2,
    0.95 and ε = 1e-7 are the paper's."""

    def __init__(self, *options: Any) -> None:
        super().__init__(*options)
        self._squares = [torch.zeros_like(weight) for weight in self.weights]

    def correct(self, index: int, gradient: Tensor, moved: Tensor) -> None:
        square = self._squares[index].lerp_(gradient.square(), 0.05)
        gradient.addcdiv_(2 * gradient.square() * moved, square.add(1e-7).sqrt())


class GapAware(Remembering):
    """Gap-aware (Barkai, Hakimi and Schuster 2020), by tensors: g / (1 + |w - w'| / C), where C is
    a running mean of the length of one step, so that a gap of D steps divides by 1 + D at most."""

    def __init__(self, *options: Any) -> None:
        super().__init__(*options)
        self._lengths = [0.0] * len(self.weights)
        self._count = 0

    def correct(self, index: int, gradient: Tensor, moved: Tensor) -> None:
        if self._lengths[index]:
            gradient.div_(1 + moved.norm().item() / self._lengths[index])

    def update(self) -> None:
        before = [weight.detach().clone() for weight in self.weights]
        super().update()
        self._count += 1
        rate = max(0.02, 1 / self._count)
        for index, (weight, then) in enumerate(zip(self.weights, before, strict=True)):
            length = (weight.detach() - then).norm().item()
            self._lengths[index] += rate * (length - self._lengths[index])


class Recomputing(BottomStage):
    """Runs the forward again at w when the gradient of its cut has come, and goes backward there.

    It costs a second forward, and the cut that the top saw stays that of w'."""

    def __init__(self, *options: Any) -> None:
        super().__init__(*options)
        self._inputs: dict[Key, Tensors] = {}

    def forward(self, key: Key, inputs: Tensors) -> Tensors:
        self._inputs[key] = inputs
        return super().forward(key, inputs)

    def backward(self, key: Key, gradients: Tensors) -> None:
        _, version = self._in_flight.pop(key)
        self._versions.release(version)
        torch.autograd.backward(as_tensors(self.module(*self._inputs.pop(key))), gradients)


class Extrapolating(BottomStage):
    """Forward and backward run at w + (w - w of D updates ago): whatever the optimizer, the weights
    are foreseen to go on as they have gone."""

    def __init__(self, *options: Any) -> None:
        super().__init__(*options)
        self._weights = self._versions._masters
        self._past: deque[list[Tensor]] = deque(maxlen=self._role.depth)
        self._predicts = True
        self._versions._predict = self._extrapolate
        self._optimizer.reach = self._optimizer._staleness  # type: ignore[assignment,method-assign]
        self._note()

    def update(self) -> None:
        super().update()
        self._note()

    def _note(self) -> None:
        self._past.append([weight.detach().clone() for weight in self._weights])

    @torch.no_grad()
    def _extrapolate(self, copies: Sequence[Tensor], reach: float) -> None:
        then = self._past[max(0, len(self._past) - 1 - round(reach))]
        for copy, old in zip(copies, then, strict=True):
            copy.mul_(2).sub_(old)


class Nesterov(BottomStage):
    """Nesterov's method with β = 0.99 and stashing (Ajanthan et al. 2025): NAdam for Adam, else SGD
    at a learning rate that keeps η/(1-β)."""

    def __init__(self, *options: Any) -> None:
        super().__init__(*options)
        parts = self._optimizer.optimizers
        parts[:] = [_nesterov(part) for part in parts]
        if self._predicts:
            self._versions._predict = Prediction(parts, self._versions._masters)


def _nesterov(part: torch.optim.Optimizer) -> torch.optim.Optimizer:
    group, beta = part.param_groups[0], 0.99
    if "betas" in group:
        decoupled = isinstance(part, torch.optim.AdamW)
        return torch.optim.NAdam(
            group["params"],
            group["lr"],
            (beta, group["betas"][1]),
            weight_decay=group["weight_decay"],
            decoupled_weight_decay=decoupled,
        )
    lr = group["lr"] * (1 - beta) / (1 - group["momentum"])
    return torch.optim.SGD(group["params"], lr, beta, nesterov=True)


def _multiplied(staleness: Callable[[int], int], times: int, update: int) -> int:
    return times * staleness(update)


def exaggerated(times: int) -> type[BottomStage]:
    """A bottom whose spikes make up for so many times the delay."""

    class Exaggerated(BottomStage):
        def __init__(self, *options: Any) -> None:
            super().__init__(*options)
            for part in self._optimizer.optimizers:
                assert isinstance(part, SpikedAdam | SpikedSgd)
                part._staleness = partial(_multiplied, part._staleness, times)

    return Exaggerated


STAGES: dict[str, type[BottomStage]] = {
    "delay_compensated": DelayCompensated,
    "gap_aware": GapAware,
    "recompute": Recomputing,
    "extrapolation": Extrapolating,
    "nesterov": Nesterov,
    "twice": exaggerated(2),
    "four_times": exaggerated(4),
}
