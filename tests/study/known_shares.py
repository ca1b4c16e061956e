"""Rows whose label two parties know half of each, and a third one nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

PARTIES = {"alice": ("a0", "a1"), "bob": ("b0", "b1"), "carol": ("c0", "c1")}
"""The label holder, the other half of the signal, and pure noise."""
_WEIGHTS = {"a0": 1.0, "a1": 1.0, "b0": 1.3, "b1": 0.5}
_NOISE = 1.0


def write(path: Path, parts: dict[str, int], stream: int) -> None:
    """A CSV file with so many rows of each part, in a column `part`."""
    rows = sum(parts.values())
    drawn = np.random.default_rng(stream)
    names = [name for columns in PARTIES.values() for name in columns]
    columns = dict(zip(names, drawn.standard_normal((len(names), rows)), strict=True))
    signal = sum((weight * columns[name] for name, weight in _WEIGHTS.items()), np.zeros(rows))
    label = signal + _NOISE * drawn.standard_normal(rows) > 0
    of = np.repeat(list(parts), list(parts.values()))
    table = zip(
        *(column.round(4) for column in columns.values()), label.astype(int), of, strict=True
    )
    lines = [",".join([*names, "y", "part"]), *(",".join(map(str, row)) for row in table)]
    path.write_text("\n".join(lines) + "\n")


def spec(path: Path, **changes: Any) -> dict[str, Any]:
    """What learns from it: decided on the rows of part `validation`."""
    split = {"by": "column", "column": "part", "test": ["test"], "validation": ["validation"]}
    bottom = {"type": "mlp", "hidden": [8], "out": 4}
    return {
        "name": "shares",
        "dataset": {
            "type": "csv",
            "path": str(path),
            "label": "y",
            "split": split,
            "batch_size": 64,
        },
        "parties": {
            name: {"columns": list(columns), "bottom": bottom} for name, columns in PARTIES.items()
        },
        "top": {
            "party": "alice",
            "model": {"type": "mlp", "out": 1},
            "loss": "binary_cross_entropy",
        },
        "training": {
            "epochs": 8,
            "optimizer": {"type": "adam", "lr": 0.01},
            "metrics": ["auroc"],
        },
        "runtime": "serial",
        **changes,
    }
