"""Losses over the top model's outputs, and what those outputs predict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

LossName = Literal["binary_cross_entropy", "cross_entropy", "mse"]

LOSSES: dict[LossName, Callable[[Tensor, Tensor], Tensor]] = {
    "binary_cross_entropy": functional.binary_cross_entropy_with_logits,
    "cross_entropy": functional.cross_entropy,
    "mse": functional.mse_loss,
}
"""Mean over the rows. Outputs are logits for the cross-entropies, `[rows, 1]` for binary with
float32 labels `[rows, 1]`, `[rows, classes]` with int64 labels `[rows]` else."""


def predictions(loss: LossName, outputs: Tensor) -> Tensor:
    """Probabilities (of class 1, or of every class) or, for regression, the outputs themselves."""
    if loss == "binary_cross_entropy":
        return torch.sigmoid(outputs)
    if loss == "cross_entropy":
        return torch.softmax(outputs, dim=1)
    return outputs
