"""With bf16, forwards compute in bfloat16; weights, updates and what crosses stay float32."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

import pytest
import torch
import yaml
from torch import Tensor, nn
from torch.nn import functional

from splitrun.data import BatchOrder
from splitrun.errors import SpecError
from splitrun.model.precision import in_precision
from splitrun.session import evaluate_run, prepare, train
from splitrun.spec import loads
from tests.runtime.law import hold_the_law
from tests.runtime.running import Content, labels_of, modules_of, prepared, synthetic, trained

BF16: Content = {"training": {"precision": "bf16", "optimizer": {"type": "adam", "lr": 0.01}}}
CLASS = """
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

class Twice(nn.Module):
    def __init__(self, in_features, out=6):
        super().__init__()
        self.first = nn.Sequential(nn.Linear(in_features, 8), nn.Dropout(0.2), nn.ReLU())
        self.second = nn.Linear(8, out)

    def forward(self, x):
        x = checkpoint(self.first, x, use_reentrant=False)
        assert x.dtype == torch.bfloat16
        return self.second(x)
"""


def test_a_sequential_run_is_a_loop_of_pytorchs_own_autocast() -> None:
    experiment = prepared(synthetic(parties=3, **BF16))
    plain = prepared(synthetic(parties=3))  # whose modules have nothing around them
    modules = list(modules_of(plain).values())
    *bottoms, top = modules
    columns = [party.data.features[0] for party in plain.parties]
    steps = torch.optim.Adam([each for it in modules for each in it.parameters()], lr=0.01)
    ids = plain.parties.label_holder.data.train_ids
    order = BatchOrder(ids, plain.plan.batch_size, plain.plan.seed)
    for step in range(plain.plan.steps):
        rows = order.ids_at(step)
        with torch.autocast("cpu", torch.bfloat16):
            cuts = [it(x[rows]) for it, x in zip(bottoms, columns, strict=True)]
            outputs = top(torch.cat([cut.float() for cut in cuts], dim=1))
        loss = functional.binary_cross_entropy_with_logits(outputs.float(), labels_of(plain)[rows])
        torch.autograd.backward(loss)
        steps.step()
        steps.zero_grad()
    expected = [each.detach() for it in modules for each in it.parameters()]
    assert all(map(torch.equal, trained(experiment, "threaded").weights, expected))


def test_weights_updates_and_what_crosses_are_float32_and_the_result_is_another() -> None:
    run, plain = (trained(prepared(synthetic(**it)), "serial") for it in (BF16, {}))
    assert run.weights_sha256 != plain.weights_sha256
    assert {weight.dtype for weight in run.weights} == {torch.float32}
    for ours, theirs in zip(run.weights, plain.weights, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0.1, atol=0.1)
    for role, stage in run.stages.items():
        states = [it for each in stage.state()["optimizers"] for it in each["state"].values()]
        kept = [it for state in states for it in state.values() if isinstance(it, Tensor)]
        assert {it.dtype for it in kept} == {torch.float32}
        facts = run.experiment.plan.role_facts(role)
        assert {cut.dtype for cut in facts.cut} <= {"float32"}


def test_a_bf16_codec_loses_nothing_of_it() -> None:
    digests = {
        trained(
            prepared(synthetic(links={"default": {"codec": codec}}, **BF16)), "serial"
        ).weights_sha256
        for codec in ("none", "bf16")
    }
    assert len(digests) == 1


@pytest.mark.parametrize(
    "pipeline", [{"schedule": "stale", "depth": 4}, {"schedule": "microbatch"}]
)
def test_a_users_class_computes_in_bf16_on_every_runtime(
    pipeline: Content, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "twice.py").write_text(CLASS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    made = synthetic(pipeline=pipeline, **BF16)
    made["parties"]["p1"]["bottom"] = {"class": "twice:Twice"}
    document = loads(yaml.safe_dump(made, sort_keys=False), "spec.yaml")
    kinds: tuple[Literal["serial", "threaded", "processes"], ...] = (
        "serial",
        "threaded",
        "processes",
    )
    digests = {trained(prepare(document, allow_code=True), kind).weights_sha256 for kind in kinds}
    assert len(digests) == 1


def test_compensation_and_normalisation_hold_the_law() -> None:
    bottom = {"type": "mlp", "hidden": [8], "out": 6, "normalization": "layer", "dropout": 0.2}
    pipeline = {"schedule": "stale", "depth": 5, "compensation": "weight_prediction"}
    hold_the_law(synthetic(bottom=bottom, pipeline=pipeline, **BF16), "threaded")


def test_an_evaluation_finds_what_the_training_found(tmp_path: Path) -> None:
    result = train(prepared(synthetic(**BF16)), tmp_path)
    assert evaluate_run(Path(result.run_dir)).metrics == result.metrics["test"]


def test_a_module_gives_float32_and_keeps_the_names_of_its_state() -> None:
    module = nn.Sequential(nn.Linear(3, 2))
    names = list(module.state_dict())
    inputs = torch.randn(4, 3)
    plain = module(inputs)
    wrapped = in_precision(module, "bf16")
    assert wrapped(inputs).dtype == torch.float32
    assert not torch.equal(wrapped(inputs), plain)
    assert list(wrapped.state_dict()) == names
    assert isinstance(wrapped, nn.Sequential)


def test_what_is_no_precision_is_refused() -> None:
    with pytest.raises(SpecError) as caught:
        prepared(synthetic(training={"precision": "fp8"}))
    assert "training.precision" in str(caught.value)


class Halves(NamedTuple):
    """What a bottom may return."""

    left: Tensor
    right: Tensor


class Named(nn.Module):
    """Returns two tensors by their names."""

    def forward(self, features: Tensor) -> Halves:
        halved = features @ torch.ones(4, 4)
        return Halves(halved, halved)


def test_tensors_that_are_returned_by_name_are_float32() -> None:
    output = in_precision(Named(), "bf16")(torch.ones(2, 4))
    assert [half.dtype for half in output] == 2 * [torch.float32]
