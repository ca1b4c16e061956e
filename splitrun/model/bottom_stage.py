"""A bottom model in training, with as many batches in flight as its depth allows."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from splitrun.model.role_optimizer import RoleOptimizer
from splitrun.model.stage import Key, Stage
from splitrun.model.state import Tensors, as_tensors, parameters_of, total_bytes
from splitrun.model.versions import InFlight, WeightVersions
from splitrun.plan import Role, RoleFacts


class BottomStage(Stage):
    """A bottom model in training.

    A role of depth 1 has one batch in flight and updates in place; deeper ones keep versions.
    """

    _versions_type: type[WeightVersions] = WeightVersions

    def __init__(
        self,
        role: Role,
        facts: RoleFacts,
        module: nn.Module,
        optimizer: RoleOptimizer,
        seed: int,
    ) -> None:
        super().__init__(role, facts, module, optimizer, seed)
        parameters = parameters_of(module)
        self._predicts = role.moves_weights
        self._versions = self._versions_type(
            module,
            role.versioned(facts),
            optimizer.follow([parameters[name] for name in facts.predictable]),
        )
        self._in_flight: dict[Key, tuple[Tensors, InFlight]] = {}
        self._updates = 0
        self._begun: deque[int] = deque()
        """The number of updates at the first forward of every batch in flight."""
        self._cut_bytes = 0
        self._cut_peak_bytes = 0

    @property
    def peak_bytes(self) -> Mapping[str, int]:
        """The most bytes that it held so far, by kind: weight versions, and cuts whose backward was
        still to come, besides what every stage holds."""
        own = {"versions": self._versions.peak_bytes, "cuts": self._cut_peak_bytes}
        return {**super().peak_bytes, **own}

    def forward(self, key: Key, inputs: Tensors) -> Tensors:
        """The cut for one micro-batch, detached; its graph is kept until `backward`."""
        self._train()
        reach = self._optimizer.reach(key[0]) if self._predicts else 0.0
        output, batch = self._run_versioned(key, inputs, reach)
        cut = as_tensors(output)
        self._in_flight[key] = (cut, batch)
        self._cut_bytes += total_bytes(cut)
        self._cut_peak_bytes = max(self._cut_peak_bytes, self._cut_bytes)
        if key[1] == 0:
            self._begun.append(self._updates)
        return tuple([tensor.detach() for tensor in cut])

    def backward(self, key: Key, gradients: Tensors) -> None:
        """Add the gradients of one micro-batch, given those of its cut."""
        cut, batch = self._take(key)
        if cut[0].requires_grad:  # or all of the module is frozen
            self._versions.backward(batch, cut, gradients)
        self._versions.release(batch)

    def update(self) -> None:
        """Apply the gradients; forwards from now on see the new weights."""
        with self._versions.updating():
            self._optimizer.step()
        self.staleness = self._updates - self._begun.popleft()
        self._updates += 1

    def predict(self, batch: int, inputs: Tensors) -> Tensors:
        """The cut of an evaluation batch, at the newest weights, in evaluation mode."""
        self._evaluate()
        with torch.no_grad():
            return as_tensors(self._run_module("predict", (batch,), *inputs))

    def _run_versioned(self, key: Key, inputs: Tensors, reach: float) -> tuple[Any, InFlight]:
        """What the module gives at the version of the batch."""
        if not self._may_draw:
            return self._versions.forward(*inputs, reach=reach)
        with self._seeded("forward", key):
            return self._versions.forward(*inputs, reach=reach)

    def _take(self, key: Key) -> tuple[Tensors, InFlight]:
        """The cut of a micro-batch whose gradients have come, and what it runs on."""
        cut, batch = self._in_flight.pop(key)
        self._cut_bytes -= total_bytes(cut)
        return cut, batch
