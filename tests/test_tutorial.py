"""The tutorial's commands, typed one after another in an empty directory, do what it says."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from splitrun.cli.app import run

TUTORIAL = (
    (Path(__file__).parents[1] / "docs" / "tutorial.md")
    .read_text(encoding="utf-8")
    .partition("\n## ")[2]  # what stands before the first section installs splitrun
)
SHORTER = {
    "train": ["--progress", "none", "training.epochs=2", "links=lan"],
    "compare": [
        *("training.epochs=1", "links.default.latency_ms=1", "--schedules", "stale"),
        *("--depths", "2", "--seeds", "1", "--repeats", "2", "--budget", "1"),
    ],
}
"""What makes a command quick, typed behind it."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TUTORIAL, re.DOTALL)


def test_every_command_of_the_tutorial_does_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    [make_files] = blocks("python")
    Path("make_files.py").write_text(make_files, encoding="utf-8")
    told: dict[str, str] = {}
    for line in "".join(blocks("console")).splitlines():
        program, *arguments = shlex.split(line.removeprefix("$ "))
        if program == "python3":
            subprocess.run([sys.executable, *arguments], check=True)
            continue
        command = arguments[0]
        found = next(iter(sorted(Path("runs").glob("*"))), Path())  # the first training's
        arguments = [str(found) if word == "RUN" else word for word in arguments]
        assert run([*arguments, *SHORTER.get(command, [])]) == 0, line
        captured = capsys.readouterr()
        told[command] = captured.out + captured.err
    [understood] = [block for block in blocks("text") if block.startswith("join:")]
    assert understood in told["plan"]
    header, first, *others = Path("answers.csv").read_text().splitlines()
    assert f"{header}\n{first}\n" in TUTORIAL
    assert len(others) == 499
