"""A role's computation: a module, its optimizer and its weight versions.

A stage knows tensors and keys, nothing of batches, channels or time. Keys are (step, micro-batch).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from splitrun.model.fusion import Fusion, fuse
from splitrun.model.loss import LOSSES, LossName
from splitrun.model.optimizer import RoleOptimizer
from splitrun.model.randomness import seeded
from splitrun.model.versions import Version, WeightVersions
from splitrun.plan import Role, RoleFacts

Key = tuple[int, int]
Tensors = tuple[Tensor, ...]

_NOTHING = nullcontext()


class Stage:
    """What bottoms and top have in common."""

    def __init__(
        self, role: Role, facts: RoleFacts, module: nn.Module, optimizer: RoleOptimizer, seed: int
    ) -> None:
        self.module = module
        self._role = role
        self._optimizer = optimizer
        self._draws_random = facts.draws_random
        self._seed = seed

    def update(self) -> None:
        """Apply the gradients gathered since the last update."""
        self._optimizer.step()

    def _randomness(self, purpose: str, *key: int) -> AbstractContextManager[None]:
        if not self._draws_random:
            return _NOTHING
        return seeded(self._seed, purpose, self._role.name, *key)

    def _train(self, training: bool) -> None:  # noqa: FBT001 - as torch.nn.Module.train
        if self.module.training != training:
            self.module.train(training)


class BottomStage(Stage):
    """A bottom model in training.

    A role of depth 1 has one batch in flight and updates in place; deeper ones keep versions.
    """

    def __init__(
        self, role: Role, facts: RoleFacts, module: nn.Module, optimizer: RoleOptimizer, seed: int
    ) -> None:
        super().__init__(role, facts, module, optimizer, seed)
        self._versions = WeightVersions(module, facts.saved if role.depth > 1 else ())
        self._in_flight: dict[Key, tuple[Tensors, Version]] = {}

    def forward(self, key: Key, inputs: Tensors) -> Tensors:
        """The cut for one micro-batch, detached; its graph is kept until `backward`."""
        self._train(True)
        with self._randomness("forward", *key):
            output, version = self._versions.forward(*inputs)
        cut = as_tensors(output)
        self._in_flight[key] = (cut, version)
        return tuple(tensor.detach() for tensor in cut)

    def backward(self, key: Key, gradients: Tensors) -> None:
        """Add the gradients of one micro-batch, given those of its cut."""
        cut, version = self._in_flight.pop(key)
        torch.autograd.backward(cut, gradients)
        self._versions.release(version)

    def update(self) -> None:
        """Apply the gradients; forwards from now on see the new weights."""
        super().update()
        self._versions.updated()

    def predict(self, batch: int, inputs: Tensors) -> Tensors:
        """The cut of an evaluation batch, at the newest weights, in evaluation mode."""
        self._train(False)
        with torch.inference_mode(), self._randomness("predict", batch):
            return as_tensors(self.module(*inputs))


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
        loss: LossName,
    ) -> None:
        super().__init__(role, facts, module, optimizer, seed)
        self._fusion = fusion
        self._loss = LOSSES[loss]

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
        """
        self._train(True)
        leaves = [tuple(tensor.detach().requires_grad_() for tensor in cut) for cut in cuts]
        with self._randomness("forward", *key):
            loss = self._loss(self.module(*fuse(self._fusion, leaves)), labels)
        (loss if share == 1 else loss * share).backward()  # type: ignore[no-untyped-call]
        gradients = [
            tuple(torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in cut)
            for cut in leaves
        ]
        return loss.item(), gradients

    def predict(self, batch: int, cuts: Sequence[Tensors]) -> Tensor:
        """The top's outputs for an evaluation batch, in evaluation mode."""
        self._train(False)
        with torch.inference_mode(), self._randomness("predict", batch):
            output: Tensor = self.module(*fuse(self._fusion, cuts))
            return output


def as_tensors(output: Tensor | Sequence[Tensor]) -> Tensors:
    """What a bottom returned, as a tuple: it may return one tensor or several."""
    return (output,) if isinstance(output, Tensor) else tuple(output)
