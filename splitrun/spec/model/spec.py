"""A whole experiment: its parties, its top, and everything else by section."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from splitrun.spec.model.checkpoint import Checkpoint
from splitrun.spec.model.dataset import Dataset
from splitrun.spec.model.faults import Fault
from splitrun.spec.model.layers import BottomModel, TopModel
from splitrun.spec.model.pipeline import Pipeline
from splitrun.spec.model.section import (
    EXPERIMENT_PATTERN,
    Name,
    PositiveFloat,
    PositiveInt,
    Section,
    Seed,
    ThreadCount,
)
from splitrun.spec.model.supervision import Supervision
from splitrun.spec.model.timing import Compute, Link
from splitrun.spec.model.training import Optimizer, Training


class Party(Section):
    """An organisation. Without `bottom` it has no features of its own."""

    columns: tuple[str, ...] = ()
    bottom: BottomModel | None = None
    scaling: Literal["standard", "minmax", "robust", "none"] = Field(
        "standard", description="Of numeric columns, fitted on the training rows."
    )
    depth: PositiveInt | None = Field(None, description="Overrides `pipeline.depth`.")
    optimizer: Optimizer | None = Field(None, description="Overrides `training.optimizer`.")
    compute: Compute | None = None


class Top(Section):
    """The label holder's model over the fused cuts. Without `model`, they are the output."""

    party: Name = Field(description="The label holder.")
    fusion: Literal["concat", "sum", "mean"] = "concat"
    model: TopModel | None = None
    loss: Literal["binary_cross_entropy", "cross_entropy", "mse"]
    optimizer: Optimizer | None = Field(None, description="Overrides `training.optimizer`.")
    compute: Compute | None = None


class Runtime(Section):
    """What runs the plan; the result does not depend on it."""

    type: Literal["serial", "threaded"] = Field(
        "threaded", description="All roles in one thread, or a thread for each."
    )
    intra_op_threads: ThreadCount = Field(
        1, description="PyTorch threads per role. Other counts may round differently."
    )
    memory_limit_mb: PositiveFloat | None = Field(
        None,
        description="What the plan's roles may hold together at their peak, in 10^6 bytes; data, "
        "Python and PyTorch come on top.",
    )
    checksums: Literal["auto", "on", "off"] = Field(
        "auto", description="Of messages. `auto`: only where a fault damages one."
    )


class Spec(Section):
    """A whole experiment."""

    name: Annotated[str, Field(pattern=EXPERIMENT_PATTERN, max_length=80)] = Field(
        description="Names the run directories; default: the file's name without its ending, if it "
        "has only letters, digits, '_', '-' and '.'."
    )
    seed: Seed = Field(0, description="Rules initial weights, batch order and dropout.")
    dataset: Dataset
    parties: dict[Name, Party] = Field(
        min_length=2, max_length=64, description="The organisations, by name."
    )
    top: Top
    training: Training = Field(default_factory=Training)
    pipeline: Pipeline = Field(default_factory=Pipeline)
    links: dict[str, Link] = Field(
        default_factory=dict,
        description="`default`, `bob-alice` (both directions) or `bob->alice`; the finest wins.",
    )
    runtime: Runtime = Field(default_factory=Runtime)
    checkpoint: Checkpoint | None = None
    supervision: Supervision = Field(default_factory=Supervision)
    faults: tuple[Fault, ...] = Field(
        (), description="What is to go wrong in `splitrun train`, so that one sees how it ends."
    )


SHORT_FORMS: dict[tuple[str, ...], str] = {
    ("dataset",): "type",
    ("links",): "default",
    ("pipeline",): "schedule",
    ("runtime",): "type",
    ("links", "*"): "preset",
    ("training", "optimizer"): "type",
    ("training", "lr_schedule"): "type",
    ("parties", "*", "optimizer"): "type",
    ("top", "optimizer"): "type",
}
"""Where one word may stand for a mapping, and the key it is the value of; `*` is any key.

`links: wan` is short for `{default: wan}`, and that for `{default: {preset: wan}}`."""
