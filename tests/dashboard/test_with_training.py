"""The dashboard beside a real run."""

from __future__ import annotations

from pathlib import Path

import pytest

from splitrun.dashboard import Dashboard
from splitrun.dashboard.view import RunView
from splitrun.records.run import RunResult
from splitrun.session import prepare, train
from splitrun.spec import load
from splitrun.telemetry import JsonLines, read_events, shares
from tests.cli.trial import SYNTHETIC, write
from tests.dashboard.test_live import seen, terminal


@pytest.mark.parametrize("runtime", ["serial", "threaded"])
def test_who_watches_changes_nothing_and_sees_what_is_recorded(
    tmp_path: Path, runtime: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    text = SYNTHETIC.replace("runtime: serial", f"runtime: {runtime}\npipeline: {{depth: 3}}")
    write(tmp_path, {"trial.yaml": text})

    def trained(*sinks: Dashboard) -> RunResult:
        return train(prepare(load(tmp_path / "trial.yaml")), tmp_path / "runs", sinks)

    console, stream = terminal()
    with Dashboard(console) as dashboard:
        watched = trained(dashboard)
    assert watched.weights_sha256 == trained().weights_sha256
    view = dashboard.view
    assert (view.progress.step, view.progress.status) == (watched.steps, "done")
    assert view.progress.average_samples_per_s == pytest.approx(watched.samples_per_s)
    assert f"step {watched.steps}/{watched.steps}" in seen(stream)[1]


def test_the_screens_totals_are_those_of_the_recording(tmp_path: Path) -> None:

    write(tmp_path, {"trial.yaml": SYNTHETIC.replace("runtime: serial", "runtime: threaded")})
    view = RunView()
    experiment = prepare(load(tmp_path / "trial.yaml"))
    result = train(experiment, tmp_path / "runs", [JsonLines(), view.fold])
    for name, expected in shares(read_events(Path(result.run_dir))).items():
        found = view.roles[name].whole(view.told_s)
        assert (found.busy, found.receive, found.send) == pytest.approx(
            (expected.busy, expected.receive, expected.send)
        )
