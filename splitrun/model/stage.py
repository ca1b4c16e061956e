"""A role's computation: a module, its optimizer and its weight versions.

A stage knows tensors and keys, nothing of batches, channels or time. Keys are (step, micro-batch).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from splitrun.model.compensation import Prediction
from splitrun.model.finite import Finite
from splitrun.model.fusion import Fusion, fuse
from splitrun.model.loss import LOSSES, LossName
from splitrun.model.optimizer import RoleOptimizer
from splitrun.model.randomness import seeded
from splitrun.model.state import State, cloned, fill, named_tensors
from splitrun.model.tensors import Tensors, as_tensors, total_bytes
from splitrun.model.versions import Version, WeightVersions
from splitrun.plan import Role, RoleFacts

Key = tuple[int, int]


class Stage:
    """What bottoms and top have in common."""

    def __init__(
        self, role: Role, facts: RoleFacts, module: nn.Module, optimizer: RoleOptimizer, seed: int
    ) -> None:
        self.module = module
        self._role = role
        self._optimizer = optimizer
        self._modes = [(layer, layer.training) for layer in module.modules()]
        self._draws_random = facts.draws_random
        self._seed = seed
        self._finite = Finite(module)
        self.late = 0
        """Staleness of the gradients that were applied last: updates since their forward."""

    @property
    def weight_bytes(self) -> int:
        """Of parameters and buffers."""
        return sum(it.nbytes for it in (*self.module.parameters(), *self.module.buffers()))

    @property
    def optimizer_bytes(self) -> int:
        """Of the optimizer's state as it is now."""
        return self._optimizer.state_bytes

    def update(self) -> None:
        """Apply the gradients gathered since the last update."""
        self._optimizer.step()

    def odd_weight(self) -> str:
        """Which parameter or buffer is not finite, and should be; empty if none is."""
        return self._finite.odd_weight()

    def odd_value(self) -> str:
        """Likewise, what the optimizer keeps among it."""
        return self.odd_weight() or self._finite.odd_state(self._optimizer.optimizers)

    def state(self) -> State:
        """All that training has changed, copied; nothing may be in flight."""
        tensors = named_tensors(self.module)
        return {"module": cloned(tensors), "optimizers": self._optimizer.state()}

    def restore(self, state: State, updates: int) -> None:
        """Go on from a state after so many updates.

        Raises:
            KeyError, RuntimeError, ValueError: it is one of another model.
        """
        fill(self.module, state["module"])
        self._optimizer.restore(state["optimizers"], updates)

    def _train(self) -> None:
        """Training mode, except for layers that were in evaluation mode from the start."""
        for layer, training in self._modes:
            layer.training = training

    def _drawing(self, purpose: str, key: tuple[int, ...], action: Callable[[], Any]) -> Any:
        """The action's result, on random generators of its own if the module draws from any."""
        if not self._draws_random:
            return action()
        with seeded(self._seed, purpose, self._role.name, *key):
            return action()


class BottomStage(Stage):
    """A bottom model in training.

    A role of depth 1 has one batch in flight and updates in place; deeper ones keep versions.
    """

    def __init__(
        self, role: Role, facts: RoleFacts, module: nn.Module, optimizer: RoleOptimizer, seed: int
    ) -> None:
        super().__init__(role, facts, module, optimizer, seed)
        parameters = dict(module.named_parameters())
        self._predicts = "weight_prediction" in role.rules
        self._versions = WeightVersions(
            module,
            role.versioned(facts),
            Prediction(optimizer.optimizers, [parameters[name] for name in facts.predictable]),
        )
        self._in_flight: dict[Key, tuple[Tensors, Version]] = {}
        self._updates = 0
        self._begun: deque[int] = deque()
        """The number of updates at the first forward of every batch in flight."""
        self._cut_bytes = 0
        self.cut_peak_bytes = 0
        """The most that cuts came to whose backward was still to come."""

    @property
    def version_peak_bytes(self) -> int:
        """The most that weight versions came to at once."""
        return self._versions.peak_bytes

    def forward(self, key: Key, inputs: Tensors) -> Tensors:
        """The cut for one micro-batch, detached; its graph is kept until `backward`."""
        if not self.module.training:
            self._train()
        reach = self._optimizer.reach(key[0]) if self._predicts else 0.0
        output, version = self._drawing(
            "forward", key, lambda: self._versions.forward(*inputs, reach=reach)
        )
        cut = as_tensors(output)
        self._in_flight[key] = (cut, version)
        self._cut_bytes += total_bytes(cut)
        self.cut_peak_bytes = max(self.cut_peak_bytes, self._cut_bytes)
        if key[1] == 0:
            self._begun.append(self._updates)
        return tuple([tensor.detach() for tensor in cut])

    def backward(self, key: Key, gradients: Tensors) -> None:
        """Add the gradients of one micro-batch, given those of its cut."""
        cut, version = self._in_flight.pop(key)
        self._cut_bytes -= total_bytes(cut)
        torch.autograd.backward(cut, gradients)
        self._versions.release(version)

    def update(self) -> None:
        """Apply the gradients; forwards from now on see the new weights."""
        super().update()
        self._versions.updated()
        self.late = self._updates - self._begun.popleft()
        self._updates += 1

    def predict(self, batch: int, inputs: Tensors) -> Tensors:
        """The cut of an evaluation batch, at the newest weights, in evaluation mode."""
        self.module.eval()
        with torch.no_grad():
            return as_tensors(self._drawing("predict", (batch,), lambda: self.module(*inputs)))


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
        if not self.module.training:
            self._train()
        leaves = [tuple([tensor.detach().requires_grad_() for tensor in cut]) for cut in cuts]
        fused = fuse(self._fusion, leaves)
        output = self._drawing("forward", key, lambda: self.module(*fused))
        loss = self._loss(output, labels)
        torch.autograd.backward(loss if share == 1 else loss * share)
        return loss.item(), [tuple([_gradient(leaf) for leaf in cut]) for cut in leaves]

    def predict(self, batch: int, cuts: Sequence[Tensors]) -> Tensor:
        """The top's outputs for an evaluation batch, in evaluation mode."""
        self.module.eval()
        with torch.no_grad():
            fused = fuse(self._fusion, cuts)
            output: Tensor = self._drawing("predict", (batch,), lambda: self.module(*fused))
            return output


def _gradient(leaf: Tensor) -> Tensor:
    """Of a cut's tensor; zero where the top did not use it."""
    gradient = leaf.grad
    return torch.zeros_like(leaf) if gradient is None else gradient
