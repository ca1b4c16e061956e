"""What splitrun made before its records had a format is read, or refused in one line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from splitrun.cli.app import run
from splitrun.dashboard.live import plan_of
from splitrun.errors import RunDirectoryError
from splitrun.events import Executed, RunStarted, Sent
from splitrun.records.comparison import ComparisonRecord, read_comparison
from splitrun.records.plan import PlanRecord
from splitrun.records.reading import read_lines, read_record
from splitrun.records.run import EpochRecord, Manifest, read_manifest, stand
from splitrun.report.run_page import read_run
from splitrun.report.write import write
from splitrun.session import find_resume
from splitrun.session.attempt_state import read_statistics
from splitrun.study.runs import compare_runs
from splitrun.telemetry import read_events
from tests.cli.trial import refusal
from tests.report.reading import Report

OLDER = Path(__file__).parent / "older"
ROLES = {"a.bottom", "b.bottom", "a.top"}


@pytest.fixture
def older(tmp_path: Path) -> Path:
    shutil.copytree(OLDER, tmp_path / "older")
    return tmp_path / "older"


def test_the_manifest_has_the_attempts_that_were_called_lives(older: Path) -> None:
    manifest = read_manifest(older / "resumed")
    assert manifest is not None
    assert manifest.status == "done"
    assert [(each.from_step, each.status) for each in manifest.attempts] == [
        (0, "killed"),
        (3, "done"),
    ]
    assert manifest.result is not None
    assert manifest.result.steps == 10
    assert manifest.environment.splitrun == "0.1.0"


def test_the_plan_and_the_epochs(older: Path) -> None:
    plan = plan_of(older / "resumed")
    assert (plan.schedule, plan.depth, set(plan.roles)) == ("stale", 2, ROLES)
    epochs = read_lines(older / "resumed" / "metrics.jsonl", EpochRecord)
    assert [each.epoch for each in epochs if each.test] == [1, 2]


def test_what_a_plan_called_handover_is_its_wakeup_latency() -> None:
    assert PlanRecord.of({"handover_ms": 0.5}).wakeup_latency_ms == 0.5


def test_of_a_recording_every_recv_is_told_from_whom_it_was(older: Path) -> None:
    events = list(read_events(older / "resumed"))
    assert isinstance(events[0], RunStarted)
    assert (events[0].attempt, events[0].first_step) == (2, 3)
    received = [each for each in events if isinstance(each, Executed) and each.op == "RECV"]
    taken = sorted((f"{each.peer}->{each.role}", each.phase, each.step) for each in received)
    sent = sorted((e.channel, e.phase, e.step) for e in events if isinstance(e, Sent))
    assert taken == sent


def test_the_report_of_a_run_tells_of_its_attempts(older: Path) -> None:
    report = Report.read(write(older / "resumed"))
    assert report.verdict.startswith("Done: 10 steps, stale, depth 2, at 36")
    assert any("This is attempt 2 of the run, from step 3 on" in text for text in report.texts("p"))
    assert "A few steady steps" in report.charts


def test_a_killed_run_is_told_so_and_how_to_go_on(older: Path) -> None:
    status, way_on = stand(older / "killed")
    assert status == "killed"
    assert way_on == f"resume with `splitrun train --resume {older / 'killed'}`"
    run_found = read_run(older / "killed")
    assert run_found is not None
    assert run_found.status == "killed"


def test_a_killed_run_goes_on_from_its_checkpoint(older: Path) -> None:
    resume = find_resume(older / "killed")
    assert resume.step == 3
    assert resume.checkpoint is not None
    statistics = read_statistics(resume.checkpoint, older)
    assert statistics.staleness["a.bottom"].updates == 3


def test_a_killed_run_that_goes_on_ends_with_the_weights_of_an_undisturbed_one(
    older: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its checkpoint has no shards; those that are written now do, and take its place."""
    assert run(["train", "--resume", str(older / "killed"), "--json", "--progress", "none"]) == 0
    resumed = json.loads(capsys.readouterr().out)
    shutil.copy(older / "killed" / "resolved.yaml", older / "spec.yaml")
    runs = ["--runs-dir", str(older / "runs")]
    assert run(["train", str(older / "spec.yaml"), "--json", "--progress", "none", *runs]) == 0
    undisturbed = json.loads(capsys.readouterr().out)
    assert resumed["weights_sha256"] == undisturbed["weights_sha256"]
    assert resumed["staleness"] == undisturbed["staleness"]
    assert {path.name for path in (older / "killed" / "checkpoints").iterdir()} == {"a", "b"}


def test_a_model_without_shards_is_refused_with_its_version_and_what_to_do(
    older: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refusal(capsys, "eval", str(older / "resumed")).strip() == (
        f"{older}/resumed/model/model.json: a model of format 1, of splitrun 0.1, not of 3; "
        "use the splitrun that saved it, or train again"
    )


def test_a_run_is_watched(older: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["watch", str(older / "resumed")]) == 0
    frame = capsys.readouterr().out
    assert "resumed  stale, depth 2" in frame
    assert "step 10/10" in frame
    for link in ("a->b", "b->a"):
        (line,) = (line for line in frame.splitlines() if line.startswith(link))
        assert line.split()[1:3] == ["0", "0"], "nothing is on the wire or in the queue"


def test_every_message_of_a_trace_has_an_arrow(older: Path) -> None:
    assert run(["trace", str(older / "resumed")]) == 0
    records = json.loads((older / "resumed" / "trace.json").read_text())["traceEvents"]
    sent = sum(isinstance(event, Sent) for event in read_events(older / "resumed"))
    assert sum(record["ph"] == "s" for record in records) == sent > 0


def test_two_runs_are_compared(older: Path) -> None:
    comparison = compare_runs(older / "resumed", older / "resumed")
    assert comparison.identical
    assert comparison.speedups == [1, 1]


def test_a_comparison_has_the_trials_that_were_called_turns(older: Path) -> None:
    comparison = read_comparison(older / "comparison")
    assert comparison is not None
    assert [arm.name for arm in comparison.arms] == ["sequential", "stale:2"]
    assert all(len(arm.trials) == 2 for arm in comparison.arms)
    report = Report.read(write(older / "comparison"))
    assert report.verdict.startswith("Stay with sequential.")
    arm = plan_of(older / "comparison" / "arms" / "stale-2")
    assert arm.bound is not None
    assert arm.bound.samples_per_s == comparison.arms[1].bound_samples_per_s


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (Manifest, {"status": "done"}),
        (PlanRecord, {}),
        (ComparisonRecord, {"kind": "comparison"}),
    ],
)
def test_a_format_of_the_future_is_one_line_that_says_what_to_use(
    tmp_path: Path, kind: type[Manifest], changes: dict[str, str]
) -> None:
    path = tmp_path / "record.json"
    content = json.loads((OLDER / "comparison" / "comparison.json").read_text())
    path.write_text(json.dumps(content | {"format": 99} | changes))
    with pytest.raises(RunDirectoryError, match="of format 99") as caught:
        read_record(path, kind)
    assert "use a newer one" in str(caught.value)
    assert "\n" not in str(caught.value)
