"""Several trainings of a study at once: the same figures in the same order, whoever ends first."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

import splitrun.session
from splitrun.cli.app import run
from splitrun.errors import NonFiniteLoss, RunFailed
from splitrun.records.value import read_value
from splitrun.study.arms import BASELINE, Arm
from splitrun.study.directory import MEASURED
from splitrun.study.executors import Executor, InProcess, Outcome, ProcessPool, Task
from splitrun.study.scoring import Scores, score
from splitrun.study.training import Recorder, Subject
from tests.probing import given_costs
from tests.runtime.running import prepared, synthetic
from tests.study import known_shares
from tests.study.conftest import ARGUMENTS, Compared, Told

DIVERGING = Arm("sequential", codec="fp16")


class Seen(Told):
    """Keeps what it is told, in order, and every score."""

    def scored(self, arm: Arm, scores: Scores) -> None:
        self.lines.append(f"{arm} {scores.values[-1]!r} {scores.weights_sha256[-1]}")


def subjects_of(content: dict[str, Any], *arms: Arm) -> dict[Arm, Subject]:
    experiment = prepared(content)
    spec = experiment.document.spec
    return {arm: Subject(experiment.parties.under(arm.applied(spec))) for arm in arms}


def small() -> dict[str, Any]:
    return synthetic(rows=300, training={"epochs": 1})


def scored(subjects: dict[Arm, Subject], executor: Executor) -> tuple[dict[Arm, Scores], list[str]]:
    watcher = Seen()
    return score(subjects, "auroc", 3, watcher, executor), watcher.lines


def test_trainings_come_to_the_same_however_many_run_at_once() -> None:
    subjects = subjects_of(small(), BASELINE, Arm("stale", 2))
    alone = scored(subjects, InProcess())
    assert scored(subjects, ProcessPool(2)) == alone
    assert [len(scores.values) for scores in alone[0].values()] == [3, 3]


def test_what_runs_ahead_of_an_arm_s_end_is_dropped() -> None:
    content = small()
    optimizer = {"type": "sgd", "lr": 1e20}
    content["parties"]["p1"] = {
        "bottom": {"type": "mlp", "hidden": [], "out": 6},
        "optimizer": optimizer,
    }
    subjects = subjects_of(content, BASELINE, DIVERGING)
    alone, pooled = scored(subjects, InProcess()), scored(subjects, ProcessPool(3))
    assert pooled == alone
    assert list(alone[0]) == [BASELINE]
    assert sum(line.startswith(f"left out {DIVERGING}: p1.bottom") for line in alone[1]) == 1


def tasks_of(function: Callable[..., Any], *arguments: object) -> Iterator[Task[int, Any]]:
    """Four tasks, which are given their numbers and these arguments."""
    (subject,) = subjects_of(small(), BASELINE).values()
    return (Task(it, f"task {it}", subject, function, (it, *arguments)) for it in range(4))


def outcomes_of(tasks: Iterator[Task[int, Any]], told: list[str]) -> list[Outcome[int, Any]]:
    (subject,) = subjects_of(small(), BASELINE).values()
    return list(ProcessPool(2).outcomes(subject.parties, tasks, told.append))


def last_ends_first(_: Subject, __: Recorder | None, number: int, directory: Path) -> int:
    """Ends after the next one has."""
    while number % 2 == 0 and not (directory / str(number + 1)).exists():
        time.sleep(0.001)
    (directory / str(number)).touch()
    return number


def test_outcomes_come_in_the_order_of_the_tasks(tmp_path: Path) -> None:
    outcomes = outcomes_of(tasks_of(last_ends_first, tmp_path), [])
    assert [outcome.result() for outcome in outcomes] == [0, 1, 2, 3]


def dies(_: Subject, __: Recorder | None, number: int, directory: Path, times: int) -> int:
    """Task 1 is killed so many times."""
    tries = len(list(directory.iterdir()))
    if number == 1 and tries < times:
        (directory / str(tries)).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_a_task_whose_worker_is_killed_is_begun_again(tmp_path: Path) -> None:
    told: list[str] = []
    outcomes = outcomes_of(tasks_of(dies, tmp_path, 1), told)
    assert told == ["task 1: its process was killed by SIGKILL; it is begun again"]
    assert [outcome.result() for outcome in outcomes] == [0, 1, 2, 3]


def test_a_task_whose_worker_is_killed_twice_is_named_and_the_others_are_kept(
    tmp_path: Path,
) -> None:
    first, second, *others = outcomes_of(tasks_of(dies, tmp_path, 2), [])
    assert [outcome.result() for outcome in (first, *others)] == [0, 2, 3]
    with pytest.raises(RunFailed, match="task 1 failed at its training: its process was killed"):
        second.result()


def fails(_: Subject, __: Recorder | None, number: int) -> int:
    sys.stdout.write(f"task {number}\n")
    if number == 1:
        raise NonFiniteLoss("p0.top", "LOSS 3", "the loss is nan")
    if number == 2:
        raise ZeroDivisionError("of a user's code")
    return number


def test_what_fails_or_is_printed_elsewhere_is_told_here(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first, second, third, fourth = outcomes_of(tasks_of(fails), [])
    assert (first.result(), fourth.result()) == (0, 3)
    assert isinstance(second.error, NonFiniteLoss)
    assert str(second.error) == "p0.top failed at LOSS 3: the loss is nan"
    assert second.error.__notes__ == ["in the training of task 1"]
    assert str(third.error) == (
        "task 2 failed at its training: ZeroDivisionError: of a user's code"
    )
    assert sorted(capsys.readouterr().out.splitlines()) == [f"task {it}" for it in range(4)]


def waits(_: Subject, __: Recorder | None, number: int, directory: Path) -> int:
    """The first one tells who it is; the others do so and never end."""
    (directory / str(number)).write_text(str(os.getpid()))
    while number:
        time.sleep(0.01)
    return number


def test_ctrl_c_ends_all_workers_and_leaves_nothing(tmp_path: Path) -> None:
    (subject,) = subjects_of(small(), BASELINE).values()
    outcomes = ProcessPool(2).outcomes(subject.parties, tasks_of(waits, tmp_path), print)
    with closing(outcomes):
        assert next(outcomes).result() == 0
        pipes = len(psutil.Process().net_connections("unix"))
        with pytest.raises(KeyboardInterrupt):
            outcomes.throw(KeyboardInterrupt)
    workers = [int(file.read_text() or "0") for file in tmp_path.iterdir()]
    assert not any(psutil.pid_exists(worker) for worker in workers if worker)
    assert len(psutil.Process().net_connections("unix")) == pipes - 2


def test_a_failed_training_ends_the_study_and_what_was_at_work_beside_it_is_kept() -> None:
    subjects = subjects_of(small(), BASELINE, Arm("stale", 2))
    spec = subjects[BASELINE].spec
    optimizer = spec.training.optimizer.model_copy(update={"lr": 1e20})
    training = spec.training.model_copy(update={"optimizer": optimizer})
    diverging = spec.model_copy(update={"training": training})
    subjects[BASELINE] = subjects[BASELINE].under(diverging)
    alone, pooled = Seen(), Seen()
    with pytest.raises(NonFiniteLoss):
        score(subjects, None, 3, alone)
    assert alone.lines == []
    with pytest.raises(NonFiniteLoss):
        score(subjects, None, 1, pooled, ProcessPool(2))  # both are at work before either has ended
    assert [line.partition(" ")[0] for line in pooled.lines] == ["stale:2"]


@pytest.fixture
def costs_given(monkeypatch: pytest.MonkeyPatch) -> None:
    prepares = sys.modules[splitrun.session.prepare.__module__]
    monkeypatch.setattr(prepares, "probe_costs", given_costs)


def trainings_of(directory: Path) -> list[dict[str, Any]]:
    lines = map(json.loads, (directory / MEASURED).read_text().splitlines())
    return [line for line in lines if "weights_sha256" in line]


@pytest.mark.usefixtures("costs_given")
def test_compare_writes_the_same_figures_with_several_jobs(
    compared: Compared, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--progress", "plain", "--runs-dir", str(tmp_path), "--json", "--jobs", "2")
    assert run(["compare", str(compared.spec), *ARGUMENTS, *options]) == 0
    captured = capsys.readouterr()
    assert "1 of 3: auroc, seed 1 of 1, stale:2, 2 at once" in captured.err
    found, alone = json.loads(captured.out), json.loads(compared.stdout)
    for mine, theirs in zip(found["arms"], alone["arms"], strict=True):
        for key in ("name", "metric", "verdict", "staleness"):
            assert mine[key] == theirs[key]
        assert [it["points"][-1]["value"] for it in mine["curves"]] == [
            it["points"][-1]["value"] for it in theirs["curves"]
        ]
    assert trainings_of(Path(found["report"]).parent) == trainings_of(compared.directory)


@pytest.mark.usefixtures("costs_given")
def test_value_finds_the_same_with_several_jobs(tmp_path: Path) -> None:
    known_shares.write(tmp_path / "rows.csv", {"train": 300, "validation": 100, "test": 100}, 1)
    training = {"epochs": 1, "optimizer": {"type": "adam", "lr": 0.01}, "metrics": ["auroc"]}
    spec = tmp_path / "spec.yaml"
    spec.write_text(yaml.safe_dump(known_shares.spec(tmp_path / "rows.csv", training=training)))
    found = []
    for jobs in ("1", "2"):
        runs = tmp_path / jobs
        options = ("--seeds", "2", "--repeats", "1", "--progress", "none", "--jobs", jobs)
        assert run(["value", str(spec), *options, "--runs-dir", str(runs)]) == 0
        (directory,) = runs.iterdir()
        record = read_value(directory)
        assert record
        found.append((record.with_all, record.partners, trainings_of(directory)))
    assert found[0][0] == found[1][0]
    assert found[0][2] == found[1][2]
    for alone, pooled in zip(found[0][1], found[1][1], strict=True):
        assert (alone.gain, alone.importance, alone.columns) == (
            pooled.gain,
            pooled.importance,
            pooled.columns,
        )
