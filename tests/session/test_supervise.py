"""Attempts of a run: which failures are worth another one, and what the run directory tells."""

from __future__ import annotations

import json
import signal
import weakref
from pathlib import Path

import pytest

from splitrun.errors import (
    Interrupted,
    Lost,
    Misaligned,
    ModelError,
    NonFiniteLoss,
    Problem,
    RunDirectoryError,
    RunFailed,
    Stalled,
)
from splitrun.events import Event, RunEnded
from splitrun.plan import Instruction, Op
from splitrun.records.run import RunResult
from splitrun.session import (
    Experiment,
    Resume,
    RunDirectory,
    evaluate_run,
    find_restart,
    supervised,
    train,
)
from splitrun.session.run_directory import fired_faults, forget_torn, note_fired
from splitrun.spec.model import Supervision
from splitrun.telemetry import JsonLines
from tests.runtime.running import Content, prepared, synthetic

RESTART = Supervision(on_failure="restart", restarts=3)


def failed(kind: type[RunFailed] = Stalled, instruction: str = "FORWARD 3") -> RunFailed:
    error = kind("bob.bottom", instruction, "of the test")
    error.run_dir = "runs/one"
    return error


def lived(failures: list[RunFailed], policy: Supervision = RESTART) -> list[int]:
    """The starts of the attempts that a run has when its attempts end like this, then well."""
    starts: list[int] = []

    def live(start: int) -> None:
        starts.append(start)
        if failures:
            raise failures.pop(0)

    supervised(policy, live, 0, lambda _, restart: restart)
    return starts


def test_a_run_lives_until_it_is_done() -> None:
    assert lived([]) == [0]
    assert lived([failed(), failed(Lost)]) == [0, 1, 2]


def test_without_the_word_it_lives_once() -> None:
    with pytest.raises(Stalled) as caught:
        lived([failed()], Supervision())
    assert not hasattr(caught.value, "__notes__")


def test_no_more_restarts_than_allowed() -> None:
    failures = [failed(instruction=f"FORWARD {step}") for step in range(9)]
    with pytest.raises(Stalled) as caught:
        lived(failures)
    assert caught.value.instruction == "FORWARD 3"
    assert caught.value.__notes__ == ["not restarted: 3 restarts were allowed"]


def test_a_life_that_failed_keeps_nothing_alive() -> None:
    class Weights:
        pass

    alive: list[weakref.ref[Weights]] = []

    def live(_: int) -> None:
        weights = Weights()
        alive.append(weakref.ref(weights))
        if len(alive) == 1:
            try:
                raise OSError
            except OSError as error:
                raise failed() from error
        assert alive[0]() is None
        assert weights

    supervised(RESTART, live, 0, lambda _, restart: restart)
    assert len(alive) == 2


def test_a_life_that_cannot_begin_leaves_the_failure_before_it() -> None:
    def live(start: int) -> None:
        if start:
            raise RunDirectoryError("runs/one: cannot be written")
        raise failed()

    with pytest.raises(Stalled) as caught:
        supervised(RESTART, live, 0, lambda _, restart: restart)
    assert caught.value.__notes__ == ["not restarted: runs/one: cannot be written"]
    with pytest.raises(RunDirectoryError):
        supervised(RESTART, live, 1, lambda _, restart: restart)


def test_models_that_cannot_be_built_again_leave_the_failure_before_them() -> None:
    def live(_: int) -> None:
        raise failed()

    def next_start(*_: object) -> int:
        raise ModelError([Problem(("parties", "p0", "bottom"), "is gone", "bring it back")])

    with pytest.raises(Stalled) as caught:
        supervised(RESTART, live, 0, next_start)
    assert caught.value.__notes__ == ["not restarted: parties.p0.bottom: is gone; bring it back"]


@pytest.mark.parametrize("kind", [NonFiniteLoss, Misaligned])
def test_what_would_come_again_is_not_tried_again(kind: type[RunFailed]) -> None:
    with pytest.raises(kind) as caught:
        lived([failed(kind)])
    assert caught.value.__notes__ == ["not restarted: it would come again"]


def test_what_came_twice_in_one_place_is_not_tried_a_third_time() -> None:
    with pytest.raises(Stalled) as caught:
        lived([failed(), failed()])
    assert caught.value.__notes__ == ["not restarted: it came again in the same place"]


def test_a_thread_left_behind_stands_in_the_way() -> None:
    error = failed()
    error.left_behind = ("bob.bottom",)
    with pytest.raises(Stalled) as caught:
        lived([error])
    assert "may still hold what a new attempt needs" in caught.value.__notes__[0]


def spec(*faults: Content) -> Content:
    return synthetic(
        rows=200,
        pipeline={"schedule": "stale", "depth": 2},
        supervision={"on_failure": "restart", "deadline_s": 0.3},
        faults=list(faults),
    )


def run(content: Content, runs: Path) -> RunResult:
    """Train attempt by attempt."""
    experiment = prepared(content)

    def live(start: tuple[Experiment, Resume | None]) -> RunResult:
        return train(start[0], runs, [JsonLines()], resume=start[1])

    def next_start(error: RunFailed, _: int) -> tuple[Experiment, Resume | None]:
        return experiment, find_restart(Path(error.run_dir))

    policy = experiment.document.spec.supervision
    start: tuple[Experiment, Resume | None] = (experiment, None)
    return supervised(policy, live, start, next_start)


@pytest.mark.parametrize(("checkpoint", "last"), [(None, {0}), ({"every_steps": 1}, {2, 3})])
def test_a_restarted_run_ends_as_if_nothing_had_been_and_tells_of_every_life(
    tmp_path: Path, checkpoint: Content | None, last: set[int]
) -> None:
    stall = {"type": "stall", "role": "p1.bottom", "step": 1}
    die = {"type": "die", "role": "p0.top", "step": 3, "at": "update"}
    result = run(spec(stall, die) | {"checkpoint": checkpoint}, tmp_path)
    undisturbed = train(prepared(spec() | {"checkpoint": checkpoint}), tmp_path)
    assert result.weights_sha256 == undisturbed.weights_sha256
    assert (result.steps, result.samples) == (undisturbed.steps, undisturbed.samples)
    directory = Path(result.run_dir)
    manifest = RunDirectory.open(directory).manifest()
    first, second, third = manifest.attempts
    assert (first.status, second.status, third.status) == ("failed", "failed", "done")
    assert (first.from_step, second.from_step) == (0, 1 if checkpoint else 0)
    assert third.from_step in last
    assert first.message.startswith("p1.bottom failed at FORWARD 1: it has not come back")
    assert second.message.startswith("p0.top failed at UPDATE 3: its thread ended")
    assert "in _happen" in (directory / "attempts/1/stacks.txt").read_text()
    fired = [json.loads(line) for line in (directory / "faults.jsonl").read_text().splitlines()]
    assert [fault["instruction"] for fault in fired] == ["FORWARD 1", "UPDATE 3"]
    for recording in (directory, directory / "attempts/1", directory / "attempts/2"):
        lines = (recording / "events.jsonl").read_text().splitlines()
        events = [json.loads(line)["type"] for line in lines]
        assert (events[0], events[-1]) == ("RunStarted", "RunEnded")
    assert evaluate_run(directory).metrics == result.metrics["test"]


def test_an_interrupt_while_a_failure_is_written_down_is_no_restart(tmp_path: Path) -> None:
    experiment = prepared(spec({"type": "raise", "role": "p0.top", "step": 1}))
    attempts: list[int] = []

    def press(event: Event) -> None:
        if isinstance(event, RunEnded):
            signal.raise_signal(signal.SIGINT)

    def live(start: int) -> RunResult:
        attempts.append(start)
        return train(experiment, tmp_path, [press])

    with pytest.raises(Interrupted, match=r"interrupted; p0\.top failed at "):
        supervised(RESTART, live, 0, lambda _, restart: restart)
    assert attempts == [0]


def test_a_fault_whose_line_is_torn_has_not_happened(tmp_path: Path) -> None:
    (tmp_path / "faults.jsonl").write_text('{"fault": 0}\n{"fault": 1')
    directory = RunDirectory(tmp_path)
    assert fired_faults(directory) == {0}
    forget_torn(directory)
    note_fired(directory, 2, "p0.top", Instruction(Op.LOSS, 3))
    assert fired_faults(directory) == {0, 2}


def test_a_failed_run_says_so_and_keeps_its_stacks(tmp_path: Path) -> None:
    content = spec({"type": "stall", "role": "p1.bottom", "step": 1}) | {
        "supervision": {"deadline_s": 0.3}
    }
    with pytest.raises(Stalled) as caught:
        train(prepared(content), tmp_path, [JsonLines()])
    directory = RunDirectory.open(Path(caught.value.run_dir))
    manifest = directory.manifest()
    assert (manifest.status, manifest.deadline_s) == ("failed", 0.3)
    assert manifest.message == str(caught.value)
    assert "p1.bottom\n" in (directory.path / "stacks.txt").read_text()
