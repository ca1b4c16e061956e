"""Commands import what they need alone: libraries that they can do without take longer to import
than a short run takes to train."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

QUICKSTART = Path(__file__).parents[2] / "experiments" / "quickstart.yaml"
TINY = ("training.epochs=1", "dataset.rows=1000", "links.default=lan")
NOT_TO_TRAIN = {
    *("sklearn", "scipy", "pandas", "pyarrow", "sympy", "networkx", "plotly", "jinja2"),
    *(
        "tensorboardX",
        "mlflow",
        "ray",
        "torch._dynamo",
        "torch._inductor",
        "torch.fx.experimental.symbolic_shapes",
    ),
}


EACH = """
import glob, json, sys
from splitrun.cli.app import run

for arguments in json.loads(sys.argv[1]):
    if run([found for each in arguments for found in sorted(glob.glob(each)) or [each]]):
        sys.exit(f"{arguments} failed")
    print()
    print("imported", *sys.modules)
"""


def imported(*commands: Sequence[str | Path]) -> list[set[str]]:
    """The modules that one process has imported by the end of each command, which runs them all; a
    path may be a pattern."""
    told = json.dumps([[str(each) for each in command] for command in commands])
    ended = subprocess.run(
        [sys.executable, "-c", EACH, told], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    lines = [it.split() for it in ended.stdout.splitlines() if it.startswith("imported ")]
    return [set(modules) for modules in lines]


class Trained(NamedTuple):
    run: Path
    by_training: set[str]
    by_evaluating_and_planning: set[str]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A tiny run, and what the commands that made it and look at it imported."""
    runs = tmp_path_factory.mktemp("runs")
    train = ("train", QUICKSTART, *TINY, "--runs-dir", runs)
    first, *_, last = imported(train, ("eval", runs / "*"), ("plan", QUICKSTART, *TINY))
    (run,) = runs.iterdir()
    return Trained(run, first, last)


def test_training_on_generated_rows_imports_no_library_but_torch_and_numpy(
    trained: Trained,
) -> None:
    assert "torch" in trained.by_training
    assert not NOT_TO_TRAIN & trained.by_training


def test_evaluating_a_run_and_planning_one_import_no_more_than_training_it(
    trained: Trained,
) -> None:
    assert not NOT_TO_TRAIN & trained.by_evaluating_and_planning


def test_the_list_of_commands_imports_neither_specs_nor_what_draws() -> None:
    heavy = {"torch", "numpy", "pydantic", "msgspec", "yaml", "rich", "psutil", "pynvml", "ray"}
    (modules,) = imported(["--help"])
    assert not (heavy | {"cryptography", "grpc", "ssl"}) & modules


def test_certificates_are_made_without_torch(tmp_path: Path) -> None:
    (modules,) = imported(["certs", "init", tmp_path])
    assert "cryptography" in modules
    assert not {"torch", "numpy", "grpc", "rich"} & modules


def test_validating_imports_neither_torch_nor_numpy_nor_what_draws() -> None:
    heavy = {"torch", "numpy", "pandas", "rich", "psutil", "pynvml", "tensorboardX"}
    (modules,) = imported(["validate", QUICKSTART, *TINY])
    assert not heavy & modules


def test_a_report_is_made_without_torch(trained: Trained) -> None:
    (modules,) = imported(["report", trained.run])
    assert "jinja2" in modules
    assert not {"torch", "numpy", "pandas", "scipy", "psutil"} & modules


def test_runs_are_listed_without_a_spec_s_validation_or_anything_that_computes_or_draws(
    trained: Trained,
) -> None:
    (modules,) = imported(["ls", "--runs-dir", trained.run.parent])
    assert not {"torch", "numpy", "pandas", "rich", "psutil", "yaml", "splitrun.spec"} & modules
