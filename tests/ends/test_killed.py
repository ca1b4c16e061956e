"""Runs that ended without a word: everybody who reads them says so, and how to go on."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from splitrun.cli.app import run
from splitrun.dashboard import watching
from splitrun.lock import locked
from tests.cli.trial import refusal
from tests.dashboard.test_live import seen, terminal
from tests.dashboard.test_stuck import STUCK
from tests.ends.processes import Server
from tests.telemetry import recordings

Forks = tuple[Server, Path]
NO_WAY_ON = "it has no checkpoint, so it cannot be resumed; train again"


@pytest.fixture
def killed(forks: Forks, tmp_path: Path) -> Path:
    """A run that has checkpoints, and was killed."""
    return Path(shutil.copytree(forks[1] / "killed", tmp_path / "killed"))


@pytest.fixture
def lost(forks: Forks, tmp_path: Path) -> Path:
    """A run that was killed, and has none."""
    return Path(shutil.copytree(forks[1] / "lost", tmp_path / "lost"))


def way_on(directory: Path) -> str:
    return f"resume with `splitrun train --resume {directory}`"


def without_its_end(directory: Path, count: int) -> None:
    """Take so many events from the end of a recording."""
    events = directory / "events.jsonl"
    events.write_bytes(b"".join(events.read_bytes().splitlines(keepends=True)[:-count]))


def watched(directory: Path) -> list[str]:
    """What is on a terminal when `watch` has ended."""
    console, stream = terminal()
    watching.watch(directory, console)
    return seen(stream)


def test_watch_says_so_and_ends(killed: Path, lost: Path) -> None:
    for directory, remedy in ((killed, way_on(killed)), (lost, NO_WAY_ON)):
        state, _, _, *message = watched(directory)
        assert state.split()[-2] == "killed"
        said = "".join(message).replace(" ", "")
        assert said.startswith(f"killed; {remedy}".replace(" ", "")[:100])


@pytest.mark.parametrize("status", ["running", "failed"])
def test_watch_ends_with_a_stuck_run_that_did_not_say_so_itself(
    status: str, tmp_path: Path
) -> None:
    stuck = replace(STUCK, role="b.bottom", time=recordings.CLOCK + 9, waits=())
    recordings.record(tmp_path, [recordings.started(tmp_path), stuck, recordings.ended(10)])
    without_its_end(tmp_path, 1)
    (tmp_path / "manifest.json").write_text(json.dumps({"status": status, "message": "Stalled"}))
    (tmp_path / "stacks.txt").write_text("b.bottom\n")
    state, _, *lines = watched(tmp_path)
    text = " ".join(" ".join(lines).split())
    if status == "running":
        assert state.split()[-2] == "killed"
        assert text.startswith(f"killed; {NO_WAY_ON} it was stuck: b.bottom at FORWARD 120 for 7.2")
    else:
        assert state.split()[-2] == "failed"
        assert text.startswith("Stalled stacks.txt in ")


def test_watch_without_a_terminal_says_so(killed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["watch", str(killed)]) == 0
    assert capsys.readouterr().out.splitlines()[0].split()[-2] == "killed"


def test_watch_ends_with_a_run_whose_recording_could_not_be_written_to_its_end(
    forks: Forks, tmp_path: Path
) -> None:
    directory = Path(shutil.copytree(forks[1] / "run", tmp_path / "run"))
    without_its_end(directory, 3)
    assert watched(directory)[0].split()[-2] == "done"


def test_report_trace_and_eval_say_so(
    killed: Path, lost: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["report", str(killed)]) == 0
    page = (killed / "report.html").read_text(encoding="utf-8")
    assert re.search(r"Killed: \d+ of 18 steps, sequential; resume with", page)
    capsys.readouterr()
    assert run(["trace", str(killed)]) == 0
    assert f"note: the run was killed; {way_on(killed)}\n" in capsys.readouterr().err
    for directory, remedy in ((killed, way_on(killed)), (lost, NO_WAY_ON)):
        said = f"{directory}: the run was killed before it had a model; {remedy}\n"
        assert refusal(capsys, "eval", str(directory)) == said


def test_compare_says_so(forks: Forks, killed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = refusal(capsys, "compare", str(forks[1] / "run"), str(killed))
    assert said == f"{killed}: the run was killed and has no result; {way_on(killed)}\n"


def test_resume_says_so_and_goes_on(
    forks: Forks, killed: Path, lost: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refusal(capsys, "train", "--resume", str(lost), "--progress", "none")
    assert said.startswith(f"{lost}: killed, and no checkpoint, so nothing tells where to go on")
    assert run(["train", "--resume", str(killed), "--progress", "plain", "--json"]) == 0
    captured = capsys.readouterr()
    assert re.search(
        rf"going on with {re.escape(str(killed))}, killed, from step [1-9]", captured.err
    )
    manifest = json.loads((killed / "manifest.json").read_text(encoding="utf-8"))
    assert [attempt["status"] for attempt in manifest["attempts"]] == ["killed", "done"]


def test_a_run_that_somebody_is_at_is_running(
    lost: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.utime(lost / "events.jsonl")  # it has told something just now
    with locked(lost):
        assert run(["watch", str(lost)]) == 0
        assert capsys.readouterr().out.splitlines()[0].split()[-2] == "running"
        assert run(["report", str(lost)]) == 0
        page = (lost / "report.html").read_text(encoding="utf-8")
        assert re.search(r"Running: \d+ of 18 steps", page)


def test_an_arm_of_a_comparison_that_was_killed_is_called_so(lost: Path, tmp_path: Path) -> None:
    arm = tmp_path / "comparison" / "arms" / "stale-2"
    arm.mkdir(parents=True)
    shutil.copy(lost / "events.jsonl", arm)
    state, _, message, *_ = watched(arm)
    assert state.split()[-2] == "killed"
    assert message.strip() == "killed; compare again"
