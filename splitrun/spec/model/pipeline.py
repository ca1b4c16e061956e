"""What is in flight while a batch travels."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from splitrun.spec.model.section import NonNegativeInt, PositiveInt, Section

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
