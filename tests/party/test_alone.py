"""A party is built from the shared spec and its own things alone: each in a process of its own,
which has no file with another's columns and no module of another's model."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from splitrun.party import Parties
from splitrun.plan import compile, plan_sha256
from splitrun.spec import load
from tests.forking import forkserver
from tests.party.alone import take_part

COLUMNS = {"alice": ["age", "income"], "bob": ["city", "job", "visits"], "carol": ["score", "debt"]}
TOWER = """
import torch
from torch import nn

class Tower(nn.Module):
    def __init__(self, in_features, out=3):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(in_features, 8), nn.Tanh(), nn.Dropout(0.1))
        self.scale = nn.Parameter(torch.randn(8))
        self.out = nn.Linear(8, out)

    def forward(self, x):
        return self.out(self.layers(x) * self.scale)
"""
EMBEDDING = {"type": "embedding_mlp", "embedding_dim": 4, "hidden": [6], "out": 3}
DATASETS: dict[str, dict[str, Any]] = {
    "csv": {"type": "csv", "path": "rows.csv", "label": "churned", "batch_size": 32},
    "synthetic": {"type": "synthetic", "rows": 400, "numeric": 2, "categorical": 1}
    | {"batch_size": 32, "classes": 3},
}


def content(kind: str) -> dict[str, Any]:
    """A spec with a bottom of ours, an embedding and a class of the user's."""
    bottoms: dict[str, dict[str, Any]] = {
        "alice": {"type": "mlp", "hidden": [8], "out": 3},
        "bob": EMBEDDING,
        "carol": {"class": "tower:Tower"},
    }
    classes = DATASETS[kind].get("classes", 2)
    own = {name: {"columns": COLUMNS[name]} if kind == "csv" else {} for name in bottoms}
    return {
        "name": "alone",
        "seed": 11,
        "dataset": DATASETS[kind],
        "parties": {name: {"bottom": bottom, **own[name]} for name, bottom in bottoms.items()},
        "top": {
            "party": "alice",
            "loss": "cross_entropy",
            "model": {"type": "mlp", "hidden": [8], "out": classes},
        },
        "training": {"epochs": 2, "optimizer": "adam"},
        "pipeline": {"schedule": "stale", "depth": 3},
        "links": {"default": {"latency_ms": 5}, "bob->alice": {"jitter_ms": 1}},
    }


def rows() -> list[dict[str, object]]:
    drawn = random.Random(3)
    return [
        {
            "age": drawn.randint(18, 90),
            "income": drawn.uniform(0, 1e5),
            "city": drawn.choice(["Bern", "Genf", "Chur"]),
            "job": drawn.choice(["clerk", "cook"]),
            "visits": drawn.randint(0, 9),
            "score": drawn.gauss(0, 1),
            "debt": drawn.uniform(0, 10),
            "churned": drawn.choice(["yes", "no"]),
        }
        for _ in range(300)
    ]


def write_rows(directory: Path, columns: Sequence[str]) -> None:
    """Write a CSV file with these columns and no others."""
    with (directory / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows())


def own_directory(directory: Path, kind: str, parties: Sequence[str]) -> Path:
    """What these parties have: the spec, their columns, the label with alice, carol's module."""
    directory.mkdir()
    text = yaml.safe_dump(content(kind), sort_keys=False)
    (directory / "spec.yaml").write_text(text, encoding="utf-8")
    if kind == "csv":
        columns = [column for party in parties for column in COLUMNS[party]]
        write_rows(directory, [*columns, *(["churned"] if "alice" in parties else [])])
    if "carol" in parties:
        (directory / "tower.py").write_text(TOWER, encoding="utf-8")
    return directory


class Process:
    """A party in a process of its own, in a directory of its own.

    Processes are forked from one that has imported what they need and has done nothing else.
    """

    def __init__(self, name: str, directory: Path) -> None:
        self.name = name
        context = forkserver()
        self._own, others = context.Pipe()
        with others:
            self._process = context.Process(target=take_part, args=(name, directory, others))
            self._process.start()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self._own.close()
        self._process.kill()
        self._process.join()
        self._process.close()

    def says(self) -> str:
        text: str = self._own.recv()
        return text

    def hears(self, facts: Sequence[str]) -> None:
        self._own.send(facts)


def exchanged(processes: Sequence[Process]) -> list[str]:
    """What everybody says; everybody then hears it, each in an order of its own."""
    said = [process.says() for process in processes]
    for index, process in enumerate(processes):
        process.hears([*said[index:], *said[:index]])
    return said


@pytest.mark.parametrize("kind", DATASETS)
def test_parties_in_processes_of_their_own_have_the_plan_and_the_weights_of_the_joint_run(
    kind: str, tmp_path: Path
) -> None:
    found: dict[str, Mapping[str, Any]] = {}
    with ExitStack() as stack:
        processes = [
            stack.enter_context(Process(name, own_directory(tmp_path / name, kind, [name])))
            for name in COLUMNS
        ]
        for _ in range(2):
            exchanged(processes)
        found = {process.name: json.loads(process.says()) for process in processes}

    joint = own_directory(tmp_path / "joint", kind, list(COLUMNS))
    spec = load(joint / "spec.yaml").spec
    parties = Parties.load(spec, joint)
    plan = compile(spec, parties.facts())
    stages = parties.stages(plan)
    assert {each["plan"] for each in found.values()} == {plan_sha256(plan)}
    weights = {role: digest for each in found.values() for role, digest in each["weights"].items()}
    assert weights == {role: stage.digest() for role, stage in stages.items()}
    for party in parties:
        assert found[party.name]["columns"] == [list(each.shape) for each in party.data.features]


def test_a_party_has_no_columns_but_its_own_though_all_read_one_file(tmp_path: Path) -> None:
    joint = own_directory(tmp_path / "joint", "csv", list(COLUMNS))
    parties = Parties.load(load(joint / "spec.yaml").spec, joint)
    for party in parties:
        assert party.data.encoder.features is not None
        assert party.data.encoder.features.columns == frozenset(COLUMNS[party.name])
        assert (party.data.labels is not None) is (party.name == "alice")
        assert bool(party.data.classes) is (party.name == "alice")
