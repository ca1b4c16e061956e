"""`splitrun ls` and `splitrun show`, and that commands find runs by parts of their names."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest

from splitrun.cli.app import run
from splitrun.events import Stuck
from splitrun.lock import locked
from splitrun.records.run import Invocation, read_manifest
from tests.catalogue.made import evaluated, make_comparison, make_run, record
from tests.cli.trial import SYNTHETIC, refusal


class Screen(io.StringIO):
    """What is written to a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three runs that differ in their depth and learning rate, the directory with them."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "runs"
    for number, (depth, lr, auroc) in enumerate([(1, 0.01, 0.9), (4, 0.01, 0.8), (4, 0.001, 0.95)]):
        make_run(
            path,
            f"2026110{number}T100000Z-trial-0000000{number}",
            {"pipeline.depth": depth, "training.optimizer.lr": lr},
            started=f"2026-11-0{number + 1}T10:00:00+00:00",
            metrics=evaluated(auroc=auroc, loss=0.5),
            asked=Invocation(
                command=("train", "my spec.yaml"), overrides=(f"pipeline.depth={depth}",)
            ),
        )
    return tmp_path


def test_the_best_of_a_depth_is_found_by_one_command_with_what_it_differed_in(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["ls", "--where", "pipeline.depth=4", "--sort", "auroc"]) == 0
    heads, best, other = (line.split() for line in capsys.readouterr().out.splitlines())
    assert heads[:3] == ["run", "status", "auroc"]
    assert "lr" in heads
    assert "depth" not in heads, "it is the same"
    assert (best[0][-1], best[2], "0.001" in best) == ("2", "0.9500", True)
    assert (other[0][-1], other[2], "0.01" in other) == ("1", "0.8000", True)


def test_what_is_listed_is_there_for_programs(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["ls", "--json", "--limit", "1"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["differ"] == ["training.optimizer.lr", "pipeline.depth"]
    (newest,) = found["runs"]
    assert newest["metrics"]["test"]["auroc"] == 0.95
    assert newest["spec"]["pipeline.depth"] == 4
    assert newest["overrides"] == ["pipeline.depth=4"]
    assert newest["size_bytes"] > 0
    assert run(["ls", "--csv", "--columns", "status,lr,test.auroc,command"]) == 0
    table = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert list(table[0]) == ["run", "status", "training.optimizer.lr", "test.auroc", "command"]
    assert [row["training.optimizer.lr"] for row in table] == ["0.001", "0.01", "0.01"]
    assert table[0]["command"] == "train 'my spec.yaml'"
    assert "one of them" in refusal(capsys, "ls", "--csv", "--json")


def test_columns_without_a_value_are_left_out_unless_they_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(tmp_path, "trial", status="failed")
    assert run(["ls", "--runs-dir", str(tmp_path)]) == 0
    heads, _ = capsys.readouterr().out.splitlines()
    assert heads.split() == ["run", "status", "age", "size"]
    assert run(["ls", "--runs-dir", str(tmp_path), "--columns", "samples/s,status"]) == 0
    heads, _ = capsys.readouterr().out.splitlines()
    assert heads.split() == ["run", "samples/s", "status"]


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_on_a_terminal_no_line_is_wider_than_it_and_what_has_no_room_is_told(
    runs: Path, width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Screen()
    monkeypatch.setattr("sys.stdout", screen)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    assert run(["ls"]) == 0
    lines = re.sub("\x1b\\[[0-9;]*m", "", screen.getvalue()).splitlines()
    assert len(lines) == 4
    assert all(len(line) <= width for line in lines)
    assert all("trial-0000000" in line for line in lines[1:])
    told = capsys.readouterr().err
    shown = {"status", "auroc", "age", "lr", "depth", "samples/s", "size"} & set(lines[0].split())
    assert ("no room for" in told) == (len(shown) < 7)
    if width >= 120:
        assert len(shown) == 7


def test_an_empty_directory_and_one_of_other_things_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--runs-dir", str(tmp_path)]
    assert run(["ls", *where]) == 0
    assert "`splitrun train SPEC` makes one" in capsys.readouterr().err
    (tmp_path / "photographs").mkdir()
    (make_run(tmp_path, "torn") / "manifest.json").write_text("{")
    assert run(["ls", *where]) == 0
    told = capsys.readouterr()
    assert "torn  damaged" in told.out
    assert f"damaged: {tmp_path}/torn/manifest.json: cannot be read" in told.err
    assert "1 name left out, not splitrun's: photographs" in told.err
    assert run(["ls", *where, "--where", "status=done"]) == 0
    assert "none of 1 is so" in capsys.readouterr().err


def test_a_run_is_shown_with_what_was_typed_and_what_to_do_next(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["show", "@best:auroc"]) == 0
    shown = capsys.readouterr().out
    assert "splitrun train 'my spec.yaml'" in shown
    assert "pipeline.depth=4" in shown
    assert "splitrun predict runs/20261102T100000Z-trial-00000002 --input FILE" in shown


def test_a_stuck_run_is_shown_with_who_where_and_since_when(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make_run(runs / "runs", "alive", status="running")
    record(path, [Stuck("bob.bottom", "FORWARD 120", "role", for_s=7.2, left_s=12.8, time=9.0)])
    with locked(path):
        assert run(["show", "alive"]) == 0
    shown = capsys.readouterr().out
    assert "status" in shown
    assert re.search("^  stuck +bob.bottom at FORWARD 120 for 7.2 s", shown, re.MULTILINE)
    assert "splitrun watch runs/alive" in shown


def test_a_comparison_that_was_killed_is_shown_so(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_comparison(runs / "runs", "20261104T100000Z-trial-compare-1", "running")
    assert run(["show", "compare"]) == 0
    assert "killed" in capsys.readouterr().out
    assert "no run; `splitrun ls" in refusal(capsys, "show", "nowhere")


def test_a_run_says_what_was_typed_and_commands_find_it_by_a_part_of_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "trial.yaml").write_text(SYNTHETIC)
    command = ["train", "trial.yaml", "training.epochs=2", "--progress", "none"]
    assert run(command) == 0
    (path,) = (tmp_path / "runs").iterdir()
    manifest = read_manifest(path)
    assert manifest is not None
    assert manifest.asked == Invocation(command=tuple(command), overrides=("training.epochs=2",))
    assert manifest.spec["training.epochs"] == 2
    name = path.name.rpartition("-")[2]
    for arguments in (
        ["eval", name],
        ["watch", "@last"],
        ["report", name],
        ["trace", "@best:loss"],
    ):
        assert run(arguments) == 0
    assert (path / "report.html").is_file()
    assert (path / "trace.json").is_file()
    capsys.readouterr()
    assert "is done, so there is nothing to resume" in refusal(capsys, "train", "--resume", "@last")
    assert run(["show", "@last", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["stated"]["training.epochs"] == "2"
    assert shown["manifest"]["status"] == "done"
