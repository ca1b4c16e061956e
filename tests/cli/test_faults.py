"""Runs that go wrong, from the command line: they end, with the right exit code and words."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from splitrun.cli.app import run
from splitrun.cli.options import note_no_faults
from splitrun.session import RunDirectory
from splitrun.spec import loads
from tests.cli.trial import SYNTHETIC, refusal, spec, write

STUCK = """\
import time
from torch import nn
class Bottom(nn.Linear):
    def __init__(self, in_features):
        super().__init__(in_features, 2)
        self.calls = 0
    def forward(self, x):
        self.calls += 1
        if self.calls > 4:
            time.sleep(3600)
        return super().forward(x)
"""
HANG_S = 120.0
DEADLINE = "supervision.deadline_s=0.3"


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, {"trial.yaml": SYNTHETIC})


def only_run() -> RunDirectory:
    (path,) = Path("runs").iterdir()
    return RunDirectory.open(path)


def train(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`splitrun train` in a process of its own, which ends."""
    command = [sys.executable, "-m", "splitrun", "train", "trial.yaml", "--progress", "none"]
    return subprocess.run(
        [*command, *arguments], capture_output=True, text=True, timeout=HANG_S, check=False
    )


def test_a_stall_ends_the_run_with_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    stall = "faults=[{type: stall, role: bob.bottom, step: 2, at: backward}]"
    arguments = ("train", "trial.yaml", stall, DEADLINE, "runtime=threaded", "--progress", "none")
    first, second = refusal(capsys, *arguments, exit_code=1).splitlines()
    assert first.startswith("bob.bottom failed at BACKWARD 2: it has not come back for ")
    assert "alice.top waits at RECV " in first
    directory = only_run()
    assert second == f"the run directory is {directory.path}"
    assert directory.manifest()["status"] == "failed"
    for command in ("report", "trace", "watch"):
        assert run([command, str(directory.path)]) == 0


def test_a_restart_is_told_and_the_run_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    die = "faults=[{type: die, role: bob.bottom, step: 2}]"
    options = (DEADLINE, "supervision.on_failure=restart", "--json", "--progress", "none")
    assert run(["train", "trial.yaml", die, *options]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["steps"] == 10
    first, second = captured.err.splitlines()
    assert first.startswith("bob.bottom failed at FORWARD 2: its thread ended without a word")
    assert second == "restart 1 of 3, from step 0"
    assert [life["status"] for life in only_run().manifest()["lives"]] == ["failed", "done"]


def test_who_measures_a_spec_with_faults_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    note_no_faults(loads(SYNTHETIC, "trial.yaml"))
    assert capsys.readouterr().err == ""
    note_no_faults(loads(SYNTHETIC, "trial.yaml", ["faults=[{type: kill, step: 3}]"]))
    assert "note: faults happen in `splitrun train` alone" in capsys.readouterr().err


def test_a_module_that_never_returns_does_not_keep_the_process() -> None:
    own = spec(
        ("bob: {bottom: {type: mlp, out: 2}}", "bob: {bottom: {class: stuck:Bottom}}"), of=SYNTHETIC
    )
    write(Path.cwd(), {"trial.yaml": own, "stuck.py": STUCK})
    options = ("runtime=threaded", "supervision.on_failure=restart", "--allow-code")
    ended = train(DEADLINE, *options)
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    assert "bob.bottom failed at FORWARD " in ended.stderr
    assert "bob.bottom does not come back and is left behind" in ended.stderr
    assert "not restarted: bob.bottom may still hold what a new life needs" in ended.stderr
    assert "stuck.py" in (only_run().path / "stacks.txt").read_text()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL")
def test_kill_kills_the_process_once() -> None:
    ended = train("faults=[{type: kill, step: 3}]")
    assert ended.returncode == -signal.SIGKILL
    directory = only_run()
    assert directory.manifest()["status"] == "running"
    fired = (directory.path / "faults.jsonl").read_text()
    assert json.loads(fired) == {"fault": 0, "role": "alice.top", "instruction": "LOSS 3"}
