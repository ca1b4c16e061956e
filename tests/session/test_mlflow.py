"""Runs as an MLflow server is told of them; the server is made up."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import current_thread

import pytest

from splitrun.errors import MissingExtra, UsageError
from splitrun.events import Evaluated, Executed, RunEnded, StepDone
from splitrun.records.run import Invocation
from splitrun.session import train
from splitrun.session.run_directory import RunDirectory
from splitrun.session.sinks import make_sinks
from splitrun.telemetry import mlflow_run
from splitrun.telemetry.mlflow_run import MLflow, as_key, params_of
from splitrun.telemetry.mlflow_server import Metric, MLflowServer
from tests.runtime.running import prepared, synthetic
from tests.session.stopping import resumed, stopped
from tests.telemetry.recordings import CLOCK, ROLES, ended, started

URI = "http://tracking"


class Remembered(MLflowServer):
    """Remembers one run in place of a server; `fails` names a request that it refuses."""

    def __init__(self, fails: str = "") -> None:
        self.fails = fails
        self.experiment = self.name = self.status = ""
        self.params: dict[str, str] = {}
        self.tags: dict[str, str] = {}
        self.batches: list[Sequence[Metric]] = []
        self.files: list[str] = []
        self.begun = 0

    def _refuse(self, request: str) -> None:
        if request == self.fails:
            raise ConnectionError(f"{request}: connection refused")

    def start(self, experiment: str, name: str) -> str:
        self._refuse("start")
        self.experiment, self.name = experiment, name
        self.begun += 1
        return "0123abcd"

    def go_on(self, run_id: str) -> frozenset[str]:
        assert run_id == "0123abcd"
        return frozenset(self.params)

    def log_params(self, params: Mapping[str, str]) -> None:
        assert not params.keys() & self.params.keys()
        self.params.update(params)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        self.tags.update(tags)

    def log_metrics(self, metrics: Sequence[Metric]) -> None:
        assert len(metrics) <= 1000
        self.batches.append(metrics)

    def log_file(self, path: Path, folder: str | None = None) -> None:
        self._refuse("log_file")
        self.files.append(f"{folder or '.'}/{path.name}")

    def end(self, status: str) -> None:
        self.status = status

    def curve(self, key: str) -> list[tuple[int, float]]:
        """(step, value) of each of its points."""
        every = (point for points in self.batches for point in points)
        return [(point.step, point.value) for point in every if point.key == key]

    @property
    def keys(self) -> set[str]:
        return {point.key for points in self.batches for point in points}


def test_every_step_is_told_and_throughputs_over_a_while(tmp_path: Path) -> None:
    server = Remembered()
    sink = MLflow(server, URI, "trials")
    sink.take_all([started(tmp_path)])
    sink.take_all([StepDone(t, 0, 8, 1 / (t + 1), CLOCK + 0.125 * (t + 1)) for t in range(2500)])
    sink.take_all([ended(1000)])
    assert server.curve("train/loss") == [(step, 1 / step) for step in range(1, 2501)]
    assert server.curve("train/samples_per_s") == [(step, 64.0) for step in range(2, 2501, 2)]
    assert (server.experiment, server.name, server.status) == ("trials", tmp_path.name, "FINISHED")


def test_an_evaluation_is_told_by_step_with_its_epoch_and_what_is_undefined_is_not(
    tmp_path: Path,
) -> None:
    server = Remembered()
    sink = MLflow(server, URI)
    metrics: dict[str, float | None] = {"auroc": 0.75, "accuracy": None}
    sink(started(tmp_path))
    sink(Evaluated(10, 1, 20, metrics, CLOCK + 2, CLOCK + 3, validation={"auroc": 0.5}))
    sink(ended(4))
    assert server.curve("test/auroc") == [(10, 0.75)]
    assert server.curve("validation/auroc") == [(10, 0.5)]
    assert server.curve("epoch") == [(10, 1)]
    assert "test/accuracy" not in server.keys


def test_times_are_those_of_the_events(tmp_path: Path) -> None:
    server = Remembered()
    sink = MLflow(server, URI)
    sink(started(tmp_path))
    sink.take_all([StepDone(t, 0, 8, 0.5, CLOCK + 0.01 * t) for t in range(3)])
    sink(ended(4))
    points = [point for batch in server.batches for point in batch if point.key == "train/loss"]
    assert [point.time_ms - points[0].time_ms for point in points] == pytest.approx(
        [0, 10, 20], abs=1
    )


def test_shares_of_every_role_are_told_at_the_end(tmp_path: Path) -> None:
    server = Remembered()
    sink = MLflow(server, URI)
    role = ROLES[0]
    sink(started(tmp_path))
    sink(Executed(role, "FORWARD", "train", 0, 0, CLOCK, CLOCK + 1))
    sink(Executed(role, "RECV", "train", 0, 0, CLOCK + 1, CLOCK + 3, peer="a.top"))
    sink(ended(4))
    found = {name: server.curve(f"shares/{role}/{name}") for name in ("busy", "receive", "idle")}
    assert found == {"busy": [(0, 0.25)], "receive": [(0, 0.5)], "idle": [(0, 0.25)]}
    assert {f"shares/{role}/idle" for role in ROLES} <= server.keys


def test_a_run_is_told_with_its_spec_command_result_and_files(tmp_path: Path) -> None:
    server = Remembered()
    asked = Invocation(command=("train", "a b.yaml", "seed=3"), overrides=("seed=3",))
    result = train(prepared(synthetic()), tmp_path, [MLflow(server, URI)], asked=asked)
    directory = RunDirectory.open(Path(result.run_dir))
    assert server.name == directory.path.name
    assert server.params == params_of(directory.manifest().spec)
    assert server.experiment == server.params["name"]
    assert server.tags["splitrun.command"] == "splitrun train 'a b.yaml' seed=3"
    assert (server.tags["splitrun.overrides"], server.tags["splitrun.status"]) == ("seed=3", "done")
    assert len(server.curve("train/loss")) == result.steps
    for role, staleness in result.staleness.items():
        assert server.curve(f"staleness/{role}/max") == [(result.steps, staleness.max)]
    ((_, rate),) = server.curve("result/samples_per_s")
    assert rate == result.samples_per_s
    model = {str(path.relative_to(directory.path)) for path in directory.model.rglob("*.*")}
    assert set(server.files) == model | {"./resolved.yaml", "./plan.json", "./manifest.json"}


def test_a_run_that_fails_is_told_so_with_its_message(tmp_path: Path) -> None:
    server = Remembered()
    sink = MLflow(server, URI)
    sink(started(tmp_path))
    sink(RunEnded("failed", "b.bottom: step 3: out of luck", CLOCK + 1))
    assert (server.status, server.tags["splitrun.message"]) == (
        "FAILED",
        "b.bottom: step 3: out of luck",
    )


def test_a_run_that_is_resumed_goes_on_there(tmp_path: Path) -> None:
    content = synthetic() | {"checkpoint": {"every_steps": 2}, "sinks": []}
    server = Remembered()
    first = MLflow(server, URI)
    directory = stopped(content, tmp_path, step=5, sinks=[first])
    assert server.status == "KILLED"
    params = dict(server.params)
    _, result = resumed(directory, sinks=[MLflow(server, URI)])
    assert (server.begun, server.status, server.params) == (1, "FINISHED", params)
    assert server.tags["splitrun.attempt"] == "2"
    assert {step for step, _ in server.curve("train/loss")} == set(range(1, result.steps + 1))


def test_the_directory_is_written_by_the_thread_that_hands_events_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writers: list[threading.Thread] = []
    monkeypatch.setattr(mlflow_run, "write_text", lambda *_: writers.append(current_thread()))
    sink = MLflow(Remembered(), URI)
    sink(started(tmp_path))
    sink(ended(1))
    assert writers == [current_thread()]


def test_a_password_is_kept_nowhere(tmp_path: Path) -> None:
    sink = MLflow(Remembered(), "https://ann:secret@tracking/team")
    sink(started(tmp_path))
    sink(ended(1))
    assert '"https://tracking/team"' in (tmp_path / "mlflow.json").read_text()


def test_another_server_has_a_run_of_its_own(tmp_path: Path) -> None:
    one, other = Remembered(), Remembered()
    for server, uri in ((one, URI), (other, "http://elsewhere")):
        sink = MLflow(server, uri)
        sink(started(tmp_path))
        sink(ended(1))
    assert (one.begun, other.begun) == (1, 1)


def test_a_server_that_is_not_there_ends_nothing_and_is_warned_of_once(tmp_path: Path) -> None:
    warnings: list[str] = []
    sink = MLflow(Remembered(fails="start"), URI)
    result = train(prepared(synthetic()), tmp_path, [sink], warn=warnings.append)
    (warning,) = warnings
    assert warning.startswith("MLflow shows no more of the run, for it has failed: ")
    assert warning.endswith(f"{URI}: ConnectionError: start: connection refused")
    manifest = RunDirectory.open(Path(result.run_dir)).manifest()
    assert (manifest.status, manifest.warnings) == ("done", (warning,))


def test_files_that_are_refused_leave_status_and_figures(tmp_path: Path) -> None:
    server = Remembered(fails="log_file")
    warnings: list[str] = []
    train(prepared(synthetic()), tmp_path, [MLflow(server, URI)], warn=warnings.append)
    assert server.status == "FINISHED"
    assert "result/samples_per_s" in server.keys
    assert len(warnings) == 1


def test_keys_have_what_mlflow_allows() -> None:
    assert as_key("links.bob->alice.latency_ms") == "links.bob_alice.latency_ms"
    assert as_key("validation/f1 @ 50 %") == "validation/f1 _ 50 _"


def test_what_is_no_text_is_json() -> None:
    spec = {"name": "trial", "training.metrics": ["auroc"], "checkpoint": None, "seed": 7}
    assert params_of(spec) == {
        "name": "trial",
        "training.metrics": '["auroc"]',
        "checkpoint": "null",
        "seed": "7",
    }


def test_a_server_that_nothing_names_is_an_error_of_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(UsageError, match=r"^--sink mlflow: MLFLOW_TRACKING_URI is not set"):
        make_sinks([], ["mlflow"])


def test_without_mlflow_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", URI)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(MissingExtra, match=r"pip install 'splitrun\[mlflow\]'") as raised:
        make_sinks([], ["mlflow"])
    assert raised.value.exit_code == 3
