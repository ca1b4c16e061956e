"""What a plan says that roles hold, against what they held and what the system gave."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from torch import Tensor

from splitrun.errors import SpecError
from splitrun.plan import memory, peak_bytes
from splitrun.session import Experiment, prepare, train
from splitrun.spec import loads
from tests.runtime.running import Content, synthetic

MLP = {"type": "mlp", "hidden": [64, 64], "out": 8}
EMBEDDING = {"type": "embedding_mlp", "embedding_dim": 8, "hidden": [64, 64], "out": 8}


def content(bottom: Content, depth: int, **sections: object) -> Content:
    pipeline = {"schedule": "stale", "depth": depth}
    made = synthetic(bottom=bottom, rows=3000, pipeline=pipeline, runtime={"type": "serial"})
    made["dataset"] |= {"categorical": 2, "cardinality": 100}
    return made | sections


def prepared(made: Content) -> Experiment:
    return prepare(loads(yaml.safe_dump(made, sort_keys=False), "spec.yaml"))


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("bottom", [MLP, EMBEDDING], ids=["mlp", "embedding"])
def test_a_run_holds_what_its_plan_says(tmp_path: Path, bottom: Content, depth: int) -> None:
    """Of messages: every cut, and of their gradients as many as were under way at once."""
    experiment = prepared(content(bottom, depth))
    planned = memory(experiment.plan)
    result = train(experiment, tmp_path)
    manifest = json.loads((Path(result.run_dir) / "manifest.json").read_text())
    for role, held in manifest["peak_bytes"].items():
        gradients = held.pop("messages", 0) - planned[role].messages / 2
        assert 0 <= gradients <= planned[role].messages / 2
        for kind, size in held.items():
            assert size == getattr(planned[role], kind), (role, kind)


@pytest.mark.parametrize(
    ("compensation", "rows"),
    [("weight_prediction", 3000), ("none", 400), ("weight_prediction", 400)],
)
def test_a_prediction_has_a_version_for_every_batch_and_a_short_run_has_fewer(
    tmp_path: Path, compensation: str, rows: int
) -> None:
    pipeline = {"schedule": "stale", "depth": 4, "compensation": compensation}
    made = content(MLP, 4, pipeline=pipeline, training={"epochs": 1})
    made["dataset"] |= {"rows": rows}
    experiment = prepared(made)
    result = train(experiment, tmp_path)
    manifest = json.loads((Path(result.run_dir) / "manifest.json").read_text())
    for role in experiment.plan.bottoms:
        planned = memory(experiment.plan)[role.name].versions
        assert manifest["peak_bytes"][role.name]["versions"] == planned > 0


def test_a_checkpoint_copies_what_the_plan_says(tmp_path: Path) -> None:
    """Beside the copies are steps of optimizers and the statistics; of the largest role the bytes
    for the disk, too."""
    experiment = prepared(content(MLP, 4, checkpoint={"every_steps": 20}))
    planned = memory(experiment.plan)
    result = train(experiment, tmp_path)
    manifest = json.loads((Path(result.run_dir) / "manifest.json").read_text())
    parts = [
        planned[role].checkpoint / held["checkpoint_copy"]
        for role, held in manifest["peak_bytes"].items()
    ]
    assert sorted(parts) == pytest.approx([1, 1, 3], rel=0.02)
    often = prepared(content(MLP, 4, checkpoint={"every_epochs": 99}))
    assert not any(role.checkpoint for role in memory(often.plan).values())


def test_threads_never_hold_more_than_the_plan_says(tmp_path: Path) -> None:
    made = content(MLP, 4, runtime={"type": "threaded"}, links={"default": {"latency_ms": 2}})
    experiment = prepared(made)
    planned = memory(experiment.plan)
    result = train(experiment, tmp_path)
    manifest = json.loads((Path(result.run_dir) / "manifest.json").read_text())
    for role, held in manifest["peak_bytes"].items():
        assert all(size <= getattr(planned[role], kind) for kind, size in held.items())


@pytest.mark.parametrize(
    "optimizer",
    [
        {"type": "sgd"},
        {"type": "sgd", "momentum": 0.9},
        {"type": "adamw"},
        {"type": "adagrad"},
        {"type": "rmsprop"},
        {"type": "rmsprop", "momentum": 0.5},
        {"type": "sparse_adam"},
    ],
    ids=str,
)
def test_every_optimizer_keeps_what_the_plan_says(tmp_path: Path, optimizer: Content) -> None:
    sparse = EMBEDDING | {"sparse": optimizer["type"] == "sparse_adam"}
    experiment = prepared(content(sparse, 2, training={"epochs": 1, "optimizer": optimizer}))
    result = train(experiment, tmp_path)
    manifest = json.loads((Path(result.run_dir) / "manifest.json").read_text())
    for role, held in manifest["peak_bytes"].items():
        assert held["optimizer"] == memory(experiment.plan)[role].optimizer


def test_a_plan_that_cannot_fit_is_refused_and_the_depth_that_fits_is_named() -> None:
    sizes = {depth: peak_bytes(prepared(content(MLP, depth)).plan) for depth in (1, 8)}
    limited = content(MLP, 8, runtime={"memory_limit_mb": (sizes[8] - 1) / 1e6})
    with pytest.raises(SpecError, match=r"runtime\.memory_limit_mb: .*; depth 7 would fit, with"):
        prepared(limited)
    assert prepared(content(MLP, 8, runtime={"memory_limit_mb": sizes[8] / 1e6}))
    with pytest.raises(SpecError, match="no depth would fit; use smaller layers"):
        prepared(content(MLP, 8, runtime={"memory_limit_mb": (sizes[1] - 1) / 1e6}))


def test_the_depth_that_is_looked_for_fits() -> None:
    made = content(MLP, 1, links={"default": {"latency_ms": 20}})
    made["pipeline"] = {"schedule": "stale", "depth": "auto"}
    deeper = {depth: peak_bytes(prepared(content(MLP, depth)).plan) for depth in (2, 3)}
    limit = (deeper[2] + deeper[3]) / 2e6
    limited = yaml.safe_dump(made | {"runtime": {"memory_limit_mb": limit}})
    experiment = prepare(loads(limited, "spec.yaml"), unproven=True)
    assert experiment.plan.depth == 2
    assert experiment.advice is not None
    assert "runtime.memory_limit_mb rules out depth" in experiment.advice.reason


def tensors_alive() -> int:
    gc.collect()
    return sum(issubclass(type(it), Tensor) for it in gc.get_objects())


def test_what_is_prepared_and_dropped_leaves_no_tensor_behind() -> None:
    made = content(MLP, 4)
    prepared(made)
    before = tensors_alive()
    for _ in range(3):
        prepared(made)
    assert tensors_alive() == before


LARGE = {"type": "mlp", "hidden": [2048, 2048], "out": 256}
GROWTH = """
import os, re, sys, tempfile
from pathlib import Path
from splitrun.plan import peak_bytes
from splitrun.session import prepare, train
from splitrun.spec import load

def grow(spec):
    experiment = prepare(load(Path(spec)))
    with tempfile.TemporaryDirectory() as runs:
        train(experiment, Path(runs))
    given = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]
    print(peak_bytes(experiment.plan), 1024 * int(given), flush=True)

for spec in sys.argv[1:]:
    pid = os.fork()
    if not pid:
        grow(spec)
        os._exit(0)
    os.waitpid(pid, 0)
"""


class Sizes(NamedTuple):
    """Bytes that a run holds at its peak: all of a process, which the run has to itself."""

    planned: int
    given: int
    """By the system."""


def large(depth: int, **sections: Any) -> Content:
    made = content(LARGE, depth, training={"epochs": 1, "optimizer": {"type": "sgd"}}, **sections)
    made["dataset"] |= {"rows": 1800, "batch_size": 80}
    return made


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Sizes]:
    """Large runs, each in a process of its own."""
    if sys.platform != "linux":
        pytest.skip("reads /proc/self/status")
    contents = {
        "shallow": large(1),
        "deep": large(8),
        "often saved": large(2, checkpoint={"every_steps": 10}),
        "never saved": large(2, checkpoint={"every_steps": 99}),
    }
    paths = {name: tmp_path_factory.mktemp("large") / "spec.yaml" for name in contents}
    for name, path in paths.items():
        path.write_text(yaml.safe_dump(contents[name], sort_keys=False))
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", GROWTH, *map(str, paths.values())]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    lines = (map(int, line.split()) for line in done.stdout.splitlines())
    return {name: Sizes(*line) for name, line in zip(contents, lines, strict=True)}


def test_the_system_gives_as_much_more_as_the_plan_says(grown: Mapping[str, Sizes]) -> None:
    """Between depths 1 and 8: versions, cuts, gradients and activations, within a tenth."""
    shallow, deep = grown["shallow"], grown["deep"]
    more = deep.planned - shallow.planned
    assert more > 200e6
    assert deep.given - shallow.given == pytest.approx(more, rel=0.1)


def test_a_checkpoint_takes_no_more_than_the_plan_says(grown: Mapping[str, Sizes]) -> None:
    """Less where its copies are gone before the pipeline has filled again."""
    often, never = grown["often saved"], grown["never saved"]
    more = often.planned - never.planned
    assert more > 70e6
    assert 0.4 * more < often.given - never.given < 1.1 * more
