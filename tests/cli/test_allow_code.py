"""Classes that a spec names are imported where the command allows it, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from splitrun.cli.app import run
from tests.cli.trial import ROWS, own, refusal, spec, write

TRACE = "from pathlib import Path\nPath('imported').touch()\n"
TOLD = (
    "trial.yaml:9:14: parties.bob.bottom.class: own:Bottom would run the code of own.py; "
    "if you trust it with all that you may do here, add --allow-code\n"
)


@pytest.fixture(autouse=True)
def _in_a_strangers_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    stranger = spec(("{type: mlp, hidden: [4], out: 3}", "{class: 'own:Bottom'}"))
    write(tmp_path, {"trial.yaml": stranger, "rows.csv": ROWS, "own.py": TRACE + own()})


@pytest.mark.parametrize(
    "command",
    [
        ["train", "trial.yaml", "--progress", "none"],
        ["plan", "trial.yaml"],
        ["plan", "trial.yaml", "--probe"],
        ["compare", "trial.yaml", "--progress", "none"],
        ["value", "trial.yaml", "--progress", "none"],
        ["bench", "trial.yaml", "--progress", "none", "--preset", "soak"],
    ],
)
def test_nothing_is_imported_unless_the_command_allows_it(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert refusal(capsys, *command) == TOLD
    assert not Path("imported").exists()


def test_no_cell_of_a_bench_imports_anything_either(capsys: pytest.CaptureFixture[str]) -> None:
    grid = ["bench", "trial.yaml", "-P", "seed=1,2", "--progress", "none"]
    assert TOLD in refusal(capsys, *grid)
    assert not Path("imported").exists()


def test_validating_imports_nothing_and_needs_no_permission() -> None:
    assert run(["validate", "trial.yaml"]) == 0
    assert not Path("imported").exists()


def test_a_stranger_s_run_needs_permission_as_a_spec_does(
    capsys: pytest.CaptureFixture[str],
) -> None:
    train = ["train", "trial.yaml", "--progress", "none", "--allow-code"]
    assert run(train) == 0
    assert Path("imported").exists()
    Path("imported").unlink()
    capsys.readouterr()
    (directory,) = Path("runs").iterdir()
    text = refusal(capsys, "eval", str(directory))
    assert f"own:Bottom would run the code of {Path.cwd() / 'own.py'}" in text
    assert run(["report", str(directory)]) == run(["trace", str(directory)]) == 0
    assert not Path("imported").exists()
    assert run(["eval", str(directory), "--allow-code"]) == 0


def test_an_installed_class_is_code_too(capsys: pytest.CaptureFixture[str]) -> None:
    stranger = Path("trial.yaml").read_text().replace("own:Bottom", "subprocess:Popen")
    Path("trial.yaml").write_text(stranger)
    told = "subprocess:Popen would run the code of subprocess, an installed module; "
    assert told in refusal(capsys, "plan", "trial.yaml")
