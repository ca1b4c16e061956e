"""Trainings of studies as tasks of a Ray cluster."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import pytest

from splitrun.cli.app import run
from splitrun.cluster.connection import imported_ray
from splitrun.errors import UsageError
from splitrun.study.arms import BASELINE, Arm
from splitrun.study.executors import InProcess, cluster_address
from splitrun.study.executors.on_ray import OnRay, taken
from splitrun.study.executors.ray_task import Place
from tests.cli.trial import SYNTHETIC
from tests.study.test_jobs import dies, fails, scored, small, subjects_of, tasks_of, waits


def on_ray(jobs: int | None = None) -> OnRay:
    (subject,) = subjects_of(small(), BASELINE).values()
    return OnRay(Place(allow_code=True), subject.spec, jobs)


@pytest.mark.usefixtures("cluster")
def test_trainings_on_a_cluster_come_to_the_same_as_here() -> None:
    subjects = subjects_of(small(), BASELINE, Arm("stale", 2))
    assert scored(subjects, on_ray(2)) == scored(subjects, InProcess())


@pytest.mark.usefixtures("cluster")
def test_a_killed_task_is_begun_again_and_named_if_it_is_killed_again(tmp_path: Path) -> None:
    (subject,) = subjects_of(small(), BASELINE).values()
    told: list[str] = []
    tasks = tasks_of(dies, tmp_path, 2)
    first, second, *others = on_ray(2).outcomes(subject.parties, tasks, told.append)
    assert told == ["task 1: its process was killed; it is begun again"]
    assert [outcome.result() for outcome in (first, *others)] == [0, 2, 3]
    assert str(second.error).startswith("task 1 failed at its training: its process was killed")


@pytest.mark.usefixtures("cluster")
def test_what_is_timed_has_all_cores_of_its_node() -> None:
    ray, told = imported_ray(), list[str]()
    with taken(ray, told.append):
        held = [it for it in ray.util.placement_group_table().values() if it["state"] == "CREATED"]
        (bundle,) = held[0]["bundles"].values()
        assert bundle["CPU"] == ray.cluster_resources()["CPU"]
    states = [it["state"] for it in ray.util.placement_group_table().values()]
    assert "CREATED" not in states
    assert told == []


@pytest.mark.usefixtures("cluster")
def test_what_fails_on_a_cluster_is_told_here() -> None:
    (subject,) = subjects_of(small(), BASELINE).values()
    _, second, third, _ = on_ray(2).outcomes(subject.parties, tasks_of(fails), print)
    assert str(second.error) == "p0.top failed at LOSS 3: the loss is nan"
    assert "ZeroDivisionError: of a user's code" in str(third.error)


@pytest.mark.usefixtures("cluster")
def test_rows_that_are_others_on_a_node_are_named() -> None:
    (subject,) = subjects_of(small(), BASELINE).values()
    parties = subject.parties
    fewer = parties.with_rows(parties.label_holder.data.train_ids[:10])
    first, *_ = on_ray(1).outcomes(fewer, tasks_of(fails), print)
    assert "are not those that the study was planned with" in str(first.error)
    assert "failed at its start on node " in str(first.error)


@pytest.mark.usefixtures("cluster")
def test_what_is_not_wanted_any_more_leaves_its_cores(tmp_path: Path) -> None:
    (subject,) = subjects_of(small(), BASELINE).values()
    outcomes = on_ray(2).outcomes(subject.parties, tasks_of(waits, tmp_path), print)
    with closing(outcomes):
        assert next(outcomes).result() == 0
    with taken(imported_ray(), print):  # waits for all of them
        assert not (tmp_path / "3").exists()


def test_a_place_is_ray_or_an_address() -> None:
    assert cluster_address("ray") is None
    assert cluster_address("ray:10.0.0.1:6379") == "10.0.0.1:6379"
    for wrong in ("slurm", "ray:", "ray10.0.0.1"):
        with pytest.raises(UsageError, match="it is no place"):
            cluster_address(wrong)


def test_without_ray_a_study_on_it_ends_with_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = sys.modules["splitrun.cluster.connection"]
    monkeypatch.setattr(connection, "find_spec", {}.get)
    spec = tmp_path / "spec.yaml"
    spec.write_text(SYNTHETIC)
    for command in ("bench", "compare", "value"):
        assert run([command, str(spec), "--on", "ray", "--progress", "none"]) == 3
        (line,) = capsys.readouterr().err.splitlines()
        assert line.endswith("run pip install 'splitrun[ray]'")


@pytest.mark.parametrize("command", ["bench", "compare", "value"])
def test_a_study_on_ray_of_runs_on_ray_is_refused(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(SYNTHETIC)
    on_ray = ("--on", "ray", "--progress", "none", "--runs-dir", str(tmp_path / "runs"))
    assert run([command, str(spec), *on_ray, "runtime=ray"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("; add runtime.type=threaded")
    assert not (tmp_path / "runs").exists()
