"""Runs with a loss and a metric that are classes beside the spec."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from splitrun.cli.options import load_judged
from splitrun.errors import ModelError, SpecError
from splitrun.records.reading import read_lines
from splitrun.records.run import EpochRecord
from splitrun.session import Experiment, evaluate_run, prepare, train
from splitrun.session.prepare import refuse_code
from splitrun.spec import is_falling, load, metrics_of
from tests.runtime.law import hold_the_law
from tests.runtime.running import Content, synthetic

CLASSES = """
import numpy as np
from torch import nn, exp

class Focal(nn.Module):
    def __init__(self, gamma):
        super().__init__()
        self.gamma = gamma

    def forward(self, outputs, labels):
        lost = nn.functional.binary_cross_entropy_with_logits(outputs, labels, reduction="none")
        return lost * (1 - exp(-lost)) ** self.gamma

class Cost:
    def __call__(self, labels, predictions, weights):
        said = predictions >= 0.5
        return np.average(10 * (labels & ~said) + (said & ~labels), weights=weights)
"""
FOCAL = {"class": "own:Focal", "kwargs": {"gamma": 2}, "labels": "binary"}
COST = {"class": "own:Cost", "name": "cost", "greater_is_better": False}


def content(**training: object) -> Content:
    return synthetic(
        dataset={"validation_fraction": 0.2},
        top={"loss": FOCAL},
        training={"metrics": [COST, "auroc"], "early_stopping": {"metric": "cost"}} | training,
        pipeline={"schedule": "stale", "depth": 2},
        checkpoint={"every_steps": 4},
    )


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the classes are."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(CLASSES)
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(content()))
    return tmp_path


def prepared_in(directory: Path, **training: object) -> Experiment:
    (directory / "spec.yaml").write_text(yaml.safe_dump(content(**training)))
    return prepare(load(directory / "spec.yaml"), allow_code=True)


@pytest.mark.usefixtures("directory")
def test_a_run_is_the_same_in_processes_and_threads() -> None:
    hold_the_law(content(), "threaded", "processes")


def test_a_run_stops_by_a_metric_of_ones_own_and_is_evaluated_by_it(directory: Path) -> None:
    experiment = prepared_in(directory, epochs=6)
    limits = experiment.plan.early_stopping
    assert limits is not None
    assert not limits.rises
    result = train(experiment, directory / "runs")
    assert list(result.metrics["test"]) == ["loss", "cost", "auroc"]
    evaluation = evaluate_run(Path(result.run_dir), allow_code=True)
    assert evaluation.metrics == result.metrics["test"]
    values = [
        record.validation["cost"]
        for record in read_lines(Path(result.run_dir) / "metrics.jsonl", EpochRecord)
        if record.validation
    ]
    assert result.metrics["validation"]["cost"] == min(value for value in values if value)
    assert len(evaluation.predictions.values) == len(experiment.parties.first.data.test_ids)
    with pytest.raises(ModelError, match=r"top\.loss\.class: own:Focal would run the code of"):
        evaluate_run(Path(result.run_dir))


def test_the_label_holder_alone_needs_the_classes(directory: Path) -> None:
    spec = load(directory / "spec.yaml").spec
    refuse_code(spec, directory, "p1")
    with pytest.raises(ModelError, match="own:Cost would run"):
        refuse_code(spec, directory, "p0")


def test_a_comparison_is_judged_by_a_class_or_by_another_metric_alone(directory: Path) -> None:
    path = directory / "spec.yaml"
    by_class = load_judged(path, None, None, "cost").spec
    assert metrics_of(by_class) == ("cost", "auroc")
    assert is_falling(by_class, "cost")
    (directory / "spec.yaml").write_text(yaml.safe_dump(content(early_stopping=None)))
    assert metrics_of(load_judged(path, None, None, "f1").spec) == ("f1",)


@pytest.mark.parametrize(
    ("metrics", "told"),
    [
        ([COST, COST], r"metrics\[1\].name: 'cost' is the name of another metric, too; give one"),
        ([COST | {"name": "mae"}], r"metrics\[0\].name: mae is the name of one of splitrun's own"),
        ([{"class": "own:Cost", "name": "cost"}], r"metrics\[0\].greater_is_better: is missing"),
        ([{"name": "cost"}], r"metrics\[0\].*class"),
    ],
)
def test_a_metric_without_a_name_or_a_direction_of_its_own_is_refused(
    metrics: list[Content], told: str, directory: Path
) -> None:
    (directory / "spec.yaml").write_text(
        yaml.safe_dump(content(metrics=metrics, early_stopping=None))
    )
    with pytest.raises(SpecError, match=told):
        load(directory / "spec.yaml")


def test_a_loss_is_tried_with_the_runs_own_labels_before_anything_is_trained(
    directory: Path,
) -> None:
    (directory / "own.py").write_text(CLASSES.replace("return lost *", "return lost.mean() *"))
    told = r"top.loss.class: own:Focal gives a row another loss where it stands among other rows"
    with pytest.raises(ModelError, match=told):
        prepared_in(directory)
