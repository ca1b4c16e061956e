"""A case known from the field: the split of a logistic regression against the whole of it.

1,024 rows of 8 uniform features, four a party; one bias-free Linear(4 -> 1) a party, summed, then
the sigmoid; RMSprop, batches of 128, one epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from splitrun.data import BatchOrder
from tests.runtime.running import Content, modules_of, prepared, trained

ROWS = 1024


def content(path: Path) -> Content:
    bottom = {"type": "mlp", "out": 1, "bias": False}
    return {
        "name": "field",
        "dataset": {
            "type": "csv",
            "path": str(path),
            "label": "y",
            "batch_size": 128,
            "test_fraction": 0,
        },
        "parties": {
            "host": {"columns": [f"x{i}" for i in range(4)], "bottom": bottom, "scaling": "none"},
            "guest": {
                "columns": [f"x{i}" for i in range(4, 8)],
                "bottom": bottom,
                "scaling": "none",
            },
        },
        "top": {"party": "host", "fusion": "sum", "loss": "binary_cross_entropy"},
        "training": {"optimizer": {"type": "rmsprop", "lr": 0.01}},
    }


@pytest.fixture
def table(tmp_path: Path) -> tuple[Path, np.ndarray, np.ndarray]:
    random = np.random.default_rng(42)
    features = random.uniform(size=(ROWS, 8)).astype(np.float32)
    label = (features.sum(axis=1) + random.normal(0, 0.5, ROWS) > 4).astype(np.float32)
    lines = [",".join([*(f"x{i}" for i in range(8)), "y"])]
    lines += [
        ",".join([*(repr(float(value)) for value in row), str(int(y))])
        for row, y in zip(features, label, strict=True)
    ]
    path = tmp_path / "field.csv"
    path.write_text("\n".join(lines) + "\n")
    return path, features, label


def joined(modules: Mapping[str, nn.Module]) -> torch.Tensor:
    """The weights of both bottoms' first layers, side by side."""
    layers: list[Any] = [modules[f"{name}.bottom"] for name in ("host", "guest")]
    return torch.cat([layer[0].weight.detach() for layer in layers], dim=1)


def test_the_split_has_the_monoliths_weights(
    table: tuple[Path, np.ndarray, np.ndarray],
) -> None:
    path, features, label = table
    experiment = prepared(content(path))
    weight = joined(modules_of(experiment))
    weight.requires_grad_()
    optimizer = torch.optim.RMSprop([weight], lr=0.01)
    x, y = torch.from_numpy(features), torch.from_numpy(label)
    order = BatchOrder(torch.arange(ROWS), 128, experiment.plan.seed)
    for step in range(8):
        ids = order.ids_at(step)
        optimizer.zero_grad()
        predicted = torch.sigmoid(functional.linear(x[ids], weight))[:, 0]
        torch.autograd.backward(functional.binary_cross_entropy(predicted, y[ids]))
        optimizer.step()
    stages = trained(experiment, "threaded").stages
    ours = joined({role: stage.module for role, stage in stages.items()})
    torch.testing.assert_close(ours, weight.detach(), rtol=0, atol=1e-6)
