"""A directory that could not stand in the files of a run is refused before anything is trained."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from splitrun.cli.app import run
from splitrun.errors import UsageError
from splitrun.session import prepare, train
from splitrun.spec import load
from tests.cli.trial import ROWS, SPEC, SYNTHETIC, refusal
from tests.cli.trial import write as write_files

ODD = {
    os.fsdecode(b"caf\xe9"): "not UTF-8",
    "two\nlines": "control characters",
    "\x1b[31mred": "control characters",
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("command", ["train", "compare", "bench"])
def test_odd_directories_are_refused_at_the_start(
    command: str,
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_files(tmp_path, {"trial.yaml": SYNTHETIC, f"{name}/trial.yaml": SYNTHETIC})
    odd = tmp_path / name
    quiet = ("--progress", "none")
    monkeypatch.chdir(tmp_path)
    for arguments in (
        ["trial.yaml", "--runs-dir", name],
        ["trial.yaml", "--runs-dir", f"{name}/runs"],
        [f"{name}/trial.yaml"],
    ):
        assert ODD[name] in refusal(capsys, command, *arguments, *quiet)
    monkeypatch.chdir(odd)
    assert ODD[name] in refusal(capsys, command, "trial.yaml", *quiet)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "trial.yaml"])
    assert [path.name for path in odd.iterdir()] == ["trial.yaml"]


def test_so_they_are_without_a_command_line(tmp_path: Path) -> None:
    (tmp_path / "trial.yaml").write_text(SYNTHETIC)
    experiment = prepare(load(tmp_path / "trial.yaml"))
    with pytest.raises(UsageError, match="its name is not UTF-8; give another --runs-dir"):
        train(experiment, tmp_path / "caf\udce9")


def test_names_of_any_script_are_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(tmp_path, {"日本語　é [bold]/trial.yaml": SPEC, "日本語　é [bold]/rows.csv": ROWS})
    monkeypatch.chdir(tmp_path / "日本語　é [bold]")
    assert run(["train", "trial.yaml", "--progress", "none"]) == 0
    (directory,) = Path("runs").iterdir()
    for command in ("eval", "report", "trace", "watch"):
        assert run([command, str(directory)]) == 0


def test_files_of_a_model_have_the_mode_of_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "trial.yaml").write_text(SYNTHETIC)
    arguments = ["train", str(tmp_path / "trial.yaml"), "checkpoint.every_steps=5"]
    before = os.umask(0o027)
    try:
        assert run([*arguments, "--runs-dir", str(tmp_path / "runs"), "--progress", "none"]) == 0
    finally:
        os.umask(before)
    found = {
        (path.is_dir(), stat.S_IMODE(path.stat().st_mode))
        for path in (tmp_path / "runs").rglob("*")
    }
    assert found == {(True, 0o750), (False, 0o640)}
