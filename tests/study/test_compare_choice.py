"""What `splitrun compare` recommends, what it refuses before it trains, and what it keeps."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml

import splitrun.study.compare as comparing
from splitrun.cli.app import run
from splitrun.errors import Interrupted, RunFailed
from splitrun.plan import Plan
from splitrun.session import prepare
from splitrun.spec import load
from splitrun.study.arms import Arm, line_up
from splitrun.study.bench.measure import BenchSettings, measure
from splitrun.study.compare import CompareSettings
from splitrun.study.directory import COMPARISON, study_directory
from splitrun.study.scoring import score
from splitrun.study.timing import TimedArm, Trial
from splitrun.study.training import Subject
from splitrun.study.watcher import BenchWatcher, Watcher
from tests.cli.trial import refusal
from tests.report.reading import Report
from tests.runtime.running import Content, prepared, synthetic

QUICK = (
    *("--repeats", "3", "--seeds", "1", "--budget", "1"),
    *("--progress", "none", "--schedules", "stale"),
)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def written(directory: Path, content: Content) -> str:
    path = directory / "spec.yaml"
    path.write_text(yaml.safe_dump(content))
    return str(path)


def distant(**sections: Any) -> Content:
    return synthetic(rows=300, links={"default": {"latency_ms": 15}}, **sections)


def by_name(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {arm["name"]: arm for arm in found["arms"]}


def test_a_faster_arm_that_is_not_shown_to_be_as_good_is_unproven_and_gated_if_asked_for(
    tmp_path: Path, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One seed shows nothing, so that sequential is what is left to recommend."""
    spec = written(tmp_path, distant())
    arms = ("--depths", "2", "--runs-dir", str(runs), "--fail-below", "1.2", "--unproven")
    assert run(["compare", spec, *QUICK, *arms, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["unproven"] is True
    assert found["recommended"]["schedule"] == "sequential"
    assert (found["recommended_depth"], found["shown_depth"]) == (1, 1)
    assert found["fastest_depth"] >= 2
    assert "stale:2" in found["faster_unproven"]
    change = by_name(found)["stale:2"]["metric"]["difference"]["mean"]
    assert f"Δ auroc {change:+.4f}, inconclusive: 2 more seeds needed)" in found["advice"]
    assert found["advice"].startswith("no faster arm is shown to have sequential's auroc; faster, ")
    assert found["foretold"]
    assert found["foretold"] not in found["advice"]
    report = Report.read(Path(found["report"]))
    assert report.verdict.startswith("Stay with sequential. Faster, unproven: stale:2 (")
    assert any("faster, unproven" in row for row in report.rows)


def test_its_own_verdicts_are_evidence_and_the_greatest_staleness_still_holds(
    tmp_path: Path,
    runs: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is shown of adagrad; with so wide a margin every arm is equivalent, and the gate
    looks at what is recommended. The page cannot be written, which costs no result."""
    monkeypatch.setattr("splitrun.report.write.render", _no_template)
    content = distant(training={"optimizer": {"type": "adagrad"}}, pipeline={"max_staleness": 1})
    options = ("--seeds", "3", "--margin", "10", "--fail-below", "1000")
    arms = ("--depths", "2,4", "--runs-dir", str(runs), "--json")
    assert run(["compare", written(tmp_path, content), *QUICK, *options, *arms]) == 4
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    (directory,) = runs.iterdir()
    assert found == json.loads((directory / "comparison.json").read_text())
    assert json.loads((directory / "status.json").read_text())["status"] == "done"
    gate, page = captured.err.splitlines()
    assert gate.startswith("--fail-below 1000: stale:2 is shown to be at least ")
    assert page.startswith("the report failed at writing its page: RuntimeError: no such")
    assert {arm["verdict"] for arm in found["arms"]} == {"identical", "equivalent"}
    assert (found["recommended_depth"], found["shown_depth"]) == (2, 1)
    assert found["faster_unproven"] == []
    assert found["advice"].startswith("the fastest that is shown to have sequential's auroc, ")
    assert "pipeline.max_staleness 1 rules out stale:4 (" in found["advice"]


@pytest.mark.parametrize(
    ("overrides", "options", "told"),
    [
        (
            ["checkpoint.every_steps=5"],
            ["--depths", "6"],
            "depth 6 is never reached: the pipeline drains every 5 steps",
        ),
        (
            ["checkpoint.every_steps=1"],
            [],
            "there is nothing to compare sequential with\nleft out stale:2: depth 2 is never",
        ),
        (["dataset.test_fraction=0.003"], [], "auroc is not defined on the held-out rows; name"),
        ([], ["--fail-below", "1.5", "--repeats", "2"], "--fail-below: 2 rounds cannot show a"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is_trained(
    tmp_path: Path,
    runs: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    overrides: list[str],
    options: list[str],
    told: str,
) -> None:
    monkeypatch.setattr(comparing, "score", _never)
    spec = written(tmp_path, synthetic(rows=300))
    said = refusal(capsys, "compare", spec, *overrides, *QUICK, "--runs-dir", str(runs), *options)
    assert told in said
    assert not list(runs.glob("*"))


def _no_template(*_: object) -> None:
    raise RuntimeError("no such template")


def _never(*_: object) -> None:
    raise AssertionError("nothing is to be trained")


def test_an_arm_that_no_trial_is_long_enough_for_is_left_out(
    tmp_path: Path, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--progress", "plain", "--runs-dir", str(runs), "--arm", "stale:8")
    content = synthetic(rows=300, checkpoint={"every_steps": 5})
    said = refusal(capsys, "compare", written(tmp_path, content), *options)
    assert "left out stale:8: depth 8 is never reached: the pipeline drains every 5" in said
    assert "--arm stale:8: not one of the arms; name one of sequential, " in said


def test_what_was_measured_before_a_late_error_is_kept_and_is_no_finished_comparison(
    tmp_path: Path,
    runs: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(comparing, "record", fail)
    spec = written(tmp_path, synthetic(rows=300))
    options = ("--depths", "2", "--runs-dir", str(runs), "--repeats", "1")
    said = refusal(capsys, "compare", spec, *QUICK, *options, exit_code=1)
    (directory,) = runs.iterdir()
    assert said.startswith("the comparison failed at writing: OSError: [Errno 28] No space left")
    assert f"what was measured until then is in {directory / 'measured.jsonl'}" in said
    lines = (directory / "measured.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    trained = {each["arm"]: each for each in records if each["what"] == "training"}
    timed = {each["arm"] for each in records if each["what"] == "trial"}
    assert {"sequential", "stale:2"} <= trained.keys() == timed
    assert trained["stale:2"]["seed"] == 5
    assert trained["stale:2"]["metric"] == "auroc"
    assert 0 <= trained["stale:2"]["value"] <= 1
    assert not (directory / "comparison.json").exists()
    assert json.loads((directory / "status.json").read_text())["status"] == "failed"
    said = refusal(capsys, "report", str(directory))
    assert (
        "a comparison whose status is 'failed', so there is no page of it; what it measured is in"
        in said
    )


def test_an_interrupted_comparison_keeps_what_was_measured(tmp_path: Path) -> None:
    with pytest.raises(Interrupted) as interrupted:
        _interrupted(tmp_path)
    (directory,) = tmp_path.iterdir()
    assert str(directory / "measured.jsonl") in interrupted.value.__notes__[0]
    assert json.loads((directory / "status.json").read_text())["status"] == "interrupted"


def test_a_comparison_that_was_killed_is_called_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = prepared(synthetic()).document
    with study_directory(tmp_path, document, COMPARISON) as directory:
        said = refusal(capsys, "report", str(directory.path))
        assert "a comparison whose status is 'running', so there is no page of it" in said
    said = refusal(capsys, "report", str(directory.path))  # nobody has said that it is done
    assert "a comparison whose status is 'killed', so there is no page of it" in said


def _interrupted(runs: Path) -> None:
    with study_directory(runs, prepared(synthetic()).document, COMPARISON) as directory:
        assert json.loads((directory.path / "status.json").read_text())["status"] == "running"
        (directory.path / "measured.jsonl").write_text("{}\n")
        raise KeyboardInterrupt


def test_arms_that_begin_as_different_networks_are_not_compared(
    tmp_path: Path,
    runs: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Subject, "first_weights", spoilt(2))
    options = ("--depths", "2", "--runs-dir", str(runs))
    said = refusal(capsys, "compare", written(tmp_path, distant()), *QUICK, *options)
    assert re.match(r"p0\.top: at seed 5, \S+ begins with other weights than sequential", said)
    assert "keep nothing from one build of a module to the next" in said
    assert not runs.exists()


def test_arms_that_begin_as_different_networks_at_a_later_seed_end_the_comparison(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    experiment = prepared(synthetic(rows=300))
    spec = experiment.document.spec
    monkeypatch.setattr(Subject, "first_weights", spoilt(4))
    subjects = {
        arm: Subject(experiment.parties.under(arm.applied(spec)))
        for arm in (Arm("sequential"), Arm("stale", 2))
    }
    with pytest.raises(RunFailed, match=r"p0\.top: at seed 6, stale:2 begins with other weights"):
        score(subjects, None, 3, Watcher())


def spoilt(number: int) -> Callable[[Subject, Plan], dict[str, str]]:
    """Tells first weights of which those of this number begin elsewhere."""
    numbers, first_weights = count(1), Subject.first_weights

    def told(subject: Subject, plan: Plan) -> dict[str, str]:
        digests = first_weights(subject, plan)
        return digests | ({"p0.top": "another"} if next(numbers) == number else {})

    return told


TOWER = """
from torch import nn

class Tower(nn.Sequential):
    def __init__(self, in_features):
        super().__init__(nn.Linear(in_features, 6), nn.Tanh())
"""


def test_a_user_s_class_is_tried_once_an_arm_and_not_before_every_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tower.py").write_text(TOWER)
    content = synthetic(rows=300)
    content["parties"]["p1"]["bottom"] = {"class": "tower:Tower"}
    document = load(Path(written(tmp_path, content)))
    arms = line_up(document, ("stale",), (2,), Watcher(), allow_code=True)
    experiment = prepare(document, allow_code=True)
    monkeypatch.setattr("splitrun.model.custom.probe.Trials", _never)
    settings = CompareSettings(repeats=1, budget_s=0.1, seeds=2)
    comparison = comparing.compare(arms, settings, None, tmp_path, Watcher())
    assert {"sequential", "stale:2"} <= {str(each.arm) for each in comparison.arms}
    trials = measure(experiment, BenchSettings(repeats=1, budget_s=0.1), BenchWatcher()).trials
    assert len(trials) == 1


@pytest.mark.parametrize(("gain", "recommended"), [(1.0, "sequential"), (1.5, "microbatch")])
def test_an_arm_that_is_as_accurate_is_recommended_if_it_is_shown_to_be_faster(
    tmp_path: Path,
    runs: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    gain: float,
    recommended: str,
) -> None:
    def timed(timed_arms: Sequence[TimedArm], **_: object) -> dict[TimedArm, list[Trial]]:
        gains = {"microbatch": gain}
        return {
            each: [
                Trial(rate * gains.get(each.arm.schedule, 1.0), 1.0, 50.0)
                for rate in (1000.0, 1010.0, 990.0)
            ]
            for each in timed_arms
        }

    monkeypatch.setattr(comparing, "time_rounds", timed)
    spec = written(tmp_path, synthetic(rows=300))
    options = ("--schedules", "microbatch", "--seeds", "1", "--runs-dir", str(runs), "--json")
    assert run(["compare", spec, *options, "--progress", "none"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert by_name(found)["microbatch:4"]["verdict"] in ("identical", "equivalent")
    assert found["recommended"]["schedule"] == recommended
