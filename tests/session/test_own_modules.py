"""Users' own modules: what they may do, what is refused, and that the law holds for them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from splitrun.errors import ModelError
from splitrun.session import Experiment, evaluate_run, prepare, train
from splitrun.spec import load
from tests.runtime.running import Content, RandomDelays, synthetic, trained

MODULES = """
import random
import numpy as np
import torch
from torch import nn

SHARED = nn.Linear(4, 4)
np.random.rand(3), torch.rand(3)

class Base(nn.Module):
    def __init__(self, in_features):
        super().__init__()
        self.layer, self.out = nn.Linear(in_features, 8), nn.Linear(8, 4)

    def forward(self, x):
        return self.out(torch.relu(self.layer(x)))

class Frozen(Base):
    "A layer of fixed statistics, which the user holds in evaluation mode."
    def __init__(self, in_features):
        super().__init__(in_features)
        self.norm = nn.BatchNorm1d(8).eval()

    def forward(self, x):
        return self.out(self.norm(self.layer(x)))

class Cached(Base):
    "Keeps a tensor that it made in the forward before."
    kept = None

    def forward(self, x):
        if self.kept is None or len(self.kept) < len(x):
            self.kept = torch.linspace(0, 1, len(x)).unsqueeze(1) + self.out.bias * 0
            self.kept = self.kept.detach()
        return super().forward(x) + self.kept[: len(x)]

class Mixed(Base):
    "Runs its layers under autocast, one of them twice."
    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            hidden = self.out(torch.relu(self.layer(x)))
            return (self.out(torch.relu(self.layer(x))) + hidden).float()

class DrawsElsewhere(Base):
    "Draws from NumPy and Python, in its initial weights and in training."
    def __init__(self, in_features):
        super().__init__(in_features)
        with torch.no_grad():
            self.out.weight.add_(float(np.random.rand()) + random.random())

    def forward(self, x):
        return super().forward(x) * (1 + 0.1 * np.random.rand() + 0.1 * random.random())

class Unlisted(Base):
    "Has a buffer that its state dictionary leaves out."
    def __init__(self, in_features):
        super().__init__(in_features)
        self.register_buffer("seen", torch.zeros(1), persistent=False)

    def forward(self, x):
        self.seen += len(x)
        return super().forward(x)

class ReturnsWeights(Base):
    def __init__(self, in_features):
        super().__init__(in_features)
        self.token = nn.Parameter(torch.zeros(1, 4))

    def forward(self, x):
        return super().forward(x), self.token.expand(len(x), -1)

class Lazy(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.LazyLinear(4)

    def forward(self, x):
        return self.layer(x)

class Views(Base):
    "Has two buffers in one memory."
    def __init__(self, in_features):
        super().__init__(in_features)
        self.register_buffer("flat", torch.ones(8))
        self.register_buffer("square", self.flat.view(2, 4))

class Overlaps(Base):
    def __init__(self, in_features):
        super().__init__(in_features)
        self.twin = nn.Parameter(self.layer.weight)

class Shares(Base):
    def __init__(self, in_features):
        super().__init__(in_features)
        self.shared = SHARED

    def forward(self, x):
        return self.shared(super().forward(x))
"""


def experiment(directory: Path, name: str, content: Content | None = None) -> Experiment:
    (directory / "own_modules.py").write_text(MODULES)
    content = content or synthetic(pipeline={"schedule": "stale", "depth": 3})
    for party in content["parties"].values():
        party["bottom"] = {"class": f"own_modules:{name}"}

    (directory / "own.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    return prepare(load(directory / "own.yaml"), allow_code=True)


@pytest.mark.parametrize(
    "name", ["Base", "Frozen", "Cached", "Mixed", "DrawsElsewhere", "Unlisted"]
)
def test_the_law_holds_for_modules_with_habits_of_their_own(tmp_path: Path, name: str) -> None:
    prepared = experiment(tmp_path, name)
    serial = trained(prepared, "serial").weights_sha256
    for seed in range(3):
        threaded = trained(prepared, "threaded", RandomDelays(seed, 0.002))
        assert threaded.weights_sha256 == serial


@pytest.mark.parametrize("name", ["Base", "Frozen"])
def test_evaluations_between_epochs_change_no_weight(tmp_path: Path, name: str) -> None:
    once = synthetic(training={"epochs": 3}, pipeline="sequential")
    often = synthetic(training={"epochs": 3, "evaluate_every_epochs": 1}, pipeline="sequential")
    digests = {
        trained(experiment(tmp_path, name, content), "serial").weights_sha256
        for content in (once, often)
    }
    assert len(digests) == 1


@pytest.mark.parametrize("name", ["Unlisted", "Views"])
def test_buffers_that_are_left_out_or_lie_in_one_memory_are_saved_all_the_same(
    tmp_path: Path, name: str
) -> None:
    result = train(experiment(tmp_path, name), tmp_path)
    assert evaluate_run(Path(result.run_dir), allow_code=True).metrics == result.metrics["test"]


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("ReturnsWeights", r"forward\(\) returns token, or a view of it"),
        ("Lazy", "has lazy layers"),
        ("Overlaps", r"its parameter layer\.weight lies in the memory of twin"),
        ("Shares", r"its parameter shared\.weight is one of p0\.bottom's, too"),
    ],
)
def test_modules_that_break_the_separation_of_roles_are_refused(
    tmp_path: Path, name: str, complaint: str
) -> None:
    with pytest.raises(ModelError, match=complaint):
        experiment(tmp_path, name)
