"""What may be removed, and that nothing else is."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from splitrun.catalogue.reading import read_entry
from splitrun.catalogue.removal import remove_run
from splitrun.cli.app import run
from splitrun.errors import RunDirectoryError
from splitrun.lock import locked
from tests.catalogue.made import evaluated, make_comparison, make_run
from tests.cli.trial import refusal


class Terminal(io.StringIO):
    """What somebody types at a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    return tmp_path / "runs"


def left(runs: Path) -> set[str]:
    return {path.name for path in runs.iterdir()}


def test_a_run_is_removed_and_told_how_much_that_has_freed(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(runs, "one", model_bytes=3 << 20)
    make_run(runs, "two")
    assert run(["rm", "one", "runs/one", str(runs / "one"), "--yes"]) == 0
    assert "removed 1 of 1 directory; 3.0 MiB freed" in capsys.readouterr().out
    assert left(runs) == {"two"}


def test_a_dry_run_and_a_no_remove_nothing(
    runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(runs, "one")
    assert run(["rm", "one", "--dry-run"]) == 0
    assert "would remove 1 directory" in capsys.readouterr().out
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    assert run(["rm", "one"]) == 2
    assert "remove 1 directory" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert run(["rm", "one"]) == 2
    assert "there is no terminal to ask at; add --yes" in capsys.readouterr().err
    assert left(runs) == {"one"}
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    assert run(["rm", "one"]) == 0
    assert left(runs) == set()


def test_where_one_is_refused_none_is_removed(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(runs, "one")
    alive = make_run(runs, "two", status="running")
    (runs / "photographs").mkdir()
    (runs / "project" / "cells").mkdir(parents=True)
    (runs / "project" / "spec.yaml").write_text("name: mine")
    (runs / "link").symlink_to(runs / "one")
    with locked(alive):
        said = refusal(capsys, "rm", "one", "two", "--yes")
    assert "runs/two: a process is at it; wait until it has ended" in said
    for name in ("photographs", "project"):
        said = refusal(capsys, "rm", "one", f"runs/{name}", "--yes")
        assert "not a directory that splitrun has written" in said
    assert "a link; name the directory" in refusal(capsys, "rm", "one", "runs/link", "--yes")
    assert "no such run" in refusal(capsys, "rm", "one", "nowhere", "--yes")
    assert left(runs) == {"one", "two", "photographs", "project", "link"}


def test_a_run_that_began_to_go_on_meanwhile_is_not_removed(runs: Path) -> None:
    entry = read_entry(make_run(runs, "one", status="killed"))
    assert entry is not None
    with locked(entry.path), pytest.raises(RunDirectoryError, match="a process is at it"):
        remove_run(entry)
    assert (entry.path / "manifest.json").exists()


def test_what_links_in_a_run_lead_to_stays(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "rows.csv").write_text("1")
    path = make_run(runs, "one")
    (path / "data").symlink_to(tmp_path / "data")
    (path / "model" / "rows.csv").symlink_to(tmp_path / "data" / "rows.csv")
    assert run(["rm", "one", "--yes"]) == 0
    assert left(runs) == set()
    assert (tmp_path / "data" / "rows.csv").read_text() == "1"


def test_half_made_and_damaged_runs_can_be_removed(runs: Path) -> None:
    (make_run(runs, "half") / "manifest.json").unlink()
    (make_run(runs, "torn") / "manifest.json").write_text("{")
    assert run(["rm", "half", "torn", "--yes"]) == 0
    assert left(runs) == set()


def test_of_every_experiment_the_best_are_kept_and_what_is_no_run(runs: Path) -> None:
    for name, auroc in (("a", 0.7), ("b", 0.9), ("c", 0.8)):
        make_run(runs, f"bank-{name}", {"name": "bank"}, metrics=evaluated(auroc=auroc))
        make_run(runs, f"adult-{name}", {"name": "adult"}, metrics=evaluated(auroc=auroc / 2))
    make_run(runs, "failed", status="failed")
    alive = make_run(runs, "alive", status="running")
    make_comparison(runs, "compared", "done")
    (runs / "photographs").mkdir()
    stays = {"bank-b", "adult-b", "alive", "compared", "photographs"}
    with locked(alive):
        assert run(["prune", "--keep-best", "1", "--by", "auroc", "--yes"]) == 0
        assert left(runs) == stays | {"failed"}
        assert run(["prune", "--failed", "--yes"]) == 0
        assert left(runs) == stays


def test_the_best_by_a_loss_has_the_least(runs: Path) -> None:
    for name, loss in (("a", 0.7), ("b", 0.9)):
        make_run(runs, name, metrics=evaluated(loss=loss))
    assert run(["prune", "--keep-best", "1", "--by", "loss", "--yes"]) == 0
    assert left(runs) == {"a"}


def test_old_ones_alone_are_removed_and_only_of_those_that_are_chosen(runs: Path) -> None:
    make_run(runs, "old", started="2020-01-01T00:00:00+00:00")
    make_run(runs, "other", {"seed": 8}, started="2020-01-01T00:00:00+00:00")
    make_run(runs, "new", started="2999-01-01T00:00:00+00:00")
    assert run(["prune", "--older-than", "30d", "--where", "seed=7", "--yes"]) == 0
    assert left(runs) == {"other", "new"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "nothing to prune by; give"),
        (("--keep-best", "2"), "--keep-best and --by: one without the other"),
        (("--older-than", "soon"), "--older-than soon: no time"),
        (("--keep-best", "2", "--by", "aurok"), "did you mean auroc?"),
    ],
)
def test_nothing_is_pruned_by_mistake(
    runs: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], told: str
) -> None:
    make_run(runs, "one", metrics=evaluated(auroc=0.9))
    assert told in refusal(capsys, "prune", *arguments, "--yes")
    assert left(runs) == {"one"}
