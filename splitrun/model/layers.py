"""The built-in models: a multi-layer perceptron, and one over embedded categories."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from splitrun.model.mlp import MlpLayers

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "silu": nn.SiLU,
}
_NORMALIZATIONS: dict[str, type[nn.Module]] = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}


def mlp(in_features: int, layers: MlpLayers) -> nn.Sequential:
    """A perceptron from `[rows, in_features]` to `[rows, layers.out]`."""
    modules: list[nn.Module] = []
    width = in_features
    for hidden in layers.hidden:
        modules.append(nn.Linear(width, hidden, bias=layers.bias))
        if layers.normalization != "none":
            modules.append(_NORMALIZATIONS[layers.normalization](hidden))
        modules.append(_ACTIVATIONS[layers.activation]())
        if layers.dropout:
            modules.append(nn.Dropout(layers.dropout))
        width = hidden
    modules.append(nn.Linear(width, layers.out, bias=layers.bias))
    return nn.Sequential(*modules)


class EmbeddingPerceptron(nn.Module):
    """Embeds categorical codes, joins the numeric columns, and applies a perceptron.

    Args:
        numeric: number of numeric columns.
        cardinalities: codes per categorical column, the code 0 for unknown values among them.
    """

    def __init__(
        self,
        numeric: int,
        cardinalities: Sequence[int],
        *,
        embedding_dim: int,
        sparse: bool,
        layers: MlpLayers,
    ) -> None:
        super().__init__()
        self.embeddings = nn.ModuleList(
            nn.Embedding(count, embedding_dim, sparse=sparse) for count in cardinalities
        )
        self.mlp = mlp(numeric + embedding_dim * len(cardinalities), layers)

    def forward(self, numeric: Tensor, codes: Tensor) -> Tensor:
        """`numeric` is float32 `[rows, n]`, `codes` int64 `[rows, c]`; gives `[rows, out]`."""
        embedded = [embed(codes[:, i]) for i, embed in enumerate(self.embeddings)]
        output: Tensor = self.mlp(torch.cat([numeric, *embedded], dim=1))
        return output
