"""What is learned, and with which optimizer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.datasets import load_digits

from splitrun.party import Parties
from splitrun.spec import Spec, loads
from splitrun.spec.measures import Metric

Content = dict[str, Any]
_BESIDE = Path(__file__).parents[4] / "shared" / "data"
"""Where the bank data may be, beside the checkout; else `SPLITRUN_DATA_DIR` names the place."""


@dataclass(frozen=True)
class Task:
    """A dataset with the model that learns it."""

    title: str
    metric: Metric
    chance: float
    """What the metric comes to where nothing was learned."""
    content: Content
    """Of the spec, without optimizer and pipeline."""
    steps: int
    """Of one training."""
    evaluate_every_epochs: int | None = None
    keeps_losses: bool = False


def _two(alice: Content, bob: Content, top: Content, loss: str) -> Content:
    model = {"party": "alice", "fusion": "concat", "model": top, "loss": loss}
    return {"parties": {"alice": alice, "bob": bob}, "top": model}


def _mlp(hidden: int, out: int) -> Content:
    return {"type": "mlp", "hidden": [hidden], "out": out}


_CLIENT = ["age", "job", "marital", "education"]
_CAMPAIGN = [
    *("default", "balance", "housing", "loan", "contact", "day", "month", "duration"),
    *("campaign", "pdays", "previous", "poutcome"),
]
_BANK = _two(
    {"columns": _CLIENT, "bottom": _mlp(100, 64)},
    {"columns": _CAMPAIGN, "bottom": _mlp(100, 64)},
    _mlp(64, 1),
    "binary_cross_entropy",
)
_SYNTHETIC = _two(
    {"bottom": _mlp(64, 32)}, {"bottom": _mlp(64, 32)}, _mlp(32, 1), "binary_cross_entropy"
)
_PIXELS = [f"pixel{index}" for index in range(64)]
_DIGITS = _two(
    {"columns": _PIXELS[:32], "bottom": _mlp(64, 32)},
    {"columns": _PIXELS[32:], "bottom": _mlp(64, 32)},
    _mlp(64, 10),
    "cross_entropy",
)


def _bank(size: str, epochs: int) -> Content:
    dataset = {"type": "bank_marketing", "size": size, "batch_size": 128}
    return {"dataset": dataset, **_BANK, "training": {"epochs": epochs}}


TASKS: Mapping[str, Task] = {
    "bank": Task("bank marketing, 4,521 rows, 20 epochs", "auroc", 0.5, _bank("small", 20), 580),
    "bank_epochs": Task(
        "bank marketing, 4,521 rows, 20 epochs, evaluated after each",
        "auroc",
        0.5,
        _bank("small", 20),
        580,
        evaluate_every_epochs=1,
    ),
    "bank_full": Task(
        "bank marketing, 45,211 rows, 5 epochs", "auroc", 0.5, _bank("full", 5), 1_415
    ),
    "bank_full_epochs": Task(
        "bank marketing, 45,211 rows, 20 epochs, evaluated after each",
        "auroc",
        0.5,
        _bank("full", 20),
        5_660,
        evaluate_every_epochs=1,
    ),
    "synthetic": Task(
        "synthetic, 100,000 rows, 6 epochs",
        "auroc",
        0.5,
        {
            "dataset": {"type": "synthetic", "rows": 100_000, "numeric": 8, "batch_size": 256},
            **_SYNTHETIC,
            "training": {"epochs": 6},
        },
        1_878,
        keeps_losses=True,
    ),
    "digits": Task(
        "scikit-learn's digits, 1,797 rows, 20 epochs",
        "accuracy",
        0.1,
        {
            "dataset": {"type": "csv", "path": "digits.csv", "label": "digit", "batch_size": 64},
            **_DIGITS,
            "training": {"epochs": 20},
        },
        460,
    ),
}

OPTIMIZERS: Mapping[str, Content] = {
    "adam": {"type": "adam", "lr": 0.001},
    "adamw": {"type": "adamw", "lr": 0.001},
    "sgd": {"type": "sgd", "lr": 0.1, "momentum": 0.9},
}


def spec_of(task: str, seed: int, **sections: Content) -> Spec:
    """The spec at a seed, which rules its split, too.

    Args:
        sections: by their names, what is to be added to them.
    """
    given = TASKS[task]
    content: Content = json.loads(json.dumps(given.content))
    content |= {"name": task, "seed": seed, "runtime": {"type": "serial", "intra_op_threads": 1}}
    content["dataset"]["split_seed"] = seed
    content["training"]["metrics"] = [given.metric]
    if given.evaluate_every_epochs:
        content["training"]["evaluate_every_epochs"] = given.evaluate_every_epochs
    for name, section in sections.items():
        content[name] = content.get(name, {}) | section
    return loads(json.dumps(content), "study.yaml").spec


@lru_cache(maxsize=2)
def parties_of(task: str, seed: int, directory: Path) -> Parties:
    """The rows as they are split at a seed."""
    if task == "digits":
        _write_digits(directory / "digits.csv")
    data_dir = _BESIDE if _BESIDE.is_dir() else None
    return Parties.load(spec_of(task, seed), directory, data_dir=data_dir)


def _write_digits(path: Path) -> None:
    if path.exists():
        return
    digits = load_digits()
    table = pd.DataFrame(digits.data, columns=_PIXELS)
    table["digit"] = [f"d{label}" for label in digits.target]
    partial = path.with_suffix(f".{id(table)}.partial")
    table.to_csv(partial, index=False)
    partial.replace(path)
