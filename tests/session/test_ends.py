"""How runs end, and what is there when they have: interrupts, failing sinks, full disks."""

from __future__ import annotations

import errno
import os
import signal
from pathlib import Path
from typing import IO

import pytest

from splitrun.errors import Interrupted, NonFiniteLoss, RunDirectoryError, RunFailed
from splitrun.events import Event, RunEnded, StepDone
from splitrun.session import RunDirectory, evaluate_run, train
from splitrun.session.sinks import make_sinks
from splitrun.telemetry import JsonLines, jsonl, read_events
from tests.runtime.running import prepared, synthetic


def test_an_interrupt_leaves_a_run_directory_that_can_be_evaluated(tmp_path: Path) -> None:
    def interrupt(event: Event) -> None:
        if isinstance(event, StepDone) and event.step >= 3:
            raise KeyboardInterrupt

    content = synthetic(
        pipeline={"schedule": "stale", "depth": 2}, links={"default": {"latency_ms": 60}}
    )
    with pytest.raises(Interrupted, match=r"interrupted after \d+ of 18 steps"):
        train(prepared(content), tmp_path, [JsonLines(), interrupt])
    (directory,) = tmp_path.iterdir()
    assert RunDirectory.open(directory).manifest().status == "interrupted"
    assert evaluate_run(directory).status == "interrupted"


def test_the_last_event_of_every_run_says_how_it_ended(tmp_path: Path) -> None:
    ends: list[RunEnded] = []

    def keep(event: Event) -> None:
        if isinstance(event, RunEnded):
            ends.append(event)

    train(prepared(synthetic()), tmp_path, [keep])
    failing = synthetic(training={"optimizer": {"type": "sgd", "lr": 1e30}})
    with pytest.raises(NonFiniteLoss):
        train(prepared(failing), tmp_path, [keep])
    assert [end.status for end in ends] == ["done", "failed"]


@pytest.mark.parametrize("error", [ValueError("of the test"), SystemExit(1)])
def test_a_sink_that_fails_is_left_out_and_the_run_goes_on(
    tmp_path: Path, error: BaseException
) -> None:
    heard: list[Event] = []
    warnings: list[str] = []

    def broken(event: Event) -> None:
        if isinstance(event, StepDone):
            raise error

    result = train(prepared(synthetic()), tmp_path, [broken, heard.append], warn=warnings.append)
    assert isinstance(heard[-1], RunEnded)
    assert heard[-1].status == "done"
    assert sum(isinstance(event, StepDone) for event in heard) == result.steps
    (warning,) = warnings
    assert "broken shows no more of the run, for it has failed: " in warning
    assert type(error).__name__ in warning
    manifest = RunDirectory.open(Path(result.run_dir)).manifest()
    assert (manifest.status, manifest.warnings) == ("done", tuple(warnings))


def full_disk() -> IO[bytes]:
    """A file there; neither writing to it nor closing it succeeds."""
    return Path("/dev/full").open("wb")


def test_a_recording_on_a_full_disk_is_given_up_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = train(prepared(synthetic()), tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(jsonl, "create", lambda _: full_disk())
        result = train(prepared(synthetic()), tmp_path, [JsonLines()])
    assert result.weights_sha256 == plain.weights_sha256
    (warning,) = RunDirectory.open(Path(result.run_dir)).manifest().warnings
    assert warning.startswith("JsonLines shows no more of the run")
    assert warning.endswith("No space left on device")


def test_a_tensorboard_on_a_full_disk_is_left_out_and_does_not_block_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = full_disk()
    monkeypatch.setattr("tensorboardX.record_writer.open_file", lambda _: disk)
    result = train(prepared(synthetic()), tmp_path, make_sinks([], ["tensorboard"]))
    (warning,) = RunDirectory.open(Path(result.run_dir)).manifest().warnings
    assert warning.startswith("TensorBoard shows no more of the run")
    assert warning.endswith("No space left on device")
    with pytest.raises(OSError, match="No space left"):
        disk.close()


def test_a_directory_that_cannot_be_written_is_no_failure_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(RunDirectory, "write_json", full)
    with pytest.raises(RunDirectoryError, match="cannot be written: No space left on device; make"):
        train(prepared(synthetic()), tmp_path)


def test_an_interrupt_that_comes_with_the_last_event_leaves_a_finished_run(tmp_path: Path) -> None:
    def press(event: Event) -> None:
        if isinstance(event, RunEnded):
            signal.raise_signal(signal.SIGINT)

    result = train(prepared(synthetic()), tmp_path, [press])
    assert RunDirectory.open(Path(result.run_dir)).manifest().status == "done"


def test_an_interrupt_in_the_middle_of_writing_ends_the_run_in_order(tmp_path: Path) -> None:
    def press(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == 3:
            signal.raise_signal(signal.SIGINT)

    content = synthetic(links={"default": {"latency_ms": 60}})
    with pytest.raises(Interrupted, match=r"interrupted after \d+ of 18 steps"):
        train(prepared(content), tmp_path, [JsonLines(), press])
    (directory,) = tmp_path.iterdir()
    assert evaluate_run(directory).status == "interrupted"
    *_, last = read_events(directory)
    assert isinstance(last, RunEnded)
    assert last.status == "interrupted"


def test_an_interrupt_before_there_are_models_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("splitrun.session.attempt.AttemptState.begin", interrupt)
    with pytest.raises(Interrupted) as caught:
        train(prepared(synthetic()), tmp_path)
    assert not hasattr(caught.value, "__notes__")
    (directory,) = tmp_path.iterdir()
    assert RunDirectory.open(directory).manifest().status == "interrupted"
    assert not (directory / "model").exists()


def test_a_run_whose_end_cannot_be_written_has_failed_and_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_json, written, ends = RunDirectory.write_json, [], []

    def full_at_the_end(self: RunDirectory, name: str, content: dict[str, object]) -> None:
        written.append(name)
        if len(written) > 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write_json(self, name, content)

    def keep(event: Event) -> None:
        ends.extend([event.status] if isinstance(event, RunEnded) else [])

    monkeypatch.setattr(RunDirectory, "write_json", full_at_the_end)
    with pytest.raises(RunFailed, match="No space left"):
        train(prepared(synthetic()), tmp_path, [keep])
    assert ends == ["failed"]
