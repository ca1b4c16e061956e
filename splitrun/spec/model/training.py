"""How long and with what the models learn: optimizers, learning-rate schedules, evaluations."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from splitrun.spec.model.section import (
    Fraction,
    NonNegativeFloat32,
    NonNegativeInt,
    PositiveFloat32,
    PositiveInt,
    Section,
)


class OptimizerSection(Section):
    """A `torch.optim` optimizer; unset options keep PyTorch's defaults."""

    lr: PositiveFloat32 = Field(0.001, description="Learning rate.")


class Sgd(OptimizerSection):
    """`torch.optim.SGD`."""

    type: Literal["sgd"]
    momentum: Fraction = 0.0
    nesterov: bool = False
    weight_decay: NonNegativeFloat32 = 0.0


class AdamOptions(OptimizerSection):
    """What Adam and AdamW share."""

    betas: tuple[Fraction, Fraction] = (0.9, 0.999)
    eps: PositiveFloat32 = 1e-8
    fused: bool = Field(False, description="One kernel a step: faster on CPU, other rounding.")


class Adam(AdamOptions):
    """`torch.optim.Adam`."""

    type: Literal["adam"]
    weight_decay: NonNegativeFloat32 = 0.0


class AdamW(AdamOptions):
    """`torch.optim.AdamW`."""

    type: Literal["adamw"]
    weight_decay: NonNegativeFloat32 = 0.01


class Adagrad(OptimizerSection):
    """`torch.optim.Adagrad`."""

    type: Literal["adagrad"]
    lr: PositiveFloat32 = 0.01
    weight_decay: NonNegativeFloat32 = 0.0
    eps: PositiveFloat32 = 1e-10


class RmsProp(OptimizerSection):
    """`torch.optim.RMSprop`."""

    type: Literal["rmsprop"]
    lr: PositiveFloat32 = 0.01
    alpha: Fraction = 0.99
    eps: PositiveFloat32 = 1e-8
    momentum: Fraction = 0.0
    weight_decay: NonNegativeFloat32 = 0.0


class SparseAdam(OptimizerSection):
    """SparseAdam for a role's sparse embeddings, Adam with the same options for the rest of it."""

    type: Literal["sparse_adam"]
    betas: tuple[Fraction, Fraction] = (0.9, 0.999)
    eps: PositiveFloat32 = 1e-8


Optimizer = Annotated[
    Sgd | Adam | AdamW | Adagrad | RmsProp | SparseAdam, Field(discriminator="type")
]


class LrScheduleSection(Section):
    """How the learning rate changes, step by step, once a warm-up is over."""

    warmup_steps: NonNegativeInt = Field(
        0,
        description="The rate first rises linearly for so many steps; the schedule begins after "
        "them, at the full rate.",
    )


class ConstantLr(LrScheduleSection):
    """The rate stays as it is."""

    type: Literal["constant"]


class StepLr(LrScheduleSection):
    """Multiplies the rate by `gamma` every `every_epochs`, counted from the end of the warm-up."""

    type: Literal["step"]
    every_epochs: PositiveInt
    gamma: Annotated[float, Field(strict=True, gt=0, le=1)] = 0.1


class ExponentialLr(LrScheduleSection):
    """Multiplies the rate by `gamma` over each epoch after the warm-up, a little every step."""

    type: Literal["exponential"]
    gamma: Annotated[float, Field(strict=True, gt=0, le=1)]


class CosineLr(LrScheduleSection):
    """Falls along half a cosine from the rate at the first step after the warm-up to
    `final_fraction` of it at the last step; a single step is made at the full rate."""

    type: Literal["cosine"]
    final_fraction: Annotated[float, Field(strict=True, ge=0, le=1)] = 0.0


LrSchedule = Annotated[ConstantLr | StepLr | ExponentialLr | CosineLr, Field(discriminator="type")]


Metric = Literal["auroc", "accuracy", "f1", "rmse", "mae", "r2"]


class Training(Section):
    """How long and with what the models learn."""

    epochs: PositiveInt = Field(1, description="Passes over the training rows.")
    optimizer: Optimizer = Field(
        default_factory=lambda: Adam(type="adam"), description="Of every role without its own."
    )
    lr_schedule: LrSchedule = Field(default_factory=lambda: ConstantLr(type="constant"))
    metrics: tuple[Metric, ...] = Field(
        (), description="Computed at evaluations, beside the loss. Default: those of the task."
    )
    evaluate_every_epochs: PositiveInt | None = Field(
        None, description="Default: once, at the end. Every evaluation drains the pipeline."
    )
