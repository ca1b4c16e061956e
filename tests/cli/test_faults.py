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
from tests.forking import forkserver, run_command

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
    assert directory.manifest().status == "failed"
    for command in ("report", "trace", "watch"):
        assert run([command, str(directory.path)]) == 0


def test_a_run_that_is_stuck_says_so_before_its_deadline_and_so_do_those_who_read_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stall = "faults=[{type: stall, role: bob.bottom, step: 2, at: backward}]"
    arguments = ("train", "trial.yaml", stall, "supervision.deadline_s=0.5", "runtime=threaded")
    told = refusal(capsys, *arguments, "--progress", "plain", exit_code=1).splitlines()
    directory = only_run().path
    first = next(index for index, line in enumerate(told) if line.startswith("stuck: "))
    stuck, stands, stacks = told[first : first + 3]
    assert stuck.startswith("stuck: bob.bottom at BACKWARD 2 for 0.")
    assert "; the deadline ends it in 0." in stuck
    assert "; alice.top waits for bob.bottom, alice.bottom waits for alice.top" in stuck
    assert stands.startswith("epoch 1/1  step ")
    assert stands.endswith("ETA --:--")
    assert stacks == f"stacks.txt in {directory} tells where threads were"
    assert (directory / "stacks.txt").is_file()
    assert run(["watch", str(directory)]) == 0
    shown = capsys.readouterr().out
    assert stacks in shown.replace(" \n", " ")
    assert "bob.bottom   stuck" in shown
    assert run(["report", str(directory)]) == 0
    assert "The run was stuck, for longest with bob.bottom at BACKWARD 2, for" in (
        (directory / "report.html").read_text()
    )
    assert run(["trace", str(directory)]) == 0
    assert "BACKWARD 2, stuck" in (directory / "trace.json").read_text()


def test_who_is_waited_for_after_a_failure_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """The error of one role is told when the other one has come back."""
    own = spec(
        ("bob: {bottom: {type: mlp, out: 2}}", "bob: {bottom: {class: stuck:Bottom}}"), of=SYNTHETIC
    )
    code = STUCK.replace("3600", "1.2").replace("self.calls > 4", "self.calls == 5")
    write(Path.cwd(), {"trial.yaml": own, "stuck.py": code})
    fails = (
        "faults=[{type: stall, role: alice.bottom, step: 6, for_ms: 300},"
        "{type: raise, role: alice.bottom, step: 7}]"
    )
    options = (
        "supervision.deadline_s=5",
        "runtime=threaded",
        "--allow-code",
        "--progress",
        "plain",
    )
    told = refusal(
        capsys, "train", "trial.yaml", fails, "pipeline=stale", *options, exit_code=1
    ).splitlines()
    stuck = next(line for line in told if line.startswith("stuck: "))
    assert stuck.startswith("stuck: bob.bottom at FORWARD 4 for ")
    assert "alice.bottom" not in stuck
    assert any(line.startswith("bob.bottom went on at FORWARD 4 after ") for line in told)
    assert told[-2].startswith("alice.bottom failed at FORWARD 7: InjectedError")


def test_nothing_is_told_of_a_run_that_gets_on_however_slow_its_links(
    capsys: pytest.CaptureFixture[str],
) -> None:
    slow = ("links.default.latency_ms=900", "dataset.rows=8", "dataset.test_fraction=0")
    options = ("supervision.deadline_s=6", "runtime=threaded", "--json", "--progress", "plain")
    assert run(["train", "trial.yaml", *slow, *options]) == 0
    assert "stuck" not in capsys.readouterr().err
    assert "Stuck" not in (only_run().path / "events.jsonl").read_text()


def test_a_restart_is_told_and_the_run_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    die = "faults=[{type: die, role: bob.bottom, step: 2}]"
    options = (DEADLINE, "supervision.on_failure=restart", "--json", "--progress", "none")
    assert run(["train", "trial.yaml", die, *options]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["steps"] == 10
    first, second = captured.err.splitlines()
    assert first.startswith("bob.bottom failed at FORWARD 2: its thread ended without a word")
    assert second == "restart 1 of 3, from step 0"
    assert [attempt.status for attempt in only_run().manifest().attempts] == [
        "failed",
        "done",
    ]


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
    assert "not restarted: bob.bottom may still hold what a new attempt needs" in ended.stderr
    assert "stuck.py" in (only_run().path / "stacks.txt").read_text()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL")
def test_kill_kills_the_process_once() -> None:
    command = ("train", "trial.yaml", "faults=[{type: kill, step: 3}]")
    process = forkserver().Process(
        target=run_command, args=(command, Path.cwd(), Path("printed.txt"))
    )
    process.start()
    process.join(HANG_S)
    assert process.exitcode == -signal.SIGKILL
    directory = only_run()
    assert directory.manifest().status == "running"
    fired = (directory.path / "faults.jsonl").read_text()
    assert json.loads(fired) == {"fault": 0, "role": "alice.top", "instruction": "LOSS 3"}
