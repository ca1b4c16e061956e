"""The top model in training: fusion, top, loss and their backward in one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from splitrun.model.fusion import Fusion, fuse
from splitrun.model.role_optimizer import RoleOptimizer
from splitrun.model.stage import Key, Stage
from splitrun.model.tensors import Tensors
from splitrun.plan import Role, RoleFacts
from splitrun.spec.contracts import LossSection


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
        *,
        alone: bool = False,
    ) -> None:
        super().__init__(role, facts, module, optimizer, seed, alone=alone)
        self._fusion = fusion
        self._loss = loss.mean

    def loss(
        self, key: Key, cuts: Sequence[Tensors], labels: Tensor, share: float
    ) -> tuple[float, list[Tensors]]:
        """Forward and backward of the top for one micro-batch.

        Args:
            cuts: of every bottom, in the parties' order.
            share: this micro-batch's part of the batch's rows; 1 for whole batches.

        Returns:
            The mean loss of the micro-batch, and the gradients of its share of the batch's loss
            for every bottom's cut.

        Raises:
            WrongGradients: nothing tells that they are right.
        """
        self._train()
        leaves = [tuple([tensor.detach().requires_grad_() for tensor in cut]) for cut in cuts]
        fused = self._fused(leaves)
        output = self._drawing("forward", key, lambda: self.module(*fused))
        loss = self._loss(output, labels)
        last = loss if share == 1 else loss * share
        self._backward(key, lambda: torch.autograd.backward(last))
        return loss.item(), [tuple([_gradient(leaf) for leaf in cut]) for cut in leaves]

    def predict(self, batch: int, cuts: Sequence[Tensors]) -> Tensor:
        """The top's outputs for an evaluation batch, in evaluation mode."""
        self._evaluate()
        with torch.no_grad():
            fused = self._fused(cuts)
            output: Tensor = self._drawing("predict", (batch,), lambda: self.module(*fused))
            return output

    def _fused(self, cuts: Sequence[Tensors]) -> Tensors:
        """The module's arguments; a user's may write to them, as to what no leaf is."""
        fused = fuse(self._fusion, cuts)
        if not self._facts.is_custom:
            return fused
        return tuple([tensor.clone() if tensor.is_leaf else tensor for tensor in fused])


def _gradient(leaf: Tensor) -> Tensor:
    """Of a cut's tensor; zero where the top did not use it."""
    gradient = leaf.grad
    return torch.zeros_like(leaf) if gradient is None else gradient
