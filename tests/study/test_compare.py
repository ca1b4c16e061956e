"""`splitrun compare`, by its command line: what it prints, and how its gates end it."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import splitrun.session
from splitrun.cli.app import run
from splitrun.errors import Interrupted, RunFailed, UsageError
from splitrun.events import FALLING, Sent, StepDone
from splitrun.model.compensation import Discount
from splitrun.plan import Plan
from splitrun.records.run import Staleness
from splitrun.study.arms import Arm, choose_arms, named
from splitrun.study.comparison import staleness_of
from splitrun.study.directory import COMPARISON, study_directory
from splitrun.study.quality import TimeToTarget, time_to_target
from splitrun.study.scoring import score
from splitrun.study.timing import shorten
from splitrun.study.training import Subject, train_fresh
from splitrun.telemetry import read_events, shares
from tests.cli.trial import refusal
from tests.probing import given_costs
from tests.runtime.running import Content, prepared, synthetic
from tests.study.conftest import ARGUMENTS, Compared, Told

QUICK = ("--repeats", "3", "--budget", "1", "--seeds", "1", "--progress", "none")
TOP_LEVEL = {"arms", "recommended", "advice", "report"}

ARM = {
    "schedule",
    "depth",
    "samples_per_s",
    "speedup",
    "bound_samples_per_s",
    "fraction_of_bound",
    "predicted_samples_per_s",
    "limited_by",
    "metric",
    "time_to_target_s",
    "staleness",
    "bytes_per_step",
    "cpu_percent",
    "gpu_percent",
    "verdict",
}
"""What scripts rely on in every arm."""


def written(directory: Path, content: Content | None = None) -> str:
    path = directory / "spec.yaml"
    path.write_text(yaml.safe_dump(content or synthetic(rows=300, links={"default": "lan"})))
    return str(path)


def test_arms_compensate_as_the_spec_says() -> None:
    pipeline = {"schedule": "sequential", "compensation": ["discount"]}
    spec = prepared(synthetic(rows=300, pipeline=pipeline)).document.spec
    applied = Arm("stale", 2).applied(spec)
    assert applied.pipeline.compensation == (Discount(type="discount"),)


def test_an_arm_with_a_codec_encodes_what_every_link_carries() -> None:
    links = {"default": {"codec": "fp16"}, "p1->p0": "wan"}
    spec = prepared(synthetic(rows=300, links=links)).document.spec
    coded, own = (Arm("stale", 2, codec=codec).applied(spec).links for codec in ("int8", None))
    assert {key: link.codec for key, link in coded.items()} == dict.fromkeys(links, "int8")
    assert coded["p1->p0"].latency_ms == 25
    assert own == spec.links
    bare = prepared(synthetic(rows=300)).document.spec
    assert Arm("sequential", codec="bf16").applied(bare).links["default"].codec == "bf16"


def test_codecs_asked_for_are_arms_with_fewer_bytes_and_a_verdict_of_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepares = sys.modules[splitrun.session.prepare.__module__]
    monkeypatch.setattr(prepares, "probe_costs", given_costs)
    options = ("--schedules", "stale", "--depths", "2", "--codecs", "int8,fp16")
    gate = ("--arm", "stale:2+int8", "--assert", "identical")
    places = ("--runs-dir", str(tmp_path / "runs"), "--json")
    assert run(["compare", written(tmp_path), *QUICK, *options, *gate, *places]) == 4
    captured = capsys.readouterr()
    assert captured.err.startswith("--assert identical: stale:2+int8 is ")
    found = {arm["name"]: arm for arm in json.loads(captured.out)["arms"]}
    plain = ["sequential", "stale:2"]
    assert [name for name in found if name.partition("+")[0] in plain] == [
        f"{name}{codec}" for name in plain for codec in ("", "+fp16", "+int8")
    ]
    for name in plain:
        size = found[name]["bytes_per_step"]
        assert found[f"{name}+fp16"]["bytes_per_step"] == size / 2
        assert found[f"{name}+int8"]["bytes_per_step"] == size * (6 + 4) / (4 * 6)
        assert [found[it]["codec"] for it in (name, f"{name}+int8")] == [None, "int8"]
    assert found["sequential+fp16"]["verdict"] != "identical"


def test_an_arm_whose_codec_cannot_hold_a_cut_is_left_out() -> None:
    content = synthetic(rows=300, training={"epochs": 1})
    content["parties"]["p1"] = {
        "bottom": {"type": "mlp", "hidden": [], "out": 6},
        "optimizer": {"type": "sgd", "lr": 1e20},
    }
    experiment = prepared(content)
    arms = [Arm("sequential"), Arm("sequential", codec="fp16")]
    spec = experiment.document.spec
    subjects = {arm: Subject(experiment.parties.under(arm.applied(spec))) for arm in arms}
    watcher = Told()
    scores = score(subjects, "auroc", 1, watcher)
    assert list(scores) == arms[:1]
    assert re.search(
        r"left out sequential\+fp16: p1.bottom failed at SEND 1 to p0.top", watcher.lines[-1]
    )


def test_json_holds_every_arm_with_all_that_scripts_rely_on(compared: Compared) -> None:
    found = json.loads(compared.stdout)
    assert compared.stderr == ""
    assert found.keys() >= TOP_LEVEL
    assert found["advice"]
    directory = Path(found["report"]).parent
    assert directory == compared.directory
    assert json.loads((directory / "comparison.json").read_text()) == found
    assert "<html" in (directory / "report.html").read_text()
    depths = [each["depth"] for each in found["forecast"]]
    assert depths == sorted(set(depths))
    assert {1, 2} <= set(depths)
    arms = {(arm["schedule"], arm["depth"]): arm for arm in found["arms"]}
    recommended = (found["recommended"]["schedule"], found["recommended"]["depth"])
    asked = {("sequential", 1), ("microbatch", 1), ("stale", 1), ("stale", 2)}
    assert arms.keys() == asked | {recommended}
    for arm in arms.values():
        _check(arm)
        _check_recording(arm, directory)
    assert arms["sequential", 1]["speedup"] == {"median": 1, "ci95": [1, 1], "lower_bound": 1}
    assert arms["sequential", 1]["verdict"] == "identical"
    assert arms["stale", 1]["verdict"] == "identical"
    assert arms["stale", 2]["verdict"] != "identical"
    assert arms["stale", 1]["staleness"] == {"mean": 0, "max": 0}
    assert arms["stale", 2]["staleness"] == {"mean": 7 / 8, "max": 1}
    assert arms["stale", 2]["bytes_per_step"] == 2 * 64 * 6 * 4


def _check(arm: dict[str, Any]) -> None:
    assert arm.keys() >= ARM
    for key in ("samples_per_s", "speedup"):
        low, high = arm[key]["ci95"]
        assert 0 < low <= arm[key]["median"] <= high
    assert arm["metric"].keys() == {"name", "mean", "ci95", "difference"}
    assert arm["metric"]["name"] == "auroc"
    assert arm["fraction_of_bound"] > 0
    assert arm["cpu_percent"] > 0
    assert arm["time_to_target_s"] is arm["reached"] is None
    assert arm["peak_memory_bytes"] > 1e6
    assert len(arm["trials"]) == 3
    assert [curve["seed"] for curve in arm["curves"]] == [5]
    assert arm["curves"][0]["points"][-1]["value"] == arm["metric"]["mean"]


def _check_recording(arm: dict[str, Any], directory: Path) -> None:
    """What is told of the roles and the links is what happened in the recorded trial."""
    events = list(read_events(directory / arm["recording"]))
    assert arm["roles"] == {role: each.to_json() for role, each in shares(events).items()}
    sent = [event for event in events if isinstance(event, Sent)]
    steps = sum(isinstance(event, StepDone) for event in events)
    for name, link in arm["links"].items():
        passed = [event.bytes for event in sent if event.channel == name]
        assert link == {"messages": len(passed), "bytes_per_step": sum(passed) / steps}
    assert len(arm["links"]) == 2


@pytest.mark.parametrize(
    ("arm", "bound", "exit_code", "told"),
    [
        ("stale:1", "0.001", 0, []),
        ("stale:2", "1000", 4, ["--fail-below 1000: stale:2 is", "--assert identical: stale:2 is"]),
    ],
)
def test_gates_end_the_command_with_exit_code_4_after_the_result(
    measured_before: Compared,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arm: str,
    bound: str,
    exit_code: int,
    told: list[str],
) -> None:
    options = ("--arm", arm, "--runs-dir", str(tmp_path), "--progress", "none")
    gates = ("--fail-below", bound, "--assert", "identical")
    command = ["compare", str(measured_before.spec), *ARGUMENTS, *options, *gates]
    assert run(command) == exit_code
    captured = capsys.readouterr()
    said = captured.err.splitlines()
    assert len(said) == len(told)
    assert all(line.startswith(start) for line, start in zip(said, told, strict=True))
    table, _, words = captured.out.partition("\n\n")
    assert max(map(len, table.splitlines())) <= 100
    assert "advice: " in words
    assert "before measuring: " in words


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--depths", "2,x"], "'x' is not a depth"),
        (["--depths", "0"], "'0' is not a depth"),
        (["--schedules", "stale,eager"], "'eager' is not one of"),
        (["--repeats", "0"], "--repeats"),
        (["--budget", "nan"], "must be a positive number"),
        (["--margin", "0"], "must be a positive number"),
        (["--target", "nan"], "must be a finite number"),
        (["--assert", "same"], "--assert"),
        (["--metric", "aurok"], "training.metrics"),
        (["--arm", "stale:5"], "--arm stale:5: not one of the arms; name one of sequential"),
        (["--depths", "99"], "depth 99 is more than the 8 steps of the run"),
        (["dataset.test_fraction=0"], "no rows are held out"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    runs = ("--progress", "none", "--runs-dir", str(tmp_path / "runs"))
    said = refusal(capsys, "compare", written(tmp_path), *runs, *arguments)
    assert told in said
    assert not (tmp_path / "runs").exists()


def test_an_arm_nobody_asked_for_is_left_out_where_the_models_cannot_run_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bottom = {"type": "mlp", "hidden": [4], "out": 2, "normalization": "batch"}
    spec = written(tmp_path, synthetic(rows=300, bottom=bottom, links={"default": "lan"}))
    options = ("--repeats", "1", "--budget", "1", "--seeds", "1", "--depths", "2")
    assert run(["compare", spec, *options, "--runs-dir", str(tmp_path), "--json"]) == 0
    captured = capsys.readouterr()
    arms = [arm["schedule"] for arm in json.loads(captured.out)["arms"]]
    assert "microbatch" not in arms
    assert "left out microbatch:4: p0.bottom has BatchNorm" in captured.err
    assert json.loads(captured.out)["arms"][0]["samples_per_s"]["ci95"] is None


def test_time_to_target_is_the_epochs_until_then_at_the_arm_s_pace(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = synthetic(rows=600, training={"epochs": 3, "evaluate_every_epochs": 1})
    options = ("--schedules", "stale", "--depths", "2", "--runs-dir", str(tmp_path), "--json")
    assert run(["compare", written(tmp_path, content), *QUICK, *options, "--target", "0.2"]) == 0
    for arm in json.loads(capsys.readouterr().out)["arms"]:
        (curve,) = arm["curves"]
        assert [point["epoch"] for point in curve["points"]] == [1, 2, 3]
        first = next(point for point in curve["points"] if point["value"] >= 0.2)
        assert (arm["time_to_target_s"], arm["reached"]) == (first["train_s"], 1)


@pytest.mark.parametrize(
    ("metric", "target", "expected"),
    [
        ("auroc", 0.7, TimeToTarget(4.0, 3)),
        ("auroc", 0.8, TimeToTarget(None, 1)),
        ("auroc", 0.4, TimeToTarget(2.0, 3)),
        ("loss", 0.5, TimeToTarget(2.0, 2)),
    ],
)
def test_a_target_that_half_the_seeds_miss_is_not_reached(
    metric: str, target: float, expected: TimeToTarget
) -> None:
    curves = [{1: 0.5, 2: 0.7}, {1: 0.6, 2: 0.9}, {1: 0.45, 2: 0.75}]
    is_falling = metric in FALLING
    assert time_to_target(curves, target, epoch_s=2.0, is_falling=is_falling) == expected


def test_a_comparison_that_is_broken_off_leaves_nothing(tmp_path: Path) -> None:
    document = prepared(synthetic()).document
    with (
        pytest.raises(Interrupted, match="so none of it is kept"),
        study_directory(tmp_path, document, COMPARISON),
    ):
        raise KeyboardInterrupt
    with pytest.raises(RunFailed, match="writing"), study_directory(tmp_path, document, COMPARISON):
        raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_a_sequential_run_learns_the_same_on_either_runtime() -> None:
    subject = _subject(Arm("sequential"))
    serial, threaded = train_fresh(subject, "serial"), train_fresh(subject, "threaded")
    assert serial.weights_sha256 == threaded.weights_sha256
    assert serial.statistics.metrics == threaded.statistics.metrics


@pytest.mark.parametrize("steps", [1, 5, 9, 10, 18])
def test_a_shortened_training_has_the_steps_asked_for_or_whole_epochs(steps: int) -> None:
    plan = shorten(_subject(Arm("stale", 2)), max(2, steps)).plan()
    assert plan.steps == (18 if steps > 9 else max(2, steps))
    assert plan.facts.test_rows == 0


def test_staleness_counts_the_fill_after_every_drain() -> None:
    content = synthetic(pipeline={"schedule": "stale", "depth": 4})
    once = prepared(content).plan
    often = prepared(content | {"training": {"epochs": 2, "evaluate_every_epochs": 1}}).plan
    for plan in (once, often):
        assert staleness_of(plan) == Staleness(mean=_mean_staleness(plan), max=3)
    assert (staleness_of(often).mean or 0) < (staleness_of(once).mean or 0)


def _mean_staleness(plan: Plan) -> float:
    lags = [step - plan.version(role, step) for role in plan.bottoms for step in range(plan.steps)]
    return sum(lags) / len(lags)


def test_arms_are_the_baseline_what_was_asked_for_and_what_is_recommended() -> None:
    spec = prepared(synthetic()).document.spec
    arms = choose_arms(spec, ("stale",), (8, 2), Arm("stale", 5))
    assert [str(arm) for arm in arms] == ["sequential", "stale:2", "stale:5", "stale:8"]
    assert named(arms, "stale:5") == Arm("stale", 5)
    coded = choose_arms(spec, ("stale",), (2,), Arm("stale", 2), ("int8",))
    names = ["sequential", "sequential+int8", "stale:2", "stale:2+int8"]
    assert [str(arm) for arm in coded] == names
    assert named(coded, "stale:2+int8") == Arm("stale", 2, codec="int8")
    with pytest.raises(UsageError, match=r"name one of sequential, sequential\+int8, "):
        named(coded, "stale")


def _subject(arm: Arm) -> Subject:
    experiment = prepared(synthetic())
    return Subject(experiment.parties.under(arm.applied(experiment.document.spec)))


def test_an_arm_that_diverges_is_left_out_and_fails_its_gate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """At a learning rate that one batch at a time can bear, seven updates of delay cannot; one, at
    the depth that this machine may recommend, cannot either."""
    optimizer = {"type": "sgd", "lr": 0.6, "momentum": 0.9}
    content = synthetic(rows=1000, training={"optimizer": optimizer, "epochs": 20})
    spec = written(tmp_path, content)
    options = ("--schedules", "stale", "--depths", "8", "--runs-dir", str(tmp_path / "runs"))
    gate = ("--arm", "stale:8", "--assert", "equivalent", "--json")
    assert run(["compare", spec, *QUICK, *options, *gate]) == 4
    captured = capsys.readouterr()
    assert captured.err == "stale:8 diverged\n"
    found = json.loads(captured.out)
    assert "stale:8" in found["diverged"]
    assert re.search(r"but .*stale:8 diverged", found["advice"])
    entered = {f"{arm['schedule']}:{arm['depth']}" for arm in found["arms"]}
    assert not entered & set(found["diverged"])


def test_two_runs_are_gated_by_their_weights_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = written(tmp_path)
    for place, seed in (("one", 1), ("same", 1), ("other", 2)):
        options = ("--runs-dir", str(tmp_path / place), "--progress", "none")
        assert run(["train", spec, f"seed={seed}", *options]) == 0
    one, same, other = (str(*(tmp_path / it).iterdir()) for it in ("one", "same", "other"))
    capsys.readouterr()
    assert run(["compare", one, same, "--assert", "identical"]) == 0
    assert run(["compare", one, other, "--assert", "identical"]) == 4
    assert capsys.readouterr().err == "the two runs end with different weights\n"
    text = refusal(capsys, "compare", one, other, "--fail-below", "1.5")
    assert "--fail-below: two runs that are over cannot answer that" in text
    text = refusal(capsys, "compare", one, other, "--assert", "equivalent")
    assert "--assert equivalent: two runs that are over cannot answer that" in text
