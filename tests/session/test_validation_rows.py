"""Validation rows through a run: told apart from test rows, and what decisions rest on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from splitrun.cli.app import run
from splitrun.events import Evaluated
from splitrun.records.run import EpochRecord, RunResult
from splitrun.session import evaluate_run, prepare, train
from splitrun.spec import load
from splitrun.telemetry import JsonLines, read_events
from tests.runtime.running import Content, prepared, synthetic

VALIDATION = {"validation_fraction": 0.1}


def ran(runs: Path, dataset: Content | None = None, **sections: Any) -> RunResult:
    """Two epochs, each of them evaluated."""
    content = synthetic(
        rows=730,
        dataset=VALIDATION if dataset is None else dataset,
        training={"evaluate_every_epochs": 1, "metrics": ["auroc"]},
        **sections,
    )
    spec = runs / "spec.yaml"
    spec.write_text(yaml.safe_dump(content))
    return train(prepare(load(spec)), runs / "runs", [JsonLines()])


def test_every_evaluation_tells_of_validation_and_test_rows_apart(tmp_path: Path) -> None:
    result = ran(tmp_path)
    directory = Path(result.run_dir)
    assert list(result.metrics) == ["validation", "test"]
    assert result.metrics["validation"] != result.metrics["test"]
    assert result.metrics["validation"].keys() == result.metrics["test"].keys()
    told = [event for event in read_events(directory) if isinstance(event, Evaluated)]
    assert [event.rows for event in told] == [73 + 146] * 2
    assert told[-1].by_rows == result.metrics
    lines = (directory / "metrics.jsonl").read_bytes().splitlines()
    records = [msgspec.json.decode(line, type=EpochRecord) for line in lines]
    evaluated = [record for record in records if record.test]
    assert [record.epoch for record in evaluated] == [1, 2]
    assert evaluated[-1].validation == result.metrics["validation"]
    plan = json.loads((directory / "plan.json").read_text())
    assert (plan["train_rows"], plan["validation_rows"], plan["test_rows"]) == (511, 73, 146)


def test_without_validation_rows_nothing_is_said_of_them(tmp_path: Path) -> None:
    result = ran(tmp_path, dataset={})
    assert list(result.metrics) == ["test"]
    for name in ("events.jsonl", "metrics.jsonl"):
        assert '"validation"' not in (Path(result.run_dir) / name).read_text()


def test_a_run_may_have_validation_rows_alone(tmp_path: Path) -> None:
    result = ran(tmp_path, dataset=VALIDATION | {"test_fraction": 0.0})
    assert list(result.metrics) == ["validation"]
    evaluation = evaluate_run(Path(result.run_dir))
    assert evaluation.validation == result.metrics["validation"]
    assert not evaluation.metrics
    assert len(evaluation.predictions.values) == 0


@pytest.mark.parametrize("depth", [1, 3])
def test_serial_and_threads_find_the_same_to_the_last_bit(tmp_path: Path, depth: int) -> None:
    pipeline = {"schedule": "stale", "depth": depth}
    serial, threaded = (
        ran(tmp_path, pipeline=pipeline, runtime={"type": kind}) for kind in ("serial", "threaded")
    )
    assert serial.weights_sha256 == threaded.weights_sha256
    assert serial.metrics == threaded.metrics


def test_a_parts_metrics_are_those_of_its_rows_alone(tmp_path: Path) -> None:
    result = ran(tmp_path)
    evaluation = evaluate_run(Path(result.run_dir))
    assert evaluation.metrics == result.metrics["test"]
    assert evaluation.validation == result.metrics["validation"]
    experiment = prepared(synthetic(rows=730, dataset=VALIDATION))
    assert evaluation.predictions.keys == experiment.parties.label_holder.data.test_ids.tolist()
    assert len(evaluation.predictions.values) == 146


def test_evaluation_prints_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = ran(tmp_path)
    assert run(["eval", result.run_dir, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["metrics"] == result.metrics
    assert run(["eval", result.run_dir]) == 0
    told = capsys.readouterr().out
    assert "  validation loss" in told
    assert "  test       loss" in told


def test_a_comparison_decides_on_the_validation_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = synthetic(rows=730, dataset=VALIDATION, training={"metrics": ["auroc"]})
    spec = tmp_path / "spec.yaml"
    spec.write_text(yaml.safe_dump(content))
    quick = (
        "--repeats",
        "3",
        "--budget",
        "1",
        "--seeds",
        "1",
        "--progress",
        "none",
        "--depths",
        "2",
    )
    assert run(["compare", str(spec), *quick, "--json", "--runs-dir", str(tmp_path)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["decided_on"] == "validation"
    sequential = next(arm for arm in found["arms"] if arm["schedule"] == "sequential")
    result = train(prepared(content | {"pipeline": "sequential"}), tmp_path / "runs")
    assert sequential["metric"]["mean"] == result.metrics["validation"]["auroc"]
    assert "of the validation rows" in Path(found["report"]).read_text()
