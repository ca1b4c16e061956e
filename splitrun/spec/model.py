"""What a spec says, as frozen pydantic models; their fields are the keys of the YAML.

These models know types, ranges and short forms. What ties several keys together is in `check`;
where a key stands in its file is known to `load`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_serializer, model_validator

from splitrun.components import RUNTIMES
from splitrun.spec.contracts import HookSection, ModelSection, RuleSection, SinkSection
from splitrun.spec.datasets import DatasetSection
from splitrun.spec.faults import Fault
from splitrun.spec.files import Columns, PartyReading, dropped, named
from splitrun.spec.measures import LossSection
from splitrun.spec.section import (
    EXPERIMENT_PATTERN,
    Name,
    NonNegativeFloat,
    NonNegativeInt,
    OneOf,
    PositiveFloat,
    PositiveInt,
    Section,
    Seed,
    ThreadCount,
)
from splitrun.spec.training import Clip, Optimizer, Training

BottomModel = Annotated[ModelSection, OneOf("bottoms")]
TopModel = Annotated[ModelSection, OneOf("tops")]
Rule = Annotated[RuleSection, OneOf("compensation")]


WORD_OR = {
    "depth": ("number", "word"),
    "compensation": ("list", "section", "word"),
    "deadline_s": ("number", "word"),
    "columns": ("list", "section"),
    "class_weights": ("section", "word"),
    "label": ("list", "word"),
    "metrics": ("section", "word"),
}
"""Keys that take a word or something else, or a list of such, and how pydantic's locations tag
which it is."""


def _word_or_number(value: Any) -> str:
    return "word" if isinstance(value, str) else "number"


def _word_section_or_list(value: Any) -> str:
    if value in NO_SHORT_FORMS["pipeline", "compensation"]:
        return "word"
    return "list" if isinstance(value, list | tuple) else "section"


ResourceName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.:-]*$", max_length=200)]
"""Of what Ray counts."""

Depth = Annotated[
    Annotated[PositiveInt, Tag("number")] | Annotated[Literal["auto"], Tag("word")],
    Discriminator(_word_or_number),
]

Compensation = Annotated[
    Annotated[tuple[Rule, ...], Field(min_length=1), Tag("list")]
    | Annotated[Rule, Tag("section")]
    | Annotated[Literal["none", "auto"], Tag("word")],
    Discriminator(_word_section_or_list),
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


Codec = Literal["none", "fp16", "bf16", "int8"]


class Link(Section):
    """What lies between two parties, and how they encode what they send over it. Explicit values
    win over the preset's."""

    preset: Literal["lan", "metro", "wan"] | None = None
    latency_ms: NonNegativeFloat = Field(0, description="One way.")
    bandwidth_mbps: PositiveFloat | None = Field(
        None, description="10^6 bit/s, per direction; default: without limit."
    )
    jitter_ms: NonNegativeFloat = Field(0, description="Uniform in [0, jitter_ms].")
    codec: Codec = Field(
        "none",
        description="What cuts and gradients are encoded as: 16 bits a number, or 8 bits and a "
        "32-bit scale for each row. Weights change with it.",
    )

    @property
    def is_emulated(self) -> bool:
        """Whether it makes messages later."""
        return bool(self.latency_ms or self.bandwidth_mbps or self.jitter_ms)

    @model_serializer(mode="wrap")
    def _without_codec(self, serialize: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        """A link without one is written as it was when there was none."""
        given = serialize(self)
        return {key: value for key, value in given.items() if (key, value) != ("codec", "none")}

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("preset"), str):
            known = PRESETS.get(value["preset"])
            if known:
                return {"latency_ms": known[0], "bandwidth_mbps": known[1]} | value
        return value


class CheckpointSection(Section):
    """Checkpoints, from which an interrupted or killed run goes on. Each drains the pipeline."""

    every_steps: PositiveInt | None = Field(None, description="Training steps between two.")
    every_epochs: PositiveInt | None = Field(None, description="Or epochs between two.")
    keep: PositiveInt = Field(2, description="So many of the newest are kept.")


Deadline = Annotated[
    Annotated[PositiveFloat, Tag("number")] | Annotated[Literal["auto"], Tag("word")],
    Discriminator(_word_or_number),
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


WARM_START: Any = Field(
    None,
    description="A safetensors file of the weights to begin with, such as of another run's model/; "
    "relative to the spec.",
)
FREEZE: Any = Field(
    (), description="Names of parameters that do not learn, with `*` and `?`; `['*']` is all."
)


class RayResources(Section):
    """What a party's actor takes of a Ray cluster, which puts it on a node that has that."""

    num_cpus: Annotated[PositiveFloat, Field(le=4096)] = 1.0
    num_gpus: Annotated[NonNegativeFloat, Field(le=1024)] = 0.0
    resources: dict[ResourceName, Annotated[PositiveFloat, Field(le=1e9)]] = Field(
        default_factory=dict,
        description="Of nodes that were started with `ray start --resources`, by name.",
    )


class PartySection(Section):
    """An organisation. Without `bottom` it has no features of its own."""

    path: str | None = Field(None, description="Its own file; relative to the spec.")
    test_path: str | None = Field(None, description="A file of rows that are held out.")
    key: str | None = Field(None, description="Its own name for `dataset.key`.")
    on: str | None = Field(
        None,
        description="The label holder's column that refers to its key (default: the label "
        "holder's own key); there it may repeat.",
    )
    reading: PartyReading | None = Field(
        None, description="How its file is read, where that is not as the dataset says."
    )
    columns: Columns = Field((), description='A list, "*" for all, or {drop: [...]}.')
    bottom: BottomModel | None = None
    scaling: Literal["standard", "minmax", "robust", "none"] = Field(
        "standard", description="Of numeric columns, fitted on the training rows."
    )
    depth: PositiveInt | None = Field(None, description="Overrides `pipeline.depth`.")
    optimizer: Optimizer | None = Field(None, description="Overrides `training.optimizer`.")
    clip: Clip | None = Field(None, description="Overrides `training.clip`.")
    warm_start: str | None = WARM_START
    freeze: tuple[str, ...] = FREEZE
    compute: Compute | None = None
    ray: RayResources | None = Field(None, description="Of its actor, under `runtime: ray`.")

    @property
    def listed(self) -> tuple[str, ...]:
        """The columns that it names, if it names them."""
        return named(self.columns)

    @property
    def dropped(self) -> tuple[str, ...]:
        """The columns of its file that it leaves out, if it takes all others."""
        return dropped(self.columns)


class Top(Section):
    """The label holder's model over the fused cuts. Without `model`, they are the output."""

    party: Name = Field(description="The label holder.")
    fusion: Literal["concat", "sum", "mean"] = "concat"
    model: TopModel | None = None
    loss: Annotated[LossSection, OneOf("losses")]
    optimizer: Optimizer | None = Field(None, description="Overrides `training.optimizer`.")
    clip: Clip | None = Field(None, description="Overrides `training.clip`.")
    warm_start: str | None = WARM_START
    freeze: tuple[str, ...] = FREEZE
    compute: Compute | None = None


if TYPE_CHECKING:
    RuntimeName = str
else:
    RuntimeName = Literal[tuple(RUNTIMES)]


class Runtime(Section):
    """What runs the plan; the result does not depend on it."""

    type: RuntimeName = Field(
        "threaded",
        description="All roles in one thread, a thread for each, or a process for each party, over "
        "shared memory or gRPC; or an actor of a Ray cluster for each party.",
    )
    address: str | None = Field(
        None,
        description="Under `ray`: the cluster, as `HOST:PORT`, or `auto` for the one that runs on "
        "this machine. Default: one is started here for the run.",
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
    dataset: Annotated[DatasetSection, OneOf("sources")]
    parties: dict[Name, PartySection] = Field(
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
    checkpoint: CheckpointSection | None = None
    supervision: Supervision = Field(default_factory=Supervision)
    faults: tuple[Fault, ...] = Field(
        (), description="What is to go wrong in `splitrun train`, so that one sees how it ends."
    )
    hooks: tuple[Annotated[HookSection, OneOf("hooks")], ...] = Field(
        (), description="What acts on the run from outside; the first is the outermost."
    )
    sinks: tuple[Annotated[SinkSection, OneOf("sinks")], ...] = Field(
        (), description="What also takes the events of `splitrun train`."
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
    ("top", "loss"): "type",
    ("pipeline", "compensation"): "type",
    ("pipeline", "compensation", "[]"): "type",
    ("hooks", "[]"): "type",
    ("sinks", "[]"): "type",
}
"""Where one word may stand for a mapping, and the key it is the value of; `*` is any key, and
`[]` any item of a list.

`links: wan` is short for `{default: wan}`, and that for `{default: {preset: wan}}`."""

NO_SHORT_FORMS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("pipeline", "compensation"): ("none", "auto"),
}
"""Words that are values of their own where others are short forms."""
