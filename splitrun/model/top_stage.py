"""The top: how it joins what the bottoms send, and its model in training, with the loss and the
backward in one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Literal

import torch
from torch import Tensor, nn

from splitrun.errors import ModelError, Problem
from splitrun.model.eager import backward
from splitrun.model.role_optimizer import RoleOptimizer
from splitrun.model.stage import Key, Stage
from splitrun.model.state import Tensors
from splitrun.plan import Role, RoleFacts
from splitrun.spec.measures import LossSection

Fusion = Literal["concat", "sum", "mean"]


def fuse(fusion: Fusion, cuts: Sequence[Sequence[Tensor]]) -> tuple[Tensor, ...]:
    """Join the cuts of all bottoms, in the parties' order, into the top model's arguments.

    `concat` joins all tensors along their last dimension into one. `sum` and `mean` work tensor by
    tensor, so that bottoms which send two tensors give the top two; they add from left to right.
    """
    if fusion == "concat":
        return (torch.cat([tensor for cut in cuts for tensor in cut], dim=-1),)
    sums = (reduce(add, tensors) for tensors in zip(*cuts, strict=True))
    return tuple(sums) if fusion == "sum" else tuple(total / len(cuts) for total in sums)


def fused_features(fusion: Fusion, cuts: dict[str, tuple[tuple[int, ...], ...]]) -> int:
    """The width of the top model's first argument, from every bottom's shapes per row.

    Raises:
        ModelError: the cuts cannot be joined; names a bottom and its shapes.
    """
    (first, expected), *others = cuts.items()
    if fusion == "concat":
        for name, shapes in cuts.items():
            if any(shape[:-1] != expected[0][:-1] for shape in shapes):
                wanted = "tensors that differ in their last dimension alone"
                raise _unequal(fusion, (name, shapes), (first, expected), wanted)
        return sum(shape[-1] for shapes in cuts.values() for shape in shapes)
    for name, shapes in others:
        if shapes != expected:
            raise _unequal(fusion, (name, shapes), (first, expected), "the same shapes")
    return expected[0][-1]


_Cut = tuple[str, tuple[tuple[int, ...], ...]]


def _unequal(fusion: Fusion, one: _Cut, other: _Cut, wanted: str) -> ModelError:
    what = f"{one[0]} sends {_text(one[1])} per row and {other[0]} {_text(other[1])}"
    remedy = f"with {fusion}, all bottoms must send {wanted}"
    return ModelError([Problem(("top", "fusion"), what, remedy)])


def _text(shapes: tuple[tuple[int, ...], ...]) -> str:
    return " and ".join(str(list(shape)) for shape in shapes)


class TopStage(Stage):
    """The top model in training: fusion, top, loss and their backward in one."""

    def __init__(
        self,
        role: Role,
        facts: RoleFacts,
        module: nn.Module,
        optimizer: RoleOptimizer,
        seed: int,
        fusion: Fusion,
        loss: LossSection,
    ) -> None:
        super().__init__(role, facts, module, optimizer, seed)
        self._fusion = fusion
        self._loss = loss

    def loss(
        self,
        key: Key,
        cuts: Sequence[Tensors],
        labels: Tensor,
        share: float,
        weights: Tensor | None = None,
    ) -> tuple[float, list[Tensors]]:
        """Forward and backward of the top for one micro-batch.

        Args:
            cuts: of every bottom, in the parties' order.
            share: this micro-batch's part of the batch's rows or, where they have weights, of the
                sum of these; 1 for whole batches.
            weights: `[rows]`, what the micro-batch's rows count for; without, all count the same.

        Returns:
            The mean loss of the micro-batch, and the gradients of its share of the batch's loss
            for every bottom's cut.
        """
        self._train()
        leaves = [tuple([tensor.detach().requires_grad_() for tensor in cut]) for cut in cuts]
        output = self._run_module("forward", key, *self._fused(leaves))
        if weights is None:
            loss = self._loss.mean(output, labels)
        else:
            loss = self._loss.weighted_mean(output, labels, weights)
        self._backward(key, loss if share == 1 else loss * share)
        return loss.item(), [tuple([_gradient(leaf) for leaf in cut]) for cut in leaves]

    def predict(self, batch: int, cuts: Sequence[Tensors]) -> Tensor:
        """The top's outputs for an evaluation batch, in evaluation mode."""
        self._evaluate()
        with torch.no_grad():
            output: Tensor = self._run_module("predict", (batch,), *self._fused(cuts))
            return output

    def _fused(self, cuts: Sequence[Tensors]) -> Tensors:
        """The module's arguments."""
        return fuse(self._fusion, cuts)

    def _backward(self, key: Key, loss: Tensor) -> None:  # noqa: ARG002
        """Add the gradients of a micro-batch, given its loss."""
        backward((loss,), (torch.ones_like(loss),))


def _gradient(leaf: Tensor) -> Tensor:
    """Of a cut's tensor; zero where the top did not use it."""
    gradient = leaf.grad
    return torch.zeros_like(leaf) if gradient is None else gradient
