"""The built-in models' sections: a multi-layer perceptron, and one over embedded categories."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from splitrun.errors import Path, Problem
from splitrun.spec.contracts import ModelSection
from splitrun.spec.effective import optimizer_of
from splitrun.spec.section import Fraction, PositiveInt

if TYPE_CHECKING:
    from torch import nn

    from splitrun.data import InputShape
    from splitrun.spec import Spec


class MlpLayers(ModelSection):
    """Hidden layers, each with normalization, activation and dropout after it; a linear layer."""

    is_own: ClassVar[bool] = True

    hidden: tuple[PositiveInt, ...] = Field((), description="Widths of the hidden layers.")
    out: PositiveInt = Field(description="Width of the output.")
    activation: Literal["relu", "gelu", "tanh", "sigmoid", "silu"] = "relu"
    normalization: Literal["none", "batch", "layer"] = "none"
    dropout: Fraction = 0.0
    bias: bool = True

    @property
    def width(self) -> int:
        """As stated under `out`."""
        return self.out

    def problems(self, spec: Spec, path: Path) -> Iterator[Problem]:
        """Batch normalization where a batch has no statistics, or a slice has others."""
        if self.normalization != "batch" or not self.hidden:
            return
        place = (*path, "normalization")
        if spec.pipeline.schedule == "microbatch":
            what = "batch statistics of a slice are not those of its batch"
            remedy = "use layer with the schedule microbatch, or another schedule"
            yield Problem(place, what, remedy)
        elif spec.dataset.smallest_batch == 1:
            what = "a batch of one row has no batch statistics"
            yield Problem(place, what, "change dataset.batch_size, or use layer")


class Mlp(MlpLayers):
    """A multi-layer perceptron over numbers and one-hot categories."""

    type: Literal["mlp"]

    @property
    def width_key(self) -> Path:
        """`out`."""
        return ("out",)

    def build(self, inputs: InputShape, directory: FilePath) -> nn.Module:  # noqa: ARG002
        """A perceptron from `[rows, inputs.width]` to `[rows, out]`."""
        from splitrun.model.layers import mlp

        return mlp(inputs.width, self)


class EmbeddingMlp(MlpLayers):
    """Embeds each categorical column, joins the numeric columns, and applies a perceptron."""

    type: Literal["embedding_mlp"]
    embedding_dim: PositiveInt = 16
    sparse: bool = Field(False, description="Sparse embedding gradients: a step touches few rows.")

    @property
    def takes(self) -> Literal["one_hot", "codes"]:
        """Codes, which the tables are looked up by."""
        return "codes"

    @property
    def may_be_sparse(self) -> bool:
        """As stated under `sparse`."""
        return self.sparse

    def problems(self, spec: Spec, path: Path) -> Iterator[Problem]:
        """No categories, or an optimizer that takes no sparse gradients; `path` is a party's."""
        yield from super().problems(spec, path)
        if spec.dataset.has_categories is False:
            what = f"{self.type} has nothing to embed: dataset.categorical is 0"
            yield Problem((*path, "type"), what, "set dataset.categorical, or use mlp")
        party = str(path[1])
        why = optimizer_of(spec, party).refuses_sparse
        if self.sparse and why:
            remedy = f"set parties.{party}.optimizer to sparse_adam, plain sgd or adagrad"
            yield Problem((*path, "sparse"), why, remedy)

    def unfit(self, inputs: InputShape) -> tuple[str, str] | None:
        """No categories, which only the data can tell."""
        if inputs.cardinalities:
            return None
        what = f"{self.type} has nothing to embed: no column of the party is categorical"
        return what, "list columns under dataset.categorical, or use mlp"

    def build(self, inputs: InputShape, directory: FilePath) -> nn.Module:  # noqa: ARG002
        """A table for each categorical column, and a perceptron over all."""
        from splitrun.model.layers import EmbeddingPerceptron

        return EmbeddingPerceptron(
            inputs.numeric,
            inputs.cardinalities,
            embedding_dim=self.embedding_dim,
            sparse=self.sparse,
            layers=self,
        )
