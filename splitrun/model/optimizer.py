"""A role's optimizer: `torch.optim`'s, with the spec's options and learning-rate schedule."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Collection, Sequence, Set
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from splitrun.model.compensation import (
    SpikedSgd,
    discount,
    keep_last_gradients,
    lengthened,
)
from splitrun.model.spiked_adam import SpikedAdam
from splitrun.model.state import cloned, parameters_of
from splitrun.spec.model import (
    ConstantLr,
    CosineLr,
    ExponentialLr,
    LrSchedule,
    Optimizer,
    Rule,
    Sgd,
    StepLr,
)

_CLASSES: dict[str, type[torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "adagrad": torch.optim.Adagrad,
    "rmsprop": torch.optim.RMSprop,
}


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
        optimizer: Optimizer,
        schedule: LrSchedule,
        *,
        steps_per_epoch: int,
        steps: int,
        rules: Collection[Rule] = (),
        sparse: Collection[str] = (),
        staleness: Callable[[int], int] = lambda _: 0,
    ) -> None:
        @functools.lru_cache(maxsize=4096)
        def factor(update: int) -> float:
            scheduled = lr_factor(schedule, update, steps_per_epoch, steps)
            if not discounted:
                return scheduled
            return scheduled * discount(staleness(update), update, steps)

        long = "long_momentum" in rules
        if long and isinstance(optimizer, Sgd):
            optimizer = lengthened(optimizer)
        discounted = "discount" in rules
        predicted = "weight_prediction" in rules
        self._lr, self._factor, self._staleness = optimizer.lr, factor, staleness
        named = parameters_of(module)
        self._parameters = list(named.values())
        late = staleness if "spike" in rules else None
        tables = {named[name] for name in sparse}
        self.optimizers = _optimizers(list(module.parameters()), tables, optimizer, late, long=long)
        self._forgetful = predicted and isinstance(optimizer, Sgd) and not optimizer.momentum
        """Nothing but the gradients tells where the weights are going."""
        self._fused = getattr(optimizer, "fused", False)
        """Fused kernels write the weights behind the back of autograd's check of saved tensors."""
        self.schedulers: list[LambdaLR] = []
        constant = isinstance(schedule, ConstantLr) and not schedule.warmup_steps
        if steps and (discounted or not constant):
            self.schedulers = [LambdaLR(part, factor) for part in self.optimizers]

    def step(self) -> None:
        """Update the weights in place from their gradients, and clear the gradients."""
        for optimizer in self.optimizers:
            optimizer.step()
        if self._fused:
            torch.autograd.graph.increment_version(self._parameters)
        for scheduler in self.schedulers:
            scheduler.step()
        if self._forgetful:
            for optimizer in self.optimizers:
                keep_last_gradients(optimizer)
        for parameter in self._parameters:
            parameter.grad = None

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
        for scheduler in self.schedulers:
            scheduler.last_epoch = updates

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

    def reach(self, step: int) -> float:
        """The sum of the learning rates of the updates between a step's forward and its own."""
        factors = [self._factor(update) for update in range(step - self._staleness(step), step)]
        return self._lr * math.fsum(factors)


def lr_factor(schedule: LrSchedule, step: int, steps_per_epoch: int, steps: int) -> float:
    """What the base learning rate is multiplied by for update number `step` (from 0) of `steps`:
    first the warm-up, then the schedule from its own beginning."""
    past = step - schedule.warmup_steps
    if past < 0:
        return (step + 1) / (schedule.warmup_steps + 1)
    match schedule:
        case StepLr():
            return float(schedule.gamma ** (past // (schedule.every_epochs * steps_per_epoch)))
        case ExponentialLr():
            return float(schedule.gamma ** (past / steps_per_epoch))
        case CosineLr():
            last = steps - 1 - schedule.warmup_steps
            cosine = (1 + math.cos(math.pi * min(1.0, past / last))) / 2 if last > 0 else 1.0
            return schedule.final_fraction + (1 - schedule.final_fraction) * cosine
        case _:
            return 1.0


def sparse_tables(module: nn.Module) -> tuple[str, ...]:
    """Names of the tables of embedding layers that make sparse gradients."""
    tables = {
        layer.weight
        for layer in nn.Module.modules(module)
        if isinstance(layer, nn.Embedding | nn.EmbeddingBag) and layer.sparse
    }
    return tuple(name for name, each in parameters_of(module).items() if each in tables)


def _optimizers(
    parameters: list[nn.Parameter],
    sparse: Set[Tensor],
    optimizer: Optimizer,
    staleness: Callable[[int], int] | None,
    *,
    long: bool,
) -> list[torch.optim.Optimizer]:
    """Those of a module; spiked, as far as their gradients are dense, where staleness is given.

    Args:
        sparse: the parameters whose gradients are.
        long: a momentum of Adam's grows; SGD has it in its options.
    """
    options = optimizer.model_dump(exclude={"type"})
    parts: list[torch.optim.Optimizer] = []
    name = optimizer.type
    if name == "sparse_adam":
        tables = [parameter for parameter in parameters if parameter in sparse]
        if tables:
            parts.append(torch.optim.SparseAdam(tables, **options))
        parameters = [parameter for parameter in parameters if parameter not in sparse]
        name = "adam"
    if not parameters:
        return parts
    if name in ("adam", "adamw") and (staleness or long):
        late = staleness or (lambda _: 0)
        decoupled = name == "adamw"
        return [*parts, SpikedAdam(parameters, late, grows=long, decoupled=decoupled, **options)]
    if staleness:
        return [SpikedSgd(parameters, staleness, **options)]
    return [*parts, _CLASSES[name](parameters, **options)]
