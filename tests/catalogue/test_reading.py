"""What a directory says of itself, and what is told of one that says little."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from splitrun.catalogue.older import spec_of
from splitrun.catalogue.reading import read_catalogue, read_entry
from splitrun.errors import RunDirectoryError
from splitrun.events import Stuck
from splitrun.lock import locked
from splitrun.records.reading import flattened
from splitrun.spec import load, resolved_tree, resolved_yaml
from tests.catalogue.made import evaluated, make_bench, make_comparison, make_run, record

ROOT = Path(__file__).parents[2]
OLDER = ROOT / "tests" / "records" / "older"
STUCK = Stuck(role="bob.bottom", at="FORWARD 120", cause="role", for_s=7.0, left_s=3.0, time=9.0)
WENT_ON = Stuck(
    role="bob.bottom", at="FORWARD 120", cause="role", for_s=8.0, left_s=2.0, time=10.0, over=True
)


def status_of(path: Path) -> str:
    entry = read_entry(path)
    assert entry is not None
    return entry.status


def test_the_newest_is_first(tmp_path: Path) -> None:
    make_run(tmp_path, "b", started="2026-11-02T10:00:00+00:00")
    make_run(tmp_path, "a", started="2026-11-01T10:00:00+00:00")
    make_run(tmp_path, "c", started="2026-11-03T10:00:00+00:00")
    assert [entry.run for entry in read_catalogue(tmp_path).entries] == ["c", "b", "a"]


def test_a_run_is_running_while_its_directory_is_held_and_killed_when_nobody_does(
    tmp_path: Path,
) -> None:
    path = make_run(tmp_path, "run", status="running")
    with locked(path):
        assert status_of(path) == "running"
    assert status_of(path) == "killed"


def test_a_run_is_stuck_until_it_has_gone_on(tmp_path: Path) -> None:
    path = make_run(tmp_path, "run", status="running")
    with locked(path):
        record(path, [STUCK])
        assert status_of(path) == "stuck"
        record(path, [STUCK, WENT_ON])
        assert status_of(path) == "running"
    record(path, [STUCK])
    assert status_of(path) == "killed"


def test_a_comparison_that_nobody_is_at_was_killed(tmp_path: Path) -> None:
    path = make_comparison(tmp_path, "20261101T100000Z-trial-compare-12345678", "running")
    entry = read_entry(path)
    assert entry is not None
    assert (entry.kind, entry.status) == ("comparison", "killed")
    assert entry.started.isoformat() == "2026-11-01T10:00:00+00:00"


@pytest.mark.parametrize(
    ("statuses", "status", "message"),
    [
        (["measured", "measured before"], "done", "2 of 2 cells are done, 0 of them failed"),
        (["measured", "failed"], "failed", "2 of 2 cells are done, 1 of them failed"),
        (["measured"], "interrupted", "1 of 2 cells are done, 0 of them failed"),
        ([], "interrupted", "no cell is done"),
    ],
)
def test_a_bench_stands_as_its_cells_do(
    tmp_path: Path, statuses: list[str], status: str, message: str
) -> None:
    path = make_bench(tmp_path, "trial-bench-1", *statuses, cells=2)
    entry = read_entry(path)
    assert entry is not None
    assert (entry.kind, entry.status, entry.found.message) == ("bench", status, message)
    assert entry.found.samples_per_s is None  # each cell has its own
    with locked(path):
        assert status_of(path) == "running"


def test_what_is_no_run_is_left_out_and_keeps_nothing_from_being_listed(tmp_path: Path) -> None:
    whole = make_run(tmp_path, "whole", metrics=evaluated(auroc=0.9))
    half = make_run(tmp_path, "half")
    (half / "manifest.json").unlink()
    torn = make_run(tmp_path, "torn")
    (torn / "manifest.json").write_text('{"status": "do')
    odd = make_run(tmp_path, "odd")
    (odd / "manifest.json").unlink()
    os.mkfifo(odd / "manifest.json")
    (tmp_path / "photographs").mkdir()
    (tmp_path / "notes.txt").write_text("a file")
    (tmp_path / "latest").symlink_to(whole)
    (tmp_path / "round").symlink_to(tmp_path)
    found = read_catalogue(tmp_path)
    assert {entry.run: entry.status for entry in found.entries} == {
        "whole": "done",
        "half": "killed",
        "torn": "damaged",
        "odd": "damaged",
    }
    assert found.others == ("photographs",)
    assert found.links == ("latest", "round")
    message = {entry.run: entry.found.message for entry in found.entries}["torn"]
    assert message.startswith(f"{torn / 'manifest.json'}: cannot be read: ")


def test_a_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match="No such file or directory; give --runs-dir"):
        read_catalogue(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["resumed", "killed", "comparison"])
def test_what_older_splitruns_wrote_is_listed(name: str) -> None:
    entry = read_entry(OLDER / name)
    assert entry is not None
    assert entry.status == {"resumed": "done", "killed": "killed", "comparison": "done"}[name]
    assert entry.kind == ("comparison" if name == "comparison" else "run")
    if name != "comparison":
        assert entry.spec["pipeline.depth"] == 2


@pytest.mark.parametrize("name", ["quickstart", "bank", "movielens", "three_party", "resume"])
def test_a_spec_is_read_from_its_yaml_as_the_manifest_has_it(name: str) -> None:
    spec = load(ROOT / "experiments" / f"{name}.yaml").spec
    assert spec_of(resolved_yaml(spec)) == flattened(resolved_tree(spec))


@pytest.mark.parametrize("text", ["- a", "a: [", "a: *b", "a: &a [*a]", "[" * 1000, ""])
def test_what_is_no_mapping_is_no_spec(text: str) -> None:
    with pytest.raises(ValueError, match=r"mapping|YAML|alias|nested"):
        spec_of(text)


def test_the_metrics_are_those_on_the_rows_that_decide(tmp_path: Path) -> None:
    metrics = {"validation": {"loss": 0.5, "auroc": 0.8}, "test": {"loss": 0.4, "auroc": 0.9}}
    entry = read_entry(make_run(tmp_path, "run", metrics=metrics))
    assert entry is not None
    assert (entry.decided_on, entry.metrics["auroc"], entry.main_metric) == (
        "validation",
        0.8,
        "auroc",
    )
