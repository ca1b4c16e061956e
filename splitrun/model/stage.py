"""A role's computation: a module, its optimizer and its weight versions.

A stage knows tensors and keys, nothing of batches, channels or time. Keys are (step, micro-batch).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from splitrun.errors import RunFailed, WrongGradients
from splitrun.model.compensation import Prediction
from splitrun.model.finite import Finite
from splitrun.model.fusion import Fusion, fuse
from splitrun.model.loss import LOSSES, LossName
from splitrun.model.optimizer import RoleOptimizer
from splitrun.model.randomness import Untouched, seeded
from splitrun.model.recomputation import Recomputation, Stash, is_due
from splitrun.model.state import (
    State,
    cloned,
    extra_states,
    fill,
    named_tensors,
    parameters_of,
    set_extra_states,
)
from splitrun.model.tensors import Tensors, as_tensors, total_bytes
from splitrun.model.trial import graph_nodes, learning
from splitrun.model.versions import InFlight, Version, WeightVersions
from splitrun.plan import Role, RoleFacts

Key = tuple[int, int]


class Stage:
    """What bottoms and top have in common.

    Args:
        alone: no other role may touch the random generators.
    """

    def __init__(
        self,
        role: Role,
        facts: RoleFacts,
        module: nn.Module,
        optimizer: RoleOptimizer,
        seed: int,
        *,
        alone: bool = False,
    ) -> None:
        self.module = module
        self._role = role
        self._optimizer = optimizer
        self._facts = facts
        self._may_draw = facts.draws_random or facts.is_custom
        self._recomputes = facts.recomputes
        self._alone = alone
        self._training = False
        self._seed = seed
        self._finite = Finite(module)
        self.late = 0
        """Staleness of the gradients that were applied last: updates since their forward."""

    @property
    def weight_bytes(self) -> int:
        """Of parameters and buffers."""
        return sum(tensor.nbytes for tensor in named_tensors(self.module).values())

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
        return {
            "module": cloned(named_tensors(self.module)),
            "extra": cloned(extra_states(self.module)),
            "optimizers": self._optimizer.state(),
        }

    def restore(self, state: State, updates: int) -> None:
        """Go on from a state after so many updates.

        Raises:
            KeyError, RuntimeError, ValueError: it is one of another model.
        """
        fill(self.module, state["module"])
        set_extra_states(self.module, state["extra"])
        self._optimizer.restore(state["optimizers"], updates)

    def _train(self) -> None:
        if not self._training:
            self._training = True
            self.module.train()

    def _evaluate(self) -> None:
        if self._training or self.module.training:
            self._training = False
            self.module.eval()

    def _seeded(self, purpose: str, key: tuple[int, ...]) -> AbstractContextManager[None]:
        return seeded(self._seed, purpose, self._role.name, *key)

    def _drawing(self, purpose: str, key: tuple[int, ...], action: Callable[[], Any]) -> Any:
        """The action's result, on random generators of its own if the module may draw from any."""
        if not self._may_draw:
            return action()
        with self._seeded(purpose, key):
            return action()

    def _backward(self, key: Key, action: Callable[[], None]) -> None:
        """A backward: on generators of its own if forwards are run in it, else watched for it.

        Raises:
            RunFailed: it has begun to run forwards, or to draw, and nothing tells that it is right.
        """
        if not self._facts.is_custom:
            action()
        elif self._recomputes:
            with self._seeded("backward", key):
                action()
        else:
            before, nodes = Untouched(), graph_nodes()
            action()
            if before.is_touched():
                raise self._habit(key, "its backward has begun to draw random numbers")
            if graph_nodes() != nodes:
                self._begin_to_recompute(key)

    def _begin_to_recompute(self, key: Key) -> None:
        """A forward was run in a backward for the first time: right at the version of its batch,
        unless it disturbs the numbers that others draw."""
        if not self._alone:
            raise self._habit(key, "its backward has begun to run forwards again")
        self._recomputes = True

    def _habit(self, key: Key, what: str) -> RunFailed:
        cause = f"{type(self.module).__name__}: {what}, and its gradients can't be relied on"
        remedy = "let it do so from its first batch on, or train with pipeline=sequential"
        return WrongGradients(self._role.name, f"step {key[0]}", f"{cause}; {remedy}", key[0])


class BottomStage(Stage):
    """A bottom model in training.

    A role of depth 1 has one batch in flight and updates in place; deeper ones keep versions.

    Args:
        steps: of the run.
    """

    def __init__(
        self,
        role: Role,
        facts: RoleFacts,
        module: nn.Module,
        optimizer: RoleOptimizer,
        seed: int,
        *,
        steps: int = 0,
        alone: bool = False,
    ) -> None:
        super().__init__(role, facts, module, optimizer, seed, alone=alone)
        parameters = parameters_of(module)
        self._predicts = "weight_prediction" in role.rules
        self._versions = WeightVersions(
            module,
            role.versioned(facts),
            Prediction(optimizer.optimizers, [parameters[name] for name in facts.predictable]),
        )
        self._in_flight: dict[Key, tuple[Tensors, InFlight]] = {}
        self._updates = 0
        self._begun: deque[int] = deque()
        """The number of updates at the first forward of every batch in flight."""
        self._cut_bytes = 0
        self.cut_peak_bytes = 0
        """The most that cuts came to whose backward was still to come."""
        self._steps = steps
        self._first_step: int | None = None
        self._again: Recomputation | None = None
        self._stashes: dict[Key, Stash] = {}
        if facts.repeatable and role.depth > 1:
            self._again = Recomputation(module, self._versions)
        self._looks_at_once = False
        self._sound_until = 0

    @property
    def version_peak_bytes(self) -> int:
        """The most that weight versions came to at once."""
        return self._versions.peak_bytes

    def forward(self, key: Key, inputs: Tensors) -> Tensors:
        """The cut for one micro-batch, detached; its graph is kept until `backward`."""
        self._train()
        reach = self._optimizer.reach(key[0]) if self._predicts else 0.0
        if self._facts.is_custom:
            inputs = self._own(key, inputs)
        output, batch = self._drawing(
            "forward", key, lambda: self._versions.forward(*inputs, reach=reach)
        )
        cut = as_tensors(output)
        self._in_flight[key] = (cut, batch)
        self._cut_bytes += total_bytes(cut)
        self.cut_peak_bytes = max(self.cut_peak_bytes, self._cut_bytes)
        if key[1] == 0:
            self._begun.append(self._updates)
        if self._facts.is_custom:  # which may write to what it has returned
            return tuple([tensor.detach().clone() for tensor in cut])
        return tuple([tensor.detach() for tensor in cut])

    def backward(self, key: Key, gradients: Tensors) -> None:
        """Add the gradients of one micro-batch, given those of its cut.

        Raises:
            WrongGradients: they are not those of the batch, or nothing tells that they are.
        """
        cut, batch = self._in_flight.pop(key)
        self._cut_bytes -= total_bytes(cut)
        stashed = self._stashes.pop(key, None)
        if stashed is not None and not self._in_flight:  # nobody got in its way; see the next one
            stashed, self._looks_at_once = None, True
        outputs, given = learning(cut, gradients) if self._facts.is_custom else (cut, gradients)
        if outputs:
            self._backward(key, lambda: self._versions.backward(batch, outputs, given))
            if stashed is not None:
                self._compare(key, stashed, batch.version, cut, gradients)
        self._versions.release(batch)

    def _begin_to_recompute(self, key: Key) -> None:
        """Right, too, unless it reads what batches in flight share: that is looked at at once."""
        unseen = self._versions.leaves_out or (self._again is None and self._facts.leaves_traces)
        if self._role.depth > 1 and unseen:
            raise self._habit(key, "its backward has begun to run forwards again")
        super()._begin_to_recompute(key)
        self._looks_at_once = True

    def update(self) -> None:
        """Apply the gradients; forwards from now on see the new weights."""
        self._versions.update(self._optimizer.step)
        self.late = self._updates - self._begun.popleft()
        self._updates += 1

    def predict(self, batch: int, inputs: Tensors) -> Tensors:
        """The cut of an evaluation batch, at the newest weights, in evaluation mode."""
        self._evaluate()
        with torch.no_grad():
            return as_tensors(self._drawing("predict", (batch,), lambda: self.module(*inputs)))

    def state(self) -> State:
        """All that training has changed, copied, and until where gradients were seen to be right;
        nothing may be in flight."""
        return {**super().state(), "sound_until": self._sound_until}

    def restore(self, state: State, updates: int) -> None:
        """Go on from a state after so many updates."""
        super().restore(state, updates)
        self._sound_until = state["sound_until"]

    def _own(self, key: Key, inputs: Tensors) -> Tensors:
        """What a user's forward may write to; noted first if the step is to be run again."""
        if self._first_step is None:
            self._first_step = key[0]
        last = self._steps - self._role.depth  # that has others in flight behind it
        due = self._looks_at_once or is_due(key[0], self._first_step, last)
        if self._again is not None and due:
            self._looks_at_once = False
            self._stashes[key] = Stash(self.module, inputs)
        return tuple([tensor.clone() if tensor._is_view() else tensor for tensor in inputs])  # noqa: SLF001

    def _compare(
        self, key: Key, stashed: Stash, version: Version, cut: Tensors, gradients: Tensors
    ) -> None:
        """Run a step again.

        Raises:
            WrongGradients: it comes to something else.
        """
        assert self._again is not None  # nothing was stashed without it
        different = self._again.difference(
            stashed,
            version,
            cut,
            gradients,
            partial(self._seeded, "forward", key),
            partial(self._seeded, "backward", key),
        )
        if different:
            what = f"{different} differs when the step is run again by itself"
            cause = f"{type(self.module).__name__}: {what}, so batches in flight share something"
            until = f"; up to step {self._sound_until} it did not"
            remedy = f"{until}; change it, or give this party depth 1"
            place = f"step {key[0]}"
            raise WrongGradients(self._role.name, place, cause + remedy, self._sound_until)
        self._sound_until = key[0] + 1


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
        *,
        alone: bool = False,
    ) -> None:
        super().__init__(role, facts, module, optimizer, seed, alone=alone)
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
