"""A run that ends too early goes on from its last checkpoint as if nothing had happened."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
import yaml

from splitrun.cli.app import run
from splitrun.errors import Interrupted, RunDirectoryError, RunFailed
from splitrun.events import RunStarted, StepDone
from splitrun.lock import locked
from splitrun.records.run import read_manifest
from splitrun.session import evaluate_run, find_resume, prepare, prepare_resume, train
from splitrun.spec import load
from splitrun.telemetry import JsonLines, read_events
from tests.chaos.trial import trial
from tests.runtime.running import prepared
from tests.session.stopping import VARIANTS, content_of, never, resumed, stop_at, stopped


@pytest.fixture(autouse=True)
def _attentive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are stopped where they are meant to be: events are looked at soon."""
    monkeypatch.setattr("splitrun.runtime.threaded.LOOK_EVERY_S", 0.005)


def lines(directory: str | Path) -> str:
    return (Path(directory) / "metrics.jsonl").read_text()


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_resumed_run_ends_with_the_undisturbed_ones_weights_on_either_runtime(
    variant: str, tmp_path: Path
) -> None:
    undisturbed = train(prepared(content_of(variant, "serial", links={})), tmp_path / "calm")
    resume, result = resumed(stopped(content_of(variant), tmp_path), "serial")
    assert 0 < resume.step < undisturbed.steps
    assert result.weights_sha256 == undisturbed.weights_sha256
    assert (result.steps, result.samples) == (undisturbed.steps, undisturbed.samples)
    assert (result.train_loss, result.metrics) == (undisturbed.train_loss, undisturbed.metrics)
    assert lines(result.run_dir) == lines(undisturbed.run_dir)
    _, on_threads = resumed(stopped(content_of(variant, "serial"), tmp_path / "s"), "threaded")
    assert on_threads.weights_sha256 == undisturbed.weights_sha256


@pytest.mark.parametrize("kind", ["threaded", "processes"])
def test_a_run_that_may_stop_early_is_interrupted_with_its_best_weights(
    kind: str, tmp_path: Path
) -> None:
    content = content_of("early stopping", kind)
    content["training"] |= {"epochs": 40, "early_stopping": {"patience": 100, "min_delta": 100}}
    directory = stopped(content, tmp_path)
    manifest = read_manifest(directory)
    assert manifest is not None
    result = manifest.result
    assert result is not None
    assert result.best_step == 3
    assert evaluate_run(directory).metrics == result.metrics["test"]
    content["training"]["early_stopping"]["patience"] = 1
    at_once = train(prepared(content | {"links": {}}), tmp_path / "calm")
    assert (at_once.steps, at_once.best_step) == (6, 3)
    assert result.weights_sha256 == at_once.weights_sha256


@pytest.mark.parametrize("codec", ["fp16", "int8"])
def test_a_run_with_a_codec_is_resumed_and_evaluated_with_it(codec: str, tmp_path: Path) -> None:
    near, far = ({"default": {"codec": codec, "latency_ms": it}} for it in (0, 30))
    undisturbed = train(prepared(content_of(links=near)), tmp_path / "calm")
    resume, result = resumed(stopped(content_of(links=far), tmp_path), "serial")
    assert 0 < resume.step < undisturbed.steps
    assert result.weights_sha256 == undisturbed.weights_sha256
    assert result.metrics == undisturbed.metrics
    assert evaluate_run(Path(result.run_dir)).metrics == undisturbed.metrics["test"]
    plain = train(prepared(content_of(links={})), tmp_path / "plain")
    assert plain.weights_sha256 != result.weights_sha256


def test_checkpoints_are_part_of_the_program_so_that_they_change_a_stale_runs_weights(
    tmp_path: Path,
) -> None:
    every_4, every_5, never = (
        train(prepared(content_of(checkpoint=section, links={})), tmp_path / str(n)).weights_sha256
        for n, section in enumerate([{"every_steps": 4}, {"every_steps": 5}, None])
    )
    assert len({every_4, every_5, never}) == 3


def test_a_run_has_its_lives_in_its_manifest_and_the_events_of_each(tmp_path: Path) -> None:
    directory = stopped(content_of(), tmp_path, step=6)
    first = find_resume(directory)
    with pytest.raises(Interrupted):
        resumed(directory, sinks=[stop_at(14)])
    second, result = resumed(directory)
    assert 0 < first.step < second.step
    assert second.checkpoint
    assert not second.checkpoint.roles, "stages have what was in it"
    manifest = json.loads((directory / "manifest.json").read_text())
    assert manifest["result"] == result.to_json()
    assert [(attempt["from_step"], attempt["status"]) for attempt in manifest["attempts"]] == [
        (0, "interrupted"),
        (first.step, "interrupted"),
        (second.step, "done"),
    ]
    for place, step in (("attempts/1", 0), ("attempts/2", first.step), (".", second.step)):
        started, *events = read_events(directory / place)
        assert isinstance(started, RunStarted)
        assert started.first_step == step
        steps = [event.step for event in events if isinstance(event, StepDone)]
        assert steps == list(range(step, step + len(steps)))
    assert steps[-1] + 1 == result.steps


def test_a_life_that_ends_before_its_first_checkpoint_leaves_the_one_before(tmp_path: Path) -> None:
    directory = stopped(content_of(), tmp_path, step=9)
    before = find_resume(directory)
    with pytest.raises(Interrupted):
        resumed(directory, sources=[never])
    resume, result = resumed(directory)
    assert resume.step == before.step
    assert resume.attempts == 2
    undisturbed = train(prepared(content_of(links={})), tmp_path / "calm")
    assert result.weights_sha256 == undisturbed.weights_sha256


def test_a_damaged_checkpoint_is_told_of_and_the_one_before_it_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = stopped(content_of(), tmp_path, step=5)
    with pytest.raises(Interrupted):
        resumed(directory, sinks=[stop_at(13)])
    older, newer = sorted((directory / "checkpoints" / "p1").iterdir())
    (newer / "p1.bottom.safetensors").write_bytes(b"torn")
    assert run(["train", "--resume", str(directory), "--json", "--progress", "plain"]) == 0
    captured = capsys.readouterr()
    assert f"warning: {newer}: damaged, so it is passed over: ValueError: p1.bott" in captured.err
    assert f"from step {int(older.name[5:])}" in captured.err
    undisturbed = train(prepared(content_of(links={})), tmp_path / "calm")
    assert json.loads(captured.out)["weights_sha256"] == undisturbed.weights_sha256


def test_a_full_disk_ends_the_run_and_the_last_good_checkpoint_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(yaml.safe_dump(content_of(links={"default": {"latency_ms": 60}})))
    fsync = os.fsync

    def fill_up(descriptor: int) -> None:
        second = list(tmp_path.glob("runs/*/checkpoints/p1/step-*"))
        if second and list(tmp_path.glob("runs/*/checkpoints/*/.step-*")):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fill_up)
        with pytest.raises(RunFailed, match=r"writing: OSError: .*No space left") as caught:
            train(prepare(load(spec)), tmp_path / "runs", [JsonLines()])
    assert "go on from its last checkpoint: splitrun train --resume" in caught.value.__notes__[-1]
    (directory,) = (tmp_path / "runs").iterdir()
    assert json.loads((directory / "manifest.json").read_text())["status"] == "failed"
    assert (directory / "failure.txt").exists()
    _, result = resumed(directory)
    undisturbed = train(prepared(content_of(links={})), tmp_path / "calm")
    assert result.weights_sha256 == undisturbed.weights_sha256
    assert not (directory / "failure.txt").exists()


def test_a_run_that_is_done_or_under_way_or_has_no_checkpoint_is_not_resumed(
    tmp_path: Path,
) -> None:
    directory = stopped(content_of(), tmp_path)
    stale = find_resume(directory)
    with locked(directory), pytest.raises(RunDirectoryError, match="another process is training"):
        find_resume(directory)
    with pytest.raises(Interrupted) as caught:
        resumed(directory, sources=[never])
    assert f": splitrun train --resume {directory}" in caught.value.__notes__[-1]
    with pytest.raises(RunDirectoryError, match="another process has gone on with it"):
        train(prepare_resume(stale), tmp_path, resume=stale)
    resumed(directory)
    with pytest.raises(RunDirectoryError, match="the run is done, so there is nothing to resume"):
        find_resume(directory)
    without = stopped(content_of(checkpoint=None), tmp_path / "without")
    with pytest.raises(RunDirectoryError, match=r"no checkpoint, so .*checkpoint\.every_epochs=1"):
        find_resume(without)


def test_a_changed_spec_is_refused_with_the_difference_and_an_equal_one_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory, spec = str(stopped(content_of(), tmp_path)), str(tmp_path / "spec.yaml")
    for given in (["seed=6"], [spec, "seed=6"]):
        assert run(["train", "--resume", directory, *given, "--progress", "none"]) == 2
        told = capsys.readouterr().err
        assert "\n-seed: 5\n+seed: 6\n" in told
        assert "the spec was changed, and a run goes on as it began; use `splitrun train" in told
    assert run(["train", spec, "--resume", directory, "--progress", "none"]) == 0


def test_what_cannot_touch_the_result_may_change_and_is_noted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = stopped(content_of(), tmp_path)
    changes = ["supervision.deadline_s=99", "runtime.type=serial", "checkpoint.keep=7"]
    assert run(["train", "--resume", str(directory), *changes, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    undisturbed = train(prepared(content_of(links={})), tmp_path / "calm")
    assert result["weights_sha256"] == undisturbed.weights_sha256
    last = json.loads((directory / "manifest.json").read_text())["attempts"][-1]
    added = [line for line in last["changes"] if line.startswith("+")]
    assert [line.partition(":")[0] for line in added] == ["+runtime", "+checkpoint", "+supervision"]
    assert "deadline_s: 99.0" in added[-1]


@pytest.mark.parametrize(
    "link",
    [
        *("checkpoints", "attempts", "events.jsonl"),
        *("checkpoints/p1", "checkpoints/p1/step-00000099"),
    ],
)
def test_a_run_directory_with_links_in_it_is_not_resumed(link: str, tmp_path: Path) -> None:
    directory = stopped(content_of(), tmp_path)
    elsewhere = tmp_path / "elsewhere"
    if (directory / link).exists():
        (directory / link).rename(elsewhere)
    else:
        elsewhere.mkdir()
    (directory / link).symlink_to(elsewhere)
    with pytest.raises(RunDirectoryError, match=f"{link}: a link, and a run goes on only where"):
        find_resume(directory)


def test_changed_data_are_refused_and_named(tmp_path: Path) -> None:
    rows = ["x0,x1,y", *(f"{row % 7},{row % 11},{row % 3 % 2}" for row in range(300))]
    bottom = {"type": "mlp", "out": 2}
    content = content_of("sequential", checkpoint={"every_steps": 4})
    content["dataset"] = {"type": "csv", "path": "rows.csv", "label": "y", "batch_size": 16}
    content["parties"] = {
        "p0": {"columns": ["x0"], "bottom": bottom},
        "p1": {"columns": ["x1"], "bottom": bottom},
    }
    (tmp_path / "rows.csv").write_text("\n".join(rows))
    directory = stopped(content, tmp_path)
    (tmp_path / "rows.csv").write_text("\n".join([*rows[:-1], "5,9,0"]))
    with pytest.raises(RunDirectoryError, match="the data have changed: the columns of p1;"):
        prepare_resume(find_resume(directory))
    (tmp_path / "rows.csv").write_text("\n".join(rows))
    prepare_resume(find_resume(directory))


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    resume = find_resume(stopped(content_of(), tmp_path))
    bottom = {"type": "mlp", "hidden": [13], "out": 6}
    with pytest.raises(RunDirectoryError, match=r"does not fit p0\.bottom: RuntimeError: other"):
        train(prepared(content_of(bottom=bottom)), tmp_path, resume=resume)


@pytest.mark.parametrize("seed", [4])
def test_kill_9_changes_nothing(seed: int, tmp_path: Path) -> None:
    """`make chaos` does this a hundred times."""
    ended = trial(seed, tmp_path)
    assert ended.kills
    assert ended.same
