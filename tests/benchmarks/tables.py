"""A bottom that is mostly an embedding table of any size."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Table(nn.Module):
    """Looks up every categorical column in one sparse table, spread over all of its rows."""

    def __init__(self, rows: int, cardinalities: tuple[int, ...]) -> None:
        super().__init__()
        self.spread = max(1, rows // max(cardinalities))
        self.rows = rows
        self.table = nn.Embedding(rows, 16, sparse=True)
        self.layers = nn.Sequential(
            nn.Linear(16 * len(cardinalities), 64), nn.ReLU(), nn.Linear(64, 32)
        )

    def forward(self, _: Tensor, codes: Tensor) -> Tensor:
        """`codes` int64 `[rows, columns]`; gives `[rows, 32]`."""
        output: Tensor = self.layers(torch.flatten(self.table(codes * self.spread % self.rows), 1))
        return output
