"""The optimizers of `torch.optim`, and what compensation rules make of them; and how learning rates
change over a run, once its warm-up is over."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from splitrun.errors import Path, Problem
from splitrun.spec.contracts import LrScheduleSection, OptimizerSection, Recipe
from splitrun.spec.section import Fraction, NonNegativeFloat32, PositiveFloat32, PositiveInt

if TYPE_CHECKING:
    from torch import Tensor, nn, optim

    from splitrun.spec import Spec

LONG_MOMENTUM = 0.99
"""What a long momentum comes to."""


_SEVERAL, _SMALL = 3, 1 << 20
"""Weights that are worth a call for all of them, and their elements, which PyTorch holds once more
meanwhile."""


def _options(section: OptimizerSection) -> dict[str, Any]:
    return section.model_dump(exclude={"type"})


def _adam_options(section: AdamOptions | SparseAdam, weights: list[nn.Parameter]) -> dict[str, Any]:
    """The options of `torch.optim.Adam`; several small weights are updated in calls that take all
    of them, with the same bits and in less time."""
    options = _options(section)
    small = len(weights) >= _SEVERAL and sum(weight.numel() for weight in weights) <= _SMALL
    return options if options.get("fused") else {**options, "foreach": small or None}


def _no_sparse_decay(section: OptimizerSection, weight_decay: float) -> str | None:
    what = f"{section.type} with weight_decay takes no sparse gradients"
    return what if weight_decay else None


class Sgd(OptimizerSection):
    """`torch.optim.SGD`."""

    states: ClassVar[int] = 0

    type: Literal["sgd"]
    momentum: Fraction = 0.0
    nesterov: bool = False
    weight_decay: NonNegativeFloat32 = 0.0

    @property
    def memory(self) -> Literal["none", "velocity"]:
        """A velocity where there is a momentum."""
        return "velocity" if self.momentum else "none"

    @property
    def looks_ahead(self) -> bool:
        """As stated under `nesterov`."""
        return self.nesterov

    @property
    def state_tensors(self) -> int:
        """The velocity, if there is one."""
        return int(self.momentum > 0)

    @property
    def refuses_sparse(self) -> str | None:
        """Weight decay, or a momentum."""
        if why := _no_sparse_decay(self, self.weight_decay):
            return why
        grows = "sgd's momentum of sparse gradients grows with every step"
        return grows if self.momentum else None

    @property
    def fitting_rules(self) -> tuple[str, ...]:
        """Those for a momentum, if there is one; spikes don't go with Nesterov's."""
        if not self.momentum:
            return ("discount",)
        return ("long_momentum",) if self.nesterov else ("long_momentum", "spike")

    def problems(self, spec: Spec, path: Path) -> Iterator[Problem]:  # noqa: ARG002
        """Nesterov's momentum without one."""
        if self.nesterov and not self.momentum:
            yield Problem((*path, "nesterov"), "needs momentum", "set momentum, such as 0.9")

    def make(
        self,
        parameters: list[nn.Parameter],
        sparse: Collection[Tensor],  # noqa: ARG002
        recipe: Recipe,
    ) -> list[optim.Optimizer]:
        """One of PyTorch's or, with spikes, of our own."""
        from torch import optim

        from splitrun.model.eager import eager
        from splitrun.model.late_gradients import SpikedSgd

        section = self._with_long_momentum() if recipe.lengthens else self
        if recipe.spikes:
            return [eager(SpikedSgd)(parameters, recipe.staleness, **_options(section))]
        return [eager(optim.SGD)(parameters, **_options(section))]

    def _with_long_momentum(self) -> Sgd:
        """At the same lr / (1 - momentum)."""
        if self.momentum >= LONG_MOMENTUM:
            return self
        lr = self.lr * (1 - LONG_MOMENTUM) / (1 - self.momentum)
        return self.model_copy(update={"momentum": LONG_MOMENTUM, "lr": lr})


class AdamOptions(OptimizerSection):
    """What Adam and AdamW share."""

    states: ClassVar[int] = 2

    betas: tuple[Fraction, Fraction] = (0.9, 0.999)
    eps: PositiveFloat32 = 1e-8
    fused: bool = Field(False, description="One kernel a step: faster on CPU, other rounding.")

    @property
    def memory(self) -> Literal["moments"]:
        """Adam's two moments."""
        return "moments"

    @property
    def is_fused(self) -> bool:
        """As stated under `fused`."""
        return self.fused

    @property
    def fitting_rules(self) -> tuple[str, ...]:
        """A fused step, which is always Adam's own, is predicted; others are compensated."""
        fused = ("weight_prediction", "discount")
        return fused if self.fused else ("long_momentum", "spike")


class Adam(AdamOptions):
    """`torch.optim.Adam`."""

    type: Literal["adam"]
    weight_decay: NonNegativeFloat32 = 0.0

    def make(
        self,
        parameters: list[nn.Parameter],
        sparse: Collection[Tensor],  # noqa: ARG002
        recipe: Recipe,
    ) -> list[optim.Optimizer]:
        """One of PyTorch's or, with spikes or a long momentum, of our own."""
        from torch import optim

        from splitrun.model.eager import eager

        options = _adam_options(self, parameters)
        return _spiked_adam(parameters, recipe, options) or [
            eager(optim.Adam)(parameters, **options)
        ]


class AdamW(AdamOptions):
    """`torch.optim.AdamW`."""

    type: Literal["adamw"]
    weight_decay: NonNegativeFloat32 = 0.01

    def make(
        self,
        parameters: list[nn.Parameter],
        sparse: Collection[Tensor],  # noqa: ARG002
        recipe: Recipe,
    ) -> list[optim.Optimizer]:
        """Likewise, with decoupled weight decay."""
        from torch import optim

        from splitrun.model.eager import eager

        options = _adam_options(self, parameters)
        spiked = _spiked_adam(parameters, recipe, options, decoupled=True)
        return spiked or [eager(optim.AdamW)(parameters, **options)]


class Adagrad(OptimizerSection):
    """`torch.optim.Adagrad`."""

    states: ClassVar[int] = 1

    type: Literal["adagrad"]
    lr: PositiveFloat32 = 0.01
    weight_decay: NonNegativeFloat32 = 0.0
    eps: PositiveFloat32 = 1e-10

    @property
    def refuses_sparse(self) -> str | None:
        """Weight decay."""
        return _no_sparse_decay(self, self.weight_decay)

    def make(
        self,
        parameters: list[nn.Parameter],
        sparse: Collection[Tensor],  # noqa: ARG002
        recipe: Recipe,  # noqa: ARG002
    ) -> list[optim.Optimizer]:
        """One of PyTorch's."""
        from torch import optim

        from splitrun.model.eager import eager

        return [eager(optim.Adagrad)(parameters, **_options(self))]


class RmsProp(OptimizerSection):
    """`torch.optim.RMSprop`."""

    states: ClassVar[int] = 1

    type: Literal["rmsprop"]
    lr: PositiveFloat32 = 0.01
    alpha: Fraction = 0.99
    eps: PositiveFloat32 = 1e-8
    momentum: Fraction = 0.0
    weight_decay: NonNegativeFloat32 = 0.0

    @property
    def state_tensors(self) -> int:
        """The mean of squares, and a velocity if there is a momentum."""
        return 1 + int(self.momentum > 0)

    def make(
        self,
        parameters: list[nn.Parameter],
        sparse: Collection[Tensor],  # noqa: ARG002
        recipe: Recipe,  # noqa: ARG002
    ) -> list[optim.Optimizer]:
        """One of PyTorch's."""
        from torch import optim

        from splitrun.model.eager import eager

        return [eager(optim.RMSprop)(parameters, **_options(self))]


class SparseAdam(OptimizerSection):
    """SparseAdam for a role's sparse embeddings, Adam with the same options for the rest of it."""

    states: ClassVar[int] = 2

    type: Literal["sparse_adam"]
    betas: tuple[Fraction, Fraction] = (0.9, 0.999)
    eps: PositiveFloat32 = 1e-8

    @property
    def memory(self) -> Literal["moments"]:
        """Adam's two moments."""
        return "moments"

    @property
    def refuses_sparse(self) -> None:
        """It is made for them."""

    @property
    def fitting_rules(self) -> tuple[str, ...]:
        """Adam's."""
        return ("long_momentum", "spike")

    def problems(self, spec: Spec, path: Path) -> Iterator[Problem]:
        """Models that have nothing sparse; as the default it needs one role that has."""
        bottoms = {name: party.bottom for name, party in spec.parties.items()}
        sparse = [name for name, bottom in bottoms.items() if bottom and bottom.may_be_sparse]
        top_may_be = spec.top.model is not None and spec.top.model.may_be_sparse
        remedy = "use adam, or a bottom with sparse: true"
        if path[0] == "parties" and path[1] not in sparse:
            yield Problem(path, "nothing here is sparse", remedy)
        if path[0] == "top" and not top_may_be:
            yield Problem(path, "nothing here is sparse", "use adam")
        uses = [name for name in sparse if spec.parties[name].optimizer is None]
        if path[0] == "training" and not uses and not (top_may_be and spec.top.optimizer is None):
            yield Problem(path, "no model that uses it is sparse", remedy)

    def make(
        self, parameters: list[nn.Parameter], sparse: Collection[Tensor], recipe: Recipe
    ) -> list[optim.Optimizer]:
        """Up to two: of the sparse parameters, which are never compensated, and of the others."""
        from torch import optim

        from splitrun.model.eager import eager

        options = _options(self)
        tables = [parameter for parameter in parameters if parameter in sparse]
        others = [parameter for parameter in parameters if parameter not in sparse]
        parts: list[optim.Optimizer] = []
        if tables:
            parts.append(eager(optim.SparseAdam)(tables, **options))
        if others:
            options = _adam_options(self, others)
            spiked = _spiked_adam(others, recipe, options)
            parts += spiked or [eager(optim.Adam)(others, **options)]
        return parts


def _spiked_adam(
    parameters: list[nn.Parameter],
    recipe: Recipe,
    options: dict[str, Any],
    *,
    decoupled: bool = False,
) -> list[optim.Optimizer]:
    """Adam with spikes or a long momentum; none where the recipe has neither."""
    from splitrun.model.eager import eager
    from splitrun.model.late_gradients import SpikedAdam

    if not (recipe.spikes or recipe.lengthens):
        return []
    late = recipe.staleness if recipe.spikes else lambda _: 0
    adam = eager(SpikedAdam)(
        parameters, late, grows=recipe.lengthens, decoupled=decoupled, **options
    )
    return [adam]


class ConstantLr(LrScheduleSection):
    """The rate stays as it is."""

    type: Literal["constant"]

    @property
    def is_constant(self) -> bool:
        """Unless there is a warm-up."""
        return not self.warmup_steps

    def after_warmup(self, past: int, steps_per_epoch: int, steps: int) -> float:  # noqa: ARG002
        """1."""
        return 1.0


class StepLr(LrScheduleSection):
    """Multiplies the rate by `gamma` every `every_epochs`, counted from the end of the warm-up."""

    type: Literal["step"]
    every_epochs: PositiveInt
    gamma: Annotated[float, Field(strict=True, gt=0, le=1)] = 0.1

    def after_warmup(self, past: int, steps_per_epoch: int, steps: int) -> float:  # noqa: ARG002
        """`gamma` to the number of times that it has been applied."""
        return float(self.gamma ** (past // (self.every_epochs * steps_per_epoch)))


class ExponentialLr(LrScheduleSection):
    """Multiplies the rate by `gamma` over each epoch after the warm-up, a little every step."""

    type: Literal["exponential"]
    gamma: Annotated[float, Field(strict=True, gt=0, le=1)]

    def after_warmup(self, past: int, steps_per_epoch: int, steps: int) -> float:  # noqa: ARG002
        """`gamma` to the epochs since the warm-up."""
        return float(self.gamma ** (past / steps_per_epoch))


class CosineLr(LrScheduleSection):
    """Falls along half a cosine from the rate at the first step after the warm-up to
    `final_fraction` of it at the last step; a single step is made at the full rate."""

    spans_run: ClassVar[bool] = True

    type: Literal["cosine"]
    final_fraction: Annotated[float, Field(strict=True, ge=0, le=1)] = 0.0

    def after_warmup(self, past: int, steps_per_epoch: int, steps: int) -> float:  # noqa: ARG002
        """Between 1 and `final_fraction`."""
        last = steps - 1
        cosine = (1 + math.cos(math.pi * min(1.0, past / last))) / 2 if last > 0 else 1.0
        return self.final_fraction + (1 - self.final_fraction) * cosine
