"""What a spec says, as frozen pydantic models; their fields are the keys of the YAML.

These models know types, ranges and short forms. What ties several keys together is in `check`;
where a key stands in its file is known to `load`.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Discriminator, Field, Tag, model_validator

from splitrun.spec.faults import Fault
from splitrun.spec.section import (
    DELIMITER_PATTERN,
    EXPERIMENT_PATTERN,
    Cardinality,
    ClassCount,
    ClassPath,
    ColumnCount,
    Fraction,
    Name,
    NonNegativeFloat,
    NonNegativeFloat32,
    NonNegativeInt,
    PositiveFloat,
    PositiveFloat32,
    PositiveInt,
    Section,
    Seed,
    ThreadCount,
)


class DatasetSection(Section):
    """What every dataset has."""

    test_fraction: Fraction = Field(0.2, description="Share of the rows held out for evaluation.")
    split_seed: Seed = Field(0, description="Rules which rows are held out; `seed` does not.")
    batch_size: PositiveInt = Field(128, description="Rows per training batch.")


class FileDataset(DatasetSection):
    """What every dataset that is read from a file has."""

    missing: Literal["error", "mean"] = Field(
        "error", description="Empty numeric cells: refuse, or fill with the training mean."
    )
    categorical: tuple[str, ...] = Field(
        (), description="Columns to read as categories although they hold numbers."
    )
    positive: str | None = Field(
        None, description="For binary labels: the value that counts as 1 (default: the greater)."
    )


class CsvDataset(FileDataset):
    """One CSV file with a header; the parties share out its columns."""

    type: Literal["csv"]
    path: str = Field(description="The file; relative to the spec.")
    label: str = Field(description="The column to predict.")
    delimiter: str = Field(",", min_length=1, max_length=1, pattern=DELIMITER_PATTERN)


class BankMarketingDataset(FileDataset):
    """UCI Bank Marketing (Moro, Cortez and Rita, 2014): 4,521 rows, or all 45,211."""

    type: Literal["bank_marketing"]
    size: Literal["small", "full"] = "small"
    label: str = Field("y", description="The column to predict.")


class SyntheticDataset(DatasetSection):
    """Generated rows whose label depends on every party's columns."""

    type: Literal["synthetic"]
    rows: PositiveInt = 10_000
    numeric: ColumnCount = Field(8, description="Numeric columns per party.")
    categorical: ColumnCount = Field(0, description="Categorical columns per party.")
    cardinality: Cardinality = Field(1_000, description="Distinct values of a categorical column.")
    classes: ClassCount = Field(2, description="For classification.")
    noise: Annotated[float, Field(strict=True, ge=0, le=1e6)] = Field(
        0.1, description="Standard deviation of the noise, as a multiple of the signal's."
    )
    generator_seed: Seed = Field(0, description="Rules the rows; `seed` does not.")
    label: str = Field("label", description="The column to predict.")

    def columns_of(self, party: str) -> tuple[str, ...]:
        """The columns generated for a party: `bob_num0`, `bob_num1`, …, `bob_cat0`, …."""
        numeric = (f"{party}_num{index}" for index in range(self.numeric))
        categorical = (f"{party}_cat{index}" for index in range(self.categorical))
        return (*numeric, *categorical)


Dataset = Annotated[
    CsvDataset | BankMarketingDataset | SyntheticDataset, Field(discriminator="type")
]


def _finite(value: dict[str, Any]) -> dict[str, Any]:
    """Refuse NaN and infinity in keyword arguments, which no type guards."""
    pending: list[Any] = [value]
    while pending:
        part = pending.pop()
        if isinstance(part, float) and not math.isfinite(part):
            raise ValueError(f"holds {part}, which is not a finite number")
        if isinstance(part, dict | list):
            pending.extend(part.values() if isinstance(part, dict) else part)
    return value


class MlpLayers(Section):
    """Hidden layers, each with normalization, activation and dropout after it; a linear layer."""

    hidden: tuple[PositiveInt, ...] = Field((), description="Widths of the hidden layers.")
    out: PositiveInt = Field(description="Width of the output.")
    activation: Literal["relu", "gelu", "tanh", "sigmoid", "silu"] = "relu"
    normalization: Literal["none", "batch", "layer"] = "none"
    dropout: Fraction = 0.0
    bias: bool = True


class Mlp(MlpLayers):
    """A multi-layer perceptron over numbers and one-hot categories."""

    type: Literal["mlp"]


class EmbeddingMlp(MlpLayers):
    """Embeds each categorical column, joins the numeric columns, and applies a perceptron."""

    type: Literal["embedding_mlp"]
    embedding_dim: PositiveInt = 16
    sparse: bool = Field(False, description="Sparse embedding gradients: a step touches few rows.")


class CustomModule(Section):
    """Your own `torch.nn.Module`, importable or in a file next to the spec."""

    class_: ClassPath = Field(alias="class", description="`package.module:Class`.")
    kwargs: Annotated[dict[str, Any], AfterValidator(_finite)] = Field(
        default_factory=dict, description="Keyword arguments of its constructor."
    )


class CustomBottom(CustomModule):
    """Your own `torch.nn.Module` over a party's columns."""

    inputs: Literal["one_hot", "codes"] = Field(
        "one_hot",
        description="What forward() is given: one matrix with one-hot categories, "
        "or (numeric matrix, integer codes).",
    )


def _model_tag(value: Any) -> str | None:
    if isinstance(value, BaseModel):
        return getattr(value, "type", "class")
    if not isinstance(value, dict):
        return None
    return "class" if "class" in value else value.get("type")


BottomModel = Annotated[
    Annotated[Mlp, Tag("mlp")]
    | Annotated[EmbeddingMlp, Tag("embedding_mlp")]
    | Annotated[CustomBottom, Tag("class")],
    Discriminator(_model_tag),
]
TopModel = Annotated[
    Annotated[Mlp, Tag("mlp")] | Annotated[CustomModule, Tag("class")], Discriminator(_model_tag)
]


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


WORD_OR = {
    "depth": ("number", "word"),
    "compensation": ("list", "word"),
    "deadline_s": ("number", "word"),
}
"""Keys that take a word or something else, and how pydantic's locations tag which it is."""

Depth = Annotated[
    Annotated[PositiveInt, Tag("number")] | Annotated[Literal["auto"], Tag("word")],
    Discriminator(lambda value: WORD_OR["depth"][isinstance(value, str)]),
]

Rule = Literal["weight_prediction", "spike", "long_momentum", "discount"]
"""What a bottom may do about gradients that come late."""

Compensation = Annotated[
    Annotated[tuple[Rule, ...], Field(min_length=1), Tag("list")]
    | Annotated[Rule | Literal["none", "auto"], Tag("word")],
    Discriminator(lambda value: WORD_OR["compensation"][isinstance(value, str)]),
]


class Pipeline(Section):
    """What is in flight while a batch travels."""

    schedule: Literal["sequential", "microbatch", "stale"] = Field(
        "sequential",
        description="One batch at a time; its slices in flight; or several batches in flight.",
    )
    depth: Depth | None = Field(
        None,
        description="Most batches in flight per bottom, under `stale` (default 4). "
        "`auto` probes this machine and takes the least that gives nearly the best throughput, of "
        "those that are shown to be accurate; with `--unproven`, of all.",
    )
    max_staleness: NonNegativeInt | None = Field(
        None,
        description="The depth that `auto`, `plan --probe` and `compare` recommend is at most one "
        "more.",
    )
    micro_batches: PositiveInt | None = Field(
        None, description="Slices of a batch, under `microbatch` (default 4)."
    )
    compensation: Compensation = Field(
        "none",
        description="What bottoms do about late gradients, under `stale`: a rule or a list of "
        "them; `auto` takes those that fit each bottom's optimizer.",
    )


class Compute(Section):
    """Emulates hardware that is not here: an instruction lasts `scale` times as long as it took,
    or at least the milliseconds given for it, counted from its start."""

    scale: Annotated[float, Field(strict=True, ge=1)] | None = None
    forward_ms: NonNegativeFloat | None = None
    backward_ms: NonNegativeFloat | None = None
    update_ms: NonNegativeFloat | None = None
    loss_ms: NonNegativeFloat | None = None


PRESETS: dict[str, tuple[float, float]] = {
    "lan": (0.2, 10_000),
    "metro": (5, 1_000),
    "wan": (25, 100),
}
"""Latency in ms one way and bandwidth in Mbit/s per direction. SecretFlow's own benchmarks use
100 Mbit/s and a 50 ms round trip, which is `wan`."""


class Link(Section):
    """What lies between two parties. Explicit values win over the preset's."""

    preset: Literal["lan", "metro", "wan"] | None = None
    latency_ms: NonNegativeFloat = Field(0, description="One way.")
    bandwidth_mbps: PositiveFloat | None = Field(
        None, description="10^6 bit/s, per direction; default: without limit."
    )
    jitter_ms: NonNegativeFloat = Field(0, description="Uniform in [0, jitter_ms].")

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("preset"), str):
            known = PRESETS.get(value["preset"])
            if known:
                return {"latency_ms": known[0], "bandwidth_mbps": known[1]} | value
        return value


class Checkpoint(Section):
    """Checkpoints, from which an interrupted or killed run goes on. Each drains the pipeline."""

    every_steps: PositiveInt | None = Field(None, description="Training steps between two.")
    every_epochs: PositiveInt | None = Field(None, description="Or epochs between two.")
    keep: PositiveInt = Field(2, description="So many of the newest are kept.")


Deadline = Annotated[
    Annotated[PositiveFloat, Tag("number")] | Annotated[Literal["auto"], Tag("word")],
    Discriminator(lambda value: WORD_OR["deadline_s"][isinstance(value, str)]),
]


class Supervision(Section):
    """What happens when a run gets stuck or fails."""

    deadline_s: Deadline = Field(
        "auto",
        description="The longest that one instruction, or a message on its way, may take. `auto` "
        "is at least 10 s and grows with what is emulated and with what was seen.",
    )
    on_failure: Literal["stop", "restart"] = Field(
        "stop",
        description="`restart`: go on from the newest checkpoint or, without one, from the start; "
        "unless the failure would come again.",
    )
    restarts: NonNegativeInt = Field(3, description="At most so many, with `restart`.")


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
