"""Nothing that is not finite is kept, and the user is told whose it is and what helps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from splitrun.cli.app import run
from splitrun.errors import (
    ModelError,
    NonFiniteLoss,
    NonFiniteWeights,
    RunDirectoryError,
    RunFailed,
)
from splitrun.events import Event, StepDone
from splitrun.model import Finite, fill, is_finite
from splitrun.session import evaluate_run, find_resume, prepare, prepare_resume, train
from splitrun.session.checkpoint import Store
from splitrun.spec import load
from tests.cli.trial import refusal, says
from tests.runtime.running import Content, labels_of, prepared, synthetic
from tests.session.stopping import content_of, stopped

OWN = """
import torch
from torch import nn

class Masked(nn.Module):
    def __init__(self, in_features, at=0, what="weight", start=None):
        super().__init__()
        self.layer = nn.Linear(in_features, 6)
        self.frozen = nn.Parameter(torch.ones(2), requires_grad=False)
        if start is not None:
            self.unset = nn.Parameter(torch.full((3,), float(start)))
        self.register_buffer("mask", torch.tensor([0.0, float("-inf")]))
        self.register_buffer("seen", torch.zeros(1))
        self.register_buffer("large", torch.tensor([2**62, 2**62]))
        self.register_buffer("calls", torch.tensor(0))
        self.register_buffer("even", torch.tensor([True]))
        self.at, self.what = at, what

    def forward(self, x):
        if self.training:
            self.calls += 1
            if self.at and self.calls >= self.at:
                {"seen": self.seen, "frozen": self.frozen.data}[self.what].fill_(float("inf"))
        return self.layer(x)
"""


def own(runs: Path, sections: dict[str, Any] | None = None, **kwargs: Any) -> Path:
    """A spec whose second party has a module of its own."""
    (runs / "own.py").write_text(OWN)
    content = synthetic(rows=300, **(sections or {}))
    content["parties"]["p1"]["bottom"] = {"class": "own:Masked", "kwargs": kwargs}
    content["training"]["epochs"] = 1
    (runs / "spec.yaml").write_text(yaml.safe_dump(content))
    return runs / "spec.yaml"


DIVERGING: Content = {
    "rows": 64,
    "dataset": {"test_fraction": 0.0, "batch_size": 64},
    "training": {"epochs": 1, "optimizer": {"type": "sgd", "lr": 3e38, "weight_decay": 1e30}},
}
"""Its only update is its last step."""


def test_a_run_that_ends_with_weights_that_are_no_numbers_has_failed_and_has_no_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("spec.yaml").write_text(yaml.safe_dump(synthetic(**DIVERGING)))
    text = refusal(capsys, "train", "spec.yaml", "--progress", "none", exit_code=1)
    (directory,) = Path("runs").iterdir()
    assert says(
        text,
        "p0.bottom failed at the save of the model: its parameter 0.weight is not finite, so "
        "nothing of it is kept; a lower learning rate (training.optimizer.lr) is the usual remedy\n"
        f"the run directory is {directory}",
    ), text
    assert json.loads((directory / "manifest.json").read_text())["status"] == "failed"
    assert not (directory / "model").exists()


def test_no_checkpoint_is_taken_of_weights_that_are_no_numbers(tmp_path: Path) -> None:
    content = synthetic(**DIVERGING | {"rows": 300, "checkpoint": {"every_steps": 1}})
    told = r"^p\d.(bottom|top) failed at CHECKPOINT 1: its parameter \d.weight is not finite, so"
    with pytest.raises(NonFiniteWeights, match=told) as caught:
        train(prepared(content), tmp_path / "runs")
    assert caught.value.recurs
    (directory,) = (tmp_path / "runs").iterdir()
    assert Store(directory / "checkpoints", ["p0", "p1"], 1).newest().checkpoint is None
    assert not (directory / "model").exists()


@pytest.mark.parametrize("at", [0, 4])
def test_buffers_stay_finite_if_they_began_so(at: int, tmp_path: Path) -> None:
    """A mask of -inf is what its module wants, and whole numbers are always finite."""
    spec = own(tmp_path, {"checkpoint": {"every_steps": 2}}, at=at, what="seen")
    experiment = prepare(load(spec), allow_code=True)
    if at:
        with pytest.raises(NonFiniteWeights, match="its buffer seen is not finite"):
            train(experiment, tmp_path / "runs")
        return
    result = train(experiment, tmp_path / "runs")
    assert evaluate_run(Path(result.run_dir), allow_code=True).metrics == result.metrics["test"]


def test_a_parameter_that_is_no_number_from_the_start_is_refused(tmp_path: Path) -> None:
    spec = own(tmp_path, start="nan")
    with pytest.raises(ModelError, match="its parameter unset is not finite before any step; init"):
        prepare(load(spec), allow_code=True)


def test_an_optimizers_state_that_is_no_number_is_not_kept(tmp_path: Path) -> None:
    """Gradients whose squares are too large for Adagrad's sum: finite weights that never move."""
    content = synthetic(
        rows=20,
        dataset={"batch_size": 2},
        checkpoint={"every_steps": 1},
        top={"loss": "mse", "model": {"type": "mlp", "out": 1}},
        training={"optimizer": "adagrad"},
    )
    experiment = prepared(content)
    labels_of(experiment).fill_(1.2e19)
    told = r"^p0.top failed at CHECKPOINT 1: its optimizer's sum \(of parameter 0.* is not finite"
    with pytest.raises(NonFiniteWeights, match=told):
        train(experiment, tmp_path)


def test_an_interrupted_run_whose_weights_are_no_numbers_has_failed(tmp_path: Path) -> None:
    spec = own(tmp_path, {"links": {"default": {"latency_ms": 20}}}, at=2, what="frozen")

    def interrupt(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == 2:
            raise KeyboardInterrupt

    with pytest.raises(RunFailed, match="its parameter frozen is not finite"):
        train(prepare(load(spec), allow_code=True), tmp_path / "runs", [interrupt])
    (directory,) = (tmp_path / "runs").iterdir()
    assert json.loads((directory / "manifest.json").read_text())["status"] == "failed"
    assert not (directory / "model").exists()


def test_saved_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    experiment = prepared(synthetic())
    directory = Path(train(experiment, tmp_path).run_dir)
    shard = directory / "model" / "p1"
    path = shard / "p1.bottom.safetensors"
    tensors = load_file(path)
    tensors["0.weight"][0, 0] = torch.inf
    save_file(tensors, path)
    stage = experiment.parties.stages(experiment.plan)["p1.bottom"]
    fill(stage.module, tensors)
    model = json.loads((shard / "model.json").read_text())
    model["weights_sha256"]["p1.bottom"] = stage.digest()
    (shard / "model.json").write_text(json.dumps(model))
    with pytest.raises(RunDirectoryError, match=r"safetensors: .*parameter 0.weight is not finite"):
        evaluate_run(directory)


@pytest.mark.parametrize("part", ["module", "optimizers"])
def test_a_checkpoint_of_what_is_no_number_is_refused_as_damaged(part: str, tmp_path: Path) -> None:
    directory = stopped(content_of("sequential", checkpoint={"every_steps": 4}), tmp_path)
    store = Store(directory / "checkpoints", ["p0", "p1"], 1)
    checkpoint = store.newest().checkpoint
    assert checkpoint
    state: Any = checkpoint.roles["p1.bottom"]
    tensor = state["module"]["0.weight"] if part == "module" else _first(state["optimizers"])
    tensor.view(-1)[0] = torch.nan
    store.write(checkpoint)
    resume = find_resume(directory)
    with pytest.raises(RunDirectoryError, match=r"checkpoint of step \d+ is damaged: p1.bottom's"):
        train(prepare_resume(resume), Path("unused"), resume=resume)


def _first(optimizers: Any) -> torch.Tensor:
    state = optimizers[0]["state"][0]
    return next(kept for kept in state.values() if isinstance(kept, torch.Tensor) and kept.ndim)


# --- remedies ------------------------------------------------------------------------------------


def test_before_any_update_no_learning_rate_is_blamed(tmp_path: Path) -> None:
    spec = own(tmp_path)
    text = OWN.replace("return self.layer(x)", "return self.layer(x) * 1e38 * 1e38")
    (tmp_path / "own.py").write_text(text)
    told = r"^p1.bottom .*its cut is not finite before any update; look for huge numbers in its col"
    with pytest.raises(NonFiniteLoss, match=told) as caught:
        train(prepare(load(spec), allow_code=True), tmp_path / "runs")
    assert "learning rate" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (float("inf"), "a label is not finite; mend the label's column"),
        (1e30, r"it overflowed before any update: outputs reach .* and labels 1e\+30; scale"),
    ],
)
def test_labels_that_are_too_large_are_blamed_for_it(
    value: float, told: str, tmp_path: Path
) -> None:
    content = synthetic(top={"loss": "mse", "model": {"type": "mlp", "out": 1}})
    experiment = prepared(content)
    labels_of(experiment).fill_(value)
    with pytest.raises(NonFiniteLoss, match=told) as caught:
        train(experiment, tmp_path)
    assert "learning rate" not in str(caught.value)


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("training.optimizer.lr=1e39", "1e+39 is more than a 32-bit float holds; use a number …"),
        ("training.optimizer.lr=1e-60", "1e-60 is 0 as a 32-bit float; use a number that is at …"),
        ("training.optimizer.eps=4e38", "4e+38 is more than a 32-bit float holds; use a number …"),
        ("training.optimizer.weight_decay=1e300", "1e+300 is more than a 32-bit float holds; …"),
        ("parties.p1.optimizer={type: sgd, lr: 1e40}", "1e+40 is more than a 32-bit float …"),
    ],
)
def test_options_that_no_float_holds_are_refused(
    override: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(synthetic()))
    text = refusal(capsys, "validate", str(tmp_path / "spec.yaml"), override)
    assert says(text, f"override …: {'…'}: {told}"), text


def test_what_a_float_holds_or_may_be_0_is_taken(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(synthetic()))
    options = ("lr=3.4e38", "lr=1.4e-45", "weight_decay=1e-60", "eps=1e-45")
    for option in options:
        arguments = [str(tmp_path / "spec.yaml"), f"training.optimizer.{option}"]
        assert run(["validate", *arguments]) == 0


# --- numbers -------------------------------------------------------------------------------------


def test_sums_that_overflow_are_of_numbers_all_the_same() -> None:
    assert is_finite(torch.full((8,), 3e38))
    assert is_finite(torch.full((8,), 6e4, dtype=torch.float16))
    assert is_finite(torch.empty(0))
    assert is_finite(torch.tensor([2**62, 2**62, 2**62]))
    assert not is_finite(torch.tensor([torch.inf, -torch.inf]))
    assert not is_finite(torch.tensor([1.0, torch.nan], dtype=torch.bfloat16))


def test_a_buffer_that_comes_to_be_is_its_modules_own_affair() -> None:
    module = torch.nn.Linear(2, 2)
    finite = Finite(module)
    module.register_buffer("late", torch.tensor([-torch.inf]))
    assert finite.odd_weight() == ""
    with torch.no_grad():
        module.bias[0] = torch.nan
    assert finite.odd_weight() == "parameter bias"
