"""Small runs to export, and what is predicted of their rows with and without splitrun."""

from __future__ import annotations

import copy
import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from splitrun.export import export
from splitrun.session import predict, prepare, train
from splitrun.spec import load
from tests.session.test_predict import write

HEADER = ("age", "price", "born", "job", "city", "y")
READING: dict[str, Any] = {
    "decimal": ",",
    "thousands": ".",
    "units": ["€"],
    "missing": "mean",
    "missing_values": ["?"],
    "categorical": ["city"],
    "dates": {"born": {"format": "%d.%m.%Y", "parts": ["elapsed", "weekday", "month"]}},
}
"""All that a file can be told of its columns."""
MLP = {"type": "mlp", "hidden": [8], "out": 4}
CONTENT: dict[str, Any] = {
    "name": "trial",
    "dataset": {"type": "csv", "path": "rows.csv", "label": "y", "batch_size": 32, **READING},
    "parties": {
        "alice": {"columns": ["age", "job"], "bottom": MLP | {"normalization": "batch"}},
        "bob": {"columns": ["price", "born", "city"], "bottom": MLP | {"dropout": 0.3}},
    },
    "top": {
        "party": "alice",
        "model": {"type": "mlp", "hidden": [4], "out": 1},
        "loss": "binary_cross_entropy",
    },
    "training": {"optimizer": {"type": "adam", "lr": 0.02}},
    "runtime": "serial",
}
OWN = """\
import torch
from torch import nn


class Two(nn.Module):
    def __init__(self, numeric: int, cardinalities: list[int]) -> None:
        super().__init__()
        self.table = nn.Embedding(sum(cardinalities), 4)
        self.numbers = nn.Linear(numeric, 4)

    def forward(self, numeric, codes):
        return torch.tanh(self.numbers(numeric)), self.table(codes[:, 0])


class Sum(nn.Module):
    def __init__(self, in_features: int, out: int) -> None:
        super().__init__()
        self.layer = nn.Linear(in_features, out)

    def forward(self, first, second):
        return self.layer(first * second.sigmoid())


class Deciding(nn.Module):
    def __init__(self, in_features: int) -> None:
        super().__init__()
        self.layer = nn.Linear(in_features, 4)

    def forward(self, x):
        return self.layer(x) if x.sum() > 0 else self.layer(-x)


class Drawing(nn.Module):
    def __init__(self, in_features: int) -> None:
        super().__init__()
        self.layer = nn.Linear(in_features, 4)

    def forward(self, x):
        return self.layer(x) + torch.rand_like(self.layer(x))
"""
CUSTOM = {"class": "own:Two", "inputs": "codes"}


def content(**changes: Any) -> dict[str, Any]:
    """The spec's content, with dotted keys (`top__loss`) set to something else."""
    made = copy.deepcopy(CONTENT)
    for key, value in changes.items():
        *path, last = key.split("__")
        section = made
        for name in path:
            section = section[name]
        section[last] = value
    return made


def rows(label: Sequence[str]) -> list[tuple[str, ...]]:
    """120 of them, with missing cells, dates, and numbers as a German writes them."""
    return [
        (
            "?" if i % 11 == 0 else str(20 + i % 50),
            f"{1 + i % 3}.{i * 37 % 1000:03},{i % 10} €",
            "" if i % 13 == 0 else f"{1 + i % 28:02}.{1 + i % 12:02}.{1960 + i % 40}",
            ("cook", " clerk", "?")[i % 3],
            str(100 + i % 4),
            label[(i * 7 + i // 5) % len(label)],
        )
        for i in range(120)
    ]


NEW = [
    ("31", "1.234,5 €", "01.02.1999", "cook", "102", ""),
    ("", "(12)", "28.02.1960", "pilot", "999", ""),
    ("?", "-7", "", "", "100", ""),
    ("1.000", "€ 3", "29.02.2000", "clerk ", "", ""),
]
"""Words that no training row had, and missing cells of every kind."""


def trained(directory: Path, made: dict[str, Any], label: Sequence[str] = ("no", "yes")) -> Path:
    """The directory of a run."""
    write(directory / "rows.csv", rows(label), HEADER)
    (directory / "own.py").write_text(OWN)
    (directory / "spec.yaml").write_text(yaml.safe_dump(made, sort_keys=False, allow_unicode=True))
    experiment = prepare(load(directory / "spec.yaml"), allow_code=True)
    return Path(train(experiment, directory / "runs").run_dir)


def exported(run: Path, directory: Path) -> Path:
    """The directory of its export."""
    directory.mkdir(exist_ok=True)
    for name, data in export(run, allow_code=True).files.items():
        (directory / name).write_bytes(data)
    return directory


def predicted(run: Path, directory: Path) -> NDArray[np.float64]:
    """What splitrun says of the training's rows and of new ones."""
    file = write(directory / "new.csv", [*rows(("",)), *NEW], HEADER)
    values = predict(run, file, allow_code=True).predictions.values
    return np.asarray(values.double().numpy())


def table(path: Path) -> dict[str, list[str]]:
    """The columns of a file of rows."""
    with path.open(newline="") as file:
        header, *cells = csv.reader(file)
    return {name: [row[index] for row in cells] for index, name in enumerate(header)}
