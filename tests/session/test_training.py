"""Whole runs: what they leave behind, whether they end well or not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch import nn

from splitrun.errors import Misaligned, NonFiniteLoss, RunDirectoryError, RunFailed
from splitrun.events import StepDone
from splitrun.records.run import RunResult
from splitrun.session import Experiment, RunDirectory, evaluate_run, prepare, train
from splitrun.session.store import load_weights
from splitrun.spec import load
from splitrun.telemetry import JsonLines
from tests.runtime.running import Content, prepared, synthetic, trained


def run(content: Content, runs: Path, **files: str) -> RunResult:
    """Train a spec from a file in `runs`, with other files beside it."""
    for name, text in files.items():
        (runs / name.replace("__", ".")).write_text(text)
    spec = runs / "spec.yaml"
    spec.write_text(yaml.safe_dump(content))
    return train(prepare(load(spec), allow_code=True), runs / "runs", [JsonLines()])


def saved(result: RunResult, experiment: Experiment) -> dict[str, nn.Module]:
    """The modules of a run's model, by role."""
    stages = experiment.parties.stages(experiment.plan)
    modules = {role: stage.module for role, stage in stages.items()}
    load_weights(Path(result.run_dir) / "model", modules)
    return modules


def test_a_run_directory_holds_all_there_is_to_know(tmp_path: Path) -> None:
    result = run(synthetic(pipeline={"schedule": "stale", "depth": 2}), tmp_path)
    directory = Path(result.run_dir)
    names = {path.name for path in directory.iterdir()}
    assert names == {
        "spec.yaml",
        "resolved.yaml",
        "plan.json",
        "manifest.json",
        "metrics.jsonl",
        "events.jsonl",
        "model",
    }
    manifest = json.loads((directory / "manifest.json").read_text())
    assert manifest["status"] == "done"
    assert manifest["result"]["weights_sha256"] == result.weights_sha256
    assert manifest["result"]["staleness"] == result.to_json()["staleness"]
    lines = [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 2]
    events = [json.loads(line) for line in (directory / "events.jsonl").read_text().splitlines()]
    assert (events[0]["type"], events[-1]["type"]) == ("RunStarted", "RunEnded")
    assert sum(event["type"] == "StepDone" for event in events) == result.steps == 18


def test_a_rerun_of_the_resolved_spec_ends_with_the_same_weights(tmp_path: Path) -> None:
    first = run(synthetic(pipeline={"schedule": "stale", "depth": 3}), tmp_path)
    again = prepare(load(Path(first.run_dir) / "resolved.yaml"))
    assert train(again, tmp_path).weights_sha256 == first.weights_sha256


def test_the_seed_changes_the_weights_and_telemetry_does_not(tmp_path: Path) -> None:
    content = synthetic(pipeline={"schedule": "stale", "depth": 2})
    watched = run(content, tmp_path)
    unwatched = train(prepared(content), tmp_path)
    other = train(prepared(content | {"seed": 6}), tmp_path)
    assert watched.weights_sha256 == unwatched.weights_sha256 != other.weights_sha256


@pytest.mark.parametrize(
    "bottom",
    [
        {"type": "mlp", "hidden": [8], "out": 4, "normalization": "batch", "dropout": 0.2},
        {"type": "embedding_mlp", "embedding_dim": 3, "hidden": [8], "out": 4},
    ],
)
def test_predictions_after_save_and_load_are_bit_equal(tmp_path: Path, bottom: Content) -> None:
    content = synthetic(
        bottom=bottom, dataset={"categorical": 2, "cardinality": 30}, pipeline="stale"
    )
    experiment = prepared(content)
    result = train(experiment, tmp_path)
    evaluation = evaluate_run(Path(result.run_dir))
    modules, ids = saved(result, experiment), torch.tensor(evaluation.predictions.keys)
    with torch.inference_mode():
        cuts = [
            modules[f"{party.name}.bottom"].eval()(*(part[ids] for part in party.data.features))
            for party in experiment.parties
        ]
        expected = torch.sigmoid(modules["p0.top"].eval()(torch.cat(cuts, dim=1)))
    assert torch.equal(evaluation.predictions.values, expected)
    assert evaluation.metrics == result.metrics["test"]


@pytest.mark.parametrize(
    "sections",
    [
        {"training": {"lr_schedule": "cosine"}},
        {"pipeline": {"schedule": "stale", "depth": 3, "compensation": "auto"}},
    ],
    ids=["schedule", "compensation"],
)
def test_a_model_is_evaluated_again_whatever_ruled_its_learning_rate(
    sections: Content, tmp_path: Path
) -> None:
    result = run(synthetic(**sections), tmp_path)
    assert evaluate_run(Path(result.run_dir)).metrics == result.metrics["test"]


def test_the_reported_training_loss_is_the_mean_over_the_epochs_samples() -> None:
    experiment = prepared(synthetic(rows=730, pipeline="stale"))
    events = trained(experiment, "threaded").events
    steps = [event for event in events if isinstance(event, StepDone) and event.epoch == 1]
    mean = sum(step.loss * step.rows for step in steps) / sum(step.rows for step in steps)
    (reported,) = [e.loss for e in events if type(e).__name__ == "EpochDone" and e.epoch == 1]  # type: ignore[attr-defined]
    assert reported == pytest.approx(mean, rel=1e-12)


def test_batch_norm_statistics_are_those_of_the_trained_and_saved_model(tmp_path: Path) -> None:
    bottom = {"type": "mlp", "hidden": [8], "out": 4, "normalization": "batch"}
    experiment = prepared(synthetic(bottom=bottom, pipeline={"schedule": "stale", "depth": 4}))
    result = train(experiment, tmp_path)
    norm = saved(result, experiment)["p1.bottom"][1]  # type: ignore[index]
    assert isinstance(norm, nn.BatchNorm1d)
    assert norm.num_batches_tracked is not None
    assert int(norm.num_batches_tracked) == experiment.plan.steps
    assert not torch.equal(norm.running_mean, torch.zeros(8))  # type: ignore[arg-type]


TIED = """
import torch
from torch import nn

class Tied(nn.Module):
    def __init__(self, in_features):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(in_features))
        self.one = nn.Linear(in_features, in_features)
        self.two = nn.Linear(in_features, in_features)
        self.two.weight = self.one.weight

    def forward(self, x):
        return self.two(torch.relu(self.one(x * self.scale)))

class Two(nn.Module):
    def __init__(self, in_features, out):
        super().__init__()
        self.one, self.two = nn.Linear(in_features, out), nn.Linear(in_features, out)

    def forward(self, x):
        return self.one(x), self.two(x).tanh()

class Breaks(nn.Module):
    def __init__(self, in_features, at):
        super().__init__()
        self.layer, self.at, self.calls = nn.Linear(in_features, 3), at, 0

    def forward(self, x):
        self.calls += 1
        if self.calls > self.at:
            raise ValueError("the sensor is gone")
        return self.layer(x)
"""


def custom(name: str, **kwargs: Any) -> Content:
    return {"class": f"own:{name}", "kwargs": kwargs}


def test_tied_weights_stay_tied_and_a_top_level_parameter_is_trained(tmp_path: Path) -> None:
    content = synthetic(
        bottom=custom("Tied"),
        top={"model": {"type": "mlp", "out": 1}},
        pipeline={"schedule": "stale", "depth": 4},
    )
    result = run(content, tmp_path, own__py=TIED)
    experiment = prepare(load(tmp_path / "spec.yaml"), allow_code=True)
    module: Any = saved(result, experiment)["p1.bottom"]
    assert module.two.weight is module.one.weight
    assert not torch.equal(module.scale, torch.ones(4))
    assert evaluate_run(Path(result.run_dir), allow_code=True).metrics == result.metrics["test"]


@pytest.mark.parametrize("fusion", ["concat", "mean"])
def test_a_bottom_may_send_several_tensors(tmp_path: Path, fusion: str) -> None:
    content = synthetic(
        bottom=custom("Two", out=4),
        top={"fusion": fusion, "model": custom("Tied")},
        pipeline="stale",
    )
    content["top"]["model"] = {"class": "top:Top"}
    arguments = "self, x" if fusion == "concat" else "self, one, two"
    value = "x" if fusion == "concat" else "one * two"
    width = 16 if fusion == "concat" else 4
    top = (
        "from torch import nn\n"
        "class Top(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        f"        self.layer = nn.Linear({width}, 1)\n"
        f"    def forward({arguments}):\n"
        f"        return self.layer({value})\n"
    )
    result = run(content, tmp_path, own__py=TIED, top__py=top)
    assert (result.metrics["test"]["auroc"] or 0) > 0.6


def test_an_exception_in_a_bottom_ends_the_run_and_names_role_instruction_and_batch(
    tmp_path: Path,
) -> None:
    content = synthetic(pipeline={"schedule": "stale", "depth": 3})
    content["parties"]["p1"]["bottom"] = custom("Breaks", at=5)
    with pytest.raises(RunFailed, match=r"p1\.bottom failed at FORWARD 5: ValueError: the sensor"):
        run(content, tmp_path, own__py=TIED)
    (directory,) = (tmp_path / "runs").iterdir()
    assert RunDirectory.open(directory).manifest().status == "failed"
    assert "the sensor is gone" in (directory / "failure.txt").read_text()


@pytest.mark.parametrize("kind", ["serial", "threaded"])
def test_a_loss_that_is_not_finite_ends_the_run_and_names_the_culprit(kind: str) -> None:
    content = synthetic(
        pipeline="stale",
        training={"optimizer": {"type": "sgd", "lr": 1e30}},
        runtime={"type": kind},
    )
    with pytest.raises(NonFiniteLoss, match=r"p\d\.\w+ failed at LOSS \d+: the loss is (nan|inf)"):
        trained(prepared(content), kind)  # type: ignore[arg-type]


def test_parties_that_shuffle_differently_are_found_at_once_and_both_named() -> None:
    experiment = prepared(synthetic())
    other = prepared(synthetic() | {"seed": 6})
    tampered = experiment.parties.feeds(experiment.plan)
    tampered["p1.bottom"] = other.parties.feeds(other.plan)["p1.bottom"]
    with pytest.raises(Misaligned, match=r"RECV 0 from p1\.bottom: p1\.bottom and p0\.top have"):
        trained(experiment, "threaded", tampered=tampered)


def test_dropout_at_one_party_changes_no_batch(tmp_path: Path) -> None:
    """Misalignment would end the run; five epochs of dropout at one party do not."""
    content = synthetic(training={"epochs": 5}, pipeline="stale")
    content["parties"]["p1"]["bottom"] = content["parties"]["p1"]["bottom"] | {"dropout": 0.5}
    assert train(prepared(content), tmp_path).steps == 45


def test_data_changed_since_the_training_are_refused(tmp_path: Path) -> None:
    """A row more moves the split: rows that the model was trained on would be held out."""
    lines = ["x0,x1,y", *(f"{row % 7},{row % 11},{row % 3 % 2}" for row in range(90))]
    bottom = {"type": "mlp", "out": 2}
    content = synthetic()
    content["dataset"] = {"type": "csv", "path": "rows.csv", "label": "y", "batch_size": 16}
    content["parties"] = {
        "p0": {"columns": ["x0"], "bottom": bottom},
        "p1": {"columns": ["x1"], "bottom": bottom},
    }
    result = run(content, tmp_path, rows__csv="\n".join(lines))
    assert evaluate_run(Path(result.run_dir)).metrics == result.metrics["test"]
    (tmp_path / "rows.csv").write_text("\n".join([*lines, "1,1,1"]))
    with pytest.raises(RunDirectoryError, match="the data are not those that this model"):
        evaluate_run(Path(result.run_dir))


def test_a_changed_weight_file_is_refused(tmp_path: Path) -> None:
    result = run(synthetic(), tmp_path)
    path = Path(result.run_dir) / "model" / "p1" / "p1.bottom.safetensors"
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(RunDirectoryError, match="the weights' digest is"):
        evaluate_run(Path(result.run_dir))


def test_zero_weights_give_the_constant_predictors_loss(tmp_path: Path) -> None:
    """The case known from the field starts here: log 2 for any labels."""
    experiment = prepared(synthetic())
    stages = experiment.parties.stages(experiment.plan)
    for stage in stages.values():
        for parameter in stage.module.parameters():
            nn.init.zeros_(parameter)
    events = trained(experiment, "serial", stages=stages).events
    first = next(event for event in events if isinstance(event, StepDone))
    assert first.loss == pytest.approx(np.log(2), abs=1e-7)
