"""How long and with what the models learn: the keys of `training`, some of which a role may have of
its own."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from splitrun.spec.contracts import LrScheduleSection, OptimizerSection
from splitrun.spec.measures import Metric, MetricSection
from splitrun.spec.section import (
    NonNegativeFloat,
    OneOf,
    PositiveFloat,
    PositiveInt,
    RowWeight,
    Section,
    of_type,
)

Optimizer = Annotated[OptimizerSection, OneOf("optimizers")]
LrSchedule = Annotated[LrScheduleSection, OneOf("lr_schedules")]


def _word_or_section(value: Any) -> str:
    return "word" if isinstance(value, str) else "section"


ClassWeights = Annotated[
    Annotated[dict[str, RowWeight], Tag("section")] | Annotated[Literal["balanced"], Tag("word")],
    Discriminator(_word_or_section),
]


def _section_or_word(value: Any) -> str:
    return "section" if isinstance(value, dict | Section) else "word"


AnyMetric = Annotated[
    Annotated[Metric, Tag("word")] | Annotated[MetricSection, OneOf("metrics"), Tag("section")],
    Discriminator(_section_or_word),
]


Precision = Literal["float32", "bf16"]


class EarlyStopping(Section):
    """When a run ends before its last epoch. It ends with the weights of its best evaluation,
    whenever that is."""

    metric: str = Field("loss", description="`loss` or a metric, on the validation rows.")
    patience: PositiveInt = Field(
        3, description="Evaluations without a better one, after which the run ends."
    )
    min_delta: NonNegativeFloat = Field(
        0.0, description="One is better that is better by more than this."
    )


class Clip(Section):
    """Gradients are made smaller before each update, those of each role by themselves: a norm over
    all roles would have everybody wait for everybody."""

    norm: PositiveFloat | None = Field(
        None, description="The most that the norm of all of a role's gradients together may be."
    )
    value: PositiveFloat | None = Field(
        None, description="Instead: the most that any number of a gradient may be, up or down."
    )


class Training(Section):
    """How long and with what the models learn."""

    epochs: PositiveInt = Field(1, description="Passes over the training rows.")
    optimizer: Optimizer = Field(
        default_factory=lambda: of_type("optimizers", "adam"),
        description="Of every role without its own.",
    )
    lr_schedule: LrSchedule = Field(default_factory=lambda: of_type("lr_schedules", "constant"))
    metrics: tuple[AnyMetric, ...] = Field(
        (),
        description="Computed at evaluations, beside the loss: by name, or a class of your own. "
        "Default: those of the task.",
    )
    evaluate_every_epochs: PositiveInt | None = Field(
        None,
        description="Default: once, at the end, or with early stopping after every epoch. Every "
        "evaluation drains the pipeline.",
    )
    evaluate_every_steps: PositiveInt | None = Field(
        None, description="Instead of epochs; and at the end."
    )
    early_stopping: EarlyStopping | None = None
    class_weights: ClassWeights | None = Field(
        None,
        description="What a training row of each class counts for in the loss, such as "
        "{yes: 5}, and 1 where it does not say; `balanced`: all classes count for the same.",
    )
    clip: Clip | None = Field(None, description="Of every role without its own.")
    precision: Precision = Field(
        "float32",
        description="What forwards and backwards compute in; `bf16`: bfloat16, where PyTorch's "
        "autocast has it. Weights, losses, updates and what crosses are float32 all the same.",
    )
