"""Commands import what they need alone: libraries that they can do without take longer to import
than a short run takes to train."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

QUICKSTART = Path(__file__).parents[2] / "experiments" / "quickstart.yaml"
TINY = ("training.epochs=1", "dataset.rows=1000", "links.default=lan")
NOT_TO_TRAIN = {
    *("sklearn", "scipy", "pandas", "pyarrow", "sympy", "networkx", "plotly", "jinja2"),
    *("tensorboardX", "torch._dynamo", "torch._inductor", "torch.fx.experimental.symbolic_shapes"),
}


def imported(*arguments: str | Path) -> set[str]:
    """The modules that a command has imported when it ends."""
    code = (
        "import sys; from splitrun.cli.app import run; code = run(sys.argv[1:]); "
        "print(); print(*sys.modules); sys.exit(code)"
    )
    command = [sys.executable, "-c", code, *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return set(ended.stdout.splitlines()[-1].split())


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    """The directory of a tiny run, and what the command that made it imported."""
    runs = tmp_path_factory.mktemp("runs")
    modules = imported("train", QUICKSTART, *TINY, "--runs-dir", runs)
    (run,) = runs.iterdir()
    return run, modules


def test_training_on_generated_rows_imports_no_library_but_torch_and_numpy(
    trained: tuple[Path, set[str]],
) -> None:
    _, modules = trained
    assert "torch" in modules
    assert not NOT_TO_TRAIN & modules


def test_evaluating_a_run_imports_no_more_than_training_it(
    trained: tuple[Path, set[str]],
) -> None:
    run, _ = trained
    assert not NOT_TO_TRAIN & imported("eval", run)


def test_planning_imports_no_more_than_training() -> None:
    assert not NOT_TO_TRAIN & imported("plan", QUICKSTART, *TINY)


def test_the_list_of_commands_imports_neither_specs_nor_what_draws() -> None:
    heavy = {"torch", "numpy", "pydantic", "msgspec", "yaml", "rich", "psutil", "pynvml"}
    assert not (heavy | {"cryptography", "grpc", "ssl"}) & imported("--help")


def test_certificates_are_made_without_torch(tmp_path: Path) -> None:
    modules = imported("certs", "init", tmp_path)
    assert "cryptography" in modules
    assert not {"torch", "numpy", "grpc", "rich"} & modules


def test_validating_imports_neither_torch_nor_numpy_nor_what_draws() -> None:
    heavy = {"torch", "numpy", "pandas", "rich", "psutil", "pynvml", "tensorboardX"}
    assert not heavy & imported("validate", QUICKSTART, *TINY)


def test_a_report_is_made_without_torch(trained: tuple[Path, set[str]]) -> None:
    run, _ = trained
    modules = imported("report", run)
    assert "jinja2" in modules
    assert not {"torch", "numpy", "pandas", "scipy", "psutil"} & modules


def test_runs_are_listed_without_a_spec_s_validation_or_anything_that_computes_or_draws(
    trained: tuple[Path, set[str]],
) -> None:
    run, _ = trained
    modules = imported("ls", "--runs-dir", run.parent)
    assert not {"torch", "numpy", "pandas", "rich", "psutil", "yaml", "splitrun.spec"} & modules
