"""A role's optimizer: the spec's, with its learning-rate schedule and compensation rules."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Collection, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from splitrun.model.clipping import clipping
from splitrun.model.eager import steps_of
from splitrun.model.state import cloned, parameters_of
from splitrun.spec import Clip
from splitrun.spec.contracts import (
    LrScheduleSection,
    MoveWeights,
    OptimizerSection,
    Recipe,
    RuleSection,
)


class RoleOptimizer:
    """Applies and clears a role's gradients; several `torch.optim` optimizers where one cannot.

    A role without parameters has none, and its step does nothing.

    Args:
        rules: against staleness.
        staleness: of an update's gradient, by the number of the update.
        sparse: names of the parameters whose gradients are sparse.
    """

    def __init__(
        self,
        module: nn.Module,
        optimizer: OptimizerSection,
        schedule: LrScheduleSection,
        *,
        steps_per_epoch: int,
        steps: int,
        rules: Sequence[RuleSection] = (),
        sparse: Collection[str] = (),
        clip: Clip | None = None,
        staleness: Callable[[int], int] = lambda _: 0,
    ) -> None:
        @functools.lru_cache(maxsize=4096)
        def factor(update: int) -> float:
            scheduled = schedule.factor(update, steps_per_epoch, steps)
            for rule in on_the_rate:
                scheduled *= rule.lr_factor(staleness(update), update, steps)
            return scheduled

        on_the_rate = _acting(rules, "lr_factor")
        self._factor, self._staleness = factor, staleness
        named = parameters_of(module)
        self._parameters = list(named.values())
        recipe = Recipe(staleness)
        for rule in rules:
            recipe = rule.prepare(recipe)
        every = list(module.parameters())
        tables = {named[name] for name in sparse}
        self.optimizers = optimizer.make(every, tables, recipe) if every else []
        self._steps = [steps_of(each) for each in self.optimizers]
        self._lr = self.optimizers[0].defaults["lr"] if every else 0.0
        self._rules = rules
        self._correcting = _acting(rules, "correct")
        self._observing = _acting(rules, "updated")
        self._clip = clipping(clip)
        self._updates = 0
        self._fused = optimizer.is_fused
        """Fused kernels write the weights behind the back of autograd's check of saved tensors."""
        self._rates = [[group["lr"] for group in each.param_groups] for each in self.optimizers]
        self._is_scheduled = bool(steps and (on_the_rate or not schedule.is_constant))
        self._set_rates()

    def step(self) -> None:
        """Update the weights in place from their gradients, and clear the gradients."""
        for rule in self._correcting:
            rule.correct(self._parameters, self._staleness(self._updates))
        if self._clip is not None:
            self._clip(self._parameters)
        self._updates += 1
        for steps in self._steps:
            steps.now()
        if self._fused:
            torch.autograd.graph.increment_version(self._parameters)
        self._set_rates()
        for rule in self._observing:
            rule.updated(self.optimizers)
        for parameter in self._parameters:
            parameter.grad = None

    def _set_rates(self) -> None:
        """As the schedule wants them for the next update."""
        if self._is_scheduled:
            factor = self._factor(self._updates)
            for optimizer, rates in zip(self.optimizers, self._rates, strict=True):
                for group, rate in zip(optimizer.param_groups, rates, strict=True):
                    group["lr"] = rate * factor

    def state(self) -> list[dict[str, Any]]:
        """Of each `torch.optim` optimizer; schedules keep none, for they follow from the step."""
        return [cloned(optimizer.state_dict()) for optimizer in self.optimizers]

    def restore(self, states: Sequence[dict[str, Any]], updates: int) -> None:
        """Go on from a state after so many updates.

        Raises:
            ValueError: the state is one of other optimizers.
        """
        for optimizer, state in zip(self.optimizers, states, strict=True):
            optimizer.load_state_dict(state)
        self._updates = updates

    @property
    def state_bytes(self) -> int:
        """Of the tensors that the optimizer keeps of all weights, the counts of steps aside."""
        return sum(
            kept.nbytes
            for optimizer in self.optimizers
            for state in optimizer.state.values()
            for kept in state.values()
            if isinstance(kept, Tensor) and kept.ndim
        )

    def follow(self, weights: Sequence[Tensor]) -> MoveWeights | None:
        """What moves copies of these weights on to where they will be; None where no rule does."""
        moving = [rule.follow(self.optimizers, weights) for rule in self._rules]
        moves = [move for move in moving if move is not None]
        return moves[0] if moves else None

    def reach(self, step: int) -> float:
        """The sum of the learning rates of the updates between a step's forward and its own."""
        factors = [self._factor(update) for update in range(step - self._staleness(step), step)]
        return self._lr * math.fsum(factors)


def _acting(rules: Sequence[RuleSection], method: str) -> list[RuleSection]:
    """The rules that define a method, which others leave at nothing."""
    usual = getattr(RuleSection, method)
    return [rule for rule in rules if getattr(type(rule), method) is not usual]


def sparse_tables(module: nn.Module) -> tuple[str, ...]:
    """Names of the tables of embedding layers that make sparse gradients."""
    tables = {
        layer.weight
        for layer in nn.Module.modules(module)
        if isinstance(layer, nn.Embedding | nn.EmbeddingBag) and layer.sparse
    }
    return tuple(name for name, each in parameters_of(module).items() if each in tables)
