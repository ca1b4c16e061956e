"""Whatever computes before a runtime's own threads do has as many of PyTorch's threads as those,
and whoever calls keeps the number that it had."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import yaml

from splitrun.session import Experiment, evaluate_run, prepare, train
from splitrun.spec import load
from tests.runtime.running import Content, synthetic

MODULES = """
import torch
from torch import nn

SEEN = []

class Notes(nn.Module):
    "Notes how many threads it is built and run with."
    def __init__(self, in_features):
        super().__init__()
        SEEN.append(torch.get_num_threads())
        self.layer = nn.Linear(in_features, 4)

    def forward(self, x):
        SEEN.append(torch.get_num_threads())
        return self.layer(x)

class Orthogonal(nn.Module):
    "Begins with weights whose bits depend on how many threads there are."
    def __init__(self, in_features):
        super().__init__()
        SEEN.append(torch.get_num_threads())
        self.layers = nn.Sequential(nn.Linear(in_features, 128), nn.Linear(128, 128))
        nn.init.orthogonal_(self.layers[1].weight)

    def forward(self, x):
        return self.layers(x)
"""


@pytest.fixture(autouse=True)
def _threads_are_put_back() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def experiment(directory: Path, name: str, content: Content | None = None) -> Experiment:
    (directory / "noting_modules.py").write_text(MODULES)
    content = content or synthetic(pipeline={"schedule": "stale", "depth": 2})
    for party in content["parties"].values():
        party["bottom"] = {"class": f"noting_modules:{name}"}
    (directory / "own.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    return prepare(load(directory / "own.yaml"), allow_code=True)


def test_models_are_probed_built_trained_and_evaluated_with_the_threads_of_the_spec(
    tmp_path: Path,
) -> None:
    torch.set_num_threads(3)
    made = experiment(tmp_path, "Notes", synthetic(runtime={"intra_op_threads": 2}))
    result = train(made, tmp_path)
    evaluate_run(Path(result.run_dir), allow_code=True)
    assert set(sys.modules["noting_modules"].SEEN) == {2}
    assert torch.get_num_threads() == 3


def test_initial_weights_do_not_depend_on_how_many_threads_the_caller_has(tmp_path: Path) -> None:
    """Not even those whose bits depend on how many there are, if PyTorch's library is such."""
    digests = []
    for number in (2, 3):
        torch.set_num_threads(number)
        made = experiment(tmp_path, "Orthogonal")
        stages = made.parties.stages(made.plan)
        digests.append({role: stage.digest() for role, stage in stages.items()})
        assert set(sys.modules["noting_modules"].SEEN) == {1}
    assert digests[0] == digests[1]
