"""What a bottom or the top computes."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Discriminator, Field, Tag

from splitrun.spec.model.section import ClassPath, Fraction, PositiveInt, Section


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
