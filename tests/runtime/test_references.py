"""Splitting and pipelining against what they must be equal to, written here without the project.

`sequential` is a monolithic model trained on the joined columns, bit for bit; `stale` is delayed
gradients at stashed weights, bit for bit; `microbatch` is `sequential` up to float summation order.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch import Tensor, nn
from torch.nn import functional

from splitrun.data import BatchOrder
from splitrun.session import Experiment, prepare
from splitrun.spec import load
from tests.experiments.files import own_files
from tests.runtime.running import (
    Content,
    labels_of,
    modules_of,
    prepared,
    synthetic,
    trained,
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """References run like roles do: with one thread within an operation."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


EXPERIMENTS = Path(__file__).parents[2] / "experiments"
Optimizers = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]


class Monolith(nn.Module):
    """All parties' bottoms and the top as one model over the joined columns."""

    def __init__(
        self, bottoms: Sequence[nn.Module], widths: list[int], top: nn.Module, fusion: str
    ) -> None:
        super().__init__()
        self.bottoms = nn.ModuleList(bottoms)
        self.widths, self.top, self.fusion = widths, top, fusion

    def forward(self, joined: Tensor) -> Tensor:
        parts = torch.split(joined, self.widths, dim=1)
        hidden = [bottom(part) for bottom, part in zip(self.bottoms, parts, strict=True)]
        if self.fusion == "concat":
            fused = torch.cat(hidden, dim=1)
        else:
            fused = hidden[0]
            for other in hidden[1:]:
                fused = fused + other
            if self.fusion == "mean":
                fused = fused / len(hidden)
        output: Tensor = self.top(fused)
        return output


def monolith_of(experiment: Experiment) -> tuple[Monolith, Tensor]:
    """The monolith with the experiment's initial weights, and the joined columns of all rows."""
    modules, spec = modules_of(experiment), experiment.document.spec
    *names, top = modules
    parts = columns_of(experiment)
    widths = [part.shape[1] for part in parts]
    return Monolith([modules[n] for n in names], widths, modules[top], spec.top.fusion), torch.cat(
        parts, dim=1
    )


def columns_of(experiment: Experiment) -> list[Tensor]:
    """The matrix of every party with a bottom."""
    return [party.data.features[0] for party in experiment.parties if party.data.features]


def batches(experiment: Experiment) -> list[Tensor]:
    ids, spec = experiment.parties.label_holder.data.train_ids, experiment.document.spec
    order = BatchOrder(ids, spec.dataset.batch_size, spec.seed)
    return [order.ids_at(step) for step in range(experiment.plan.steps)]


def train_monolith(
    experiment: Experiment,
    optimizer: Optimizers,
    clip: Callable[[nn.Module], object] = lambda _: None,
    weights: Tensor | None = None,
) -> list[Tensor]:
    """Train a monolith, of which each party's part and the top may have clipped gradients, on rows
    that may have weights, float32 `[rows]`."""
    model, joined = monolith_of(experiment)
    steps = optimizer(model.parameters())
    lost = functional.binary_cross_entropy_with_logits
    for ids in batches(experiment):
        steps.zero_grad()
        outputs, labels = model(joined[ids]), labels_of(experiment)[ids]
        if weights is None:
            loss = lost(outputs, labels)
        else:
            own = weights[ids]
            each = lost(outputs, labels, reduction="none")[:, 0]
            loss = (each * own).sum() / own.sum()
        torch.autograd.backward(loss)
        for part in (*model.bottoms, model.top):
            clip(part)
        steps.step()
    return [parameter.detach() for parameter in model.parameters()]


def assert_equal_bits(ours: list[Tensor], theirs: list[Tensor]) -> None:
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert torch.equal(one, other)


OPTIMIZERS: dict[str, tuple[Content, Optimizers]] = {
    "sgd": (
        {"type": "sgd", "lr": 0.1, "momentum": 0.9},
        lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9),
    ),
    "adam": (
        {"type": "adam", "lr": 0.01},
        lambda parameters: torch.optim.Adam(parameters, lr=0.01),
    ),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("parties", [2, 3, 5])
@pytest.mark.parametrize("fusion", ["concat", "sum", "mean"])
def test_sequential_is_bit_identical_to_a_monolith(
    fusion: str, parties: int, optimizer: str
) -> None:
    section, make = OPTIMIZERS[optimizer]
    experiment = prepared(
        synthetic(
            parties=parties,
            rows=730,
            top={"fusion": fusion},
            training={"optimizer": section},
            pipeline={"schedule": "sequential"},
        )
    )
    assert experiment.plan.facts.train_rows % 64 != 0
    expected = train_monolith(experiment, make)
    assert_equal_bits(trained(experiment, "threaded").weights, expected)


CLIPS: dict[str, Callable[[nn.Module], object]] = {
    "norm": lambda part: nn.utils.clip_grad_norm_(part.parameters(), 0.05),
    "value": lambda part: nn.utils.clip_grad_value_(part.parameters(), 0.05),
}


@pytest.mark.parametrize("clip", CLIPS)
def test_gradients_are_clipped_role_by_role_as_in_a_monolith(clip: str) -> None:
    section, make = OPTIMIZERS["sgd"]
    experiment = prepared(synthetic(training={"optimizer": section, "clip": {clip: 0.05}}))
    expected = train_monolith(experiment, make, CLIPS[clip])
    assert_equal_bits(trained(experiment, "threaded").weights, expected)
    unclipped = prepared(synthetic(training={"optimizer": section}))
    assert trained(unclipped, "serial").weights_sha256 != (
        trained(experiment, "serial").weights_sha256
    )


def balanced(experiment: Experiment) -> Tensor:
    """Scikit-learn's weights of rows of balanced classes, which the training rows tell."""
    labels = labels_of(experiment)[:, 0].numpy()
    train = experiment.parties.label_holder.data.train_ids.numpy()
    by_class = compute_class_weight("balanced", classes=np.unique(labels), y=labels[train])
    return torch.from_numpy(by_class).float()[torch.from_numpy(labels).long()]


REAL = {
    "bank_full": ["dataset.size=full", "dataset.batch_size=1024", "training.lr_schedule=constant"],
    "credit": ["dataset.batch_size=1024"],
}


@pytest.mark.parametrize("name", REAL)
def test_balanced_classes_of_real_rows_are_learned_as_by_a_monolith_with_scikit_learns_weights(
    name: str, bank_dir: Path
) -> None:
    file = EXPERIMENTS / f"{name}.yaml"
    overrides = (*REAL[name], "pipeline=sequential", "~links", "training.epochs=1")
    weighed = "training.class_weights=balanced"
    document = load(file, [*own_files(file), *overrides, weighed])
    experiment = prepare(document, data_dir=bank_dir)
    weights = balanced(experiment)
    assert weights.min() < 1 < weights.max()
    expected = train_monolith(
        experiment, lambda parameters: torch.optim.Adam(parameters, lr=0.001), weights=weights
    )
    assert_equal_bits(trained(experiment, "serial").weights, expected)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_sequential_is_bit_identical_to_a_monolith_on_bank_marketing(
    bank_dir: Path, optimizer: str
) -> None:
    section, make = OPTIMIZERS[optimizer]
    experiment = prepared(bank(training={"epochs": 2, "optimizer": section}), bank_dir)
    expected = train_monolith(experiment, make)
    assert_equal_bits(trained(experiment, "threaded").weights, expected)


def bank(**sections: Any) -> Content:
    bottom = {"type": "mlp", "hidden": [100], "out": 64}
    return synthetic(dataset={"type": "bank_marketing", "batch_size": 128}, **sections) | {
        "dataset": {"type": "bank_marketing", "batch_size": 128},
        "parties": {
            "p0": {"columns": ["age", "job", "marital", "education"], "bottom": bottom},
            "p1": {"columns": ["balance", "duration", "campaign", "poutcome"], "bottom": bottom},
        },
    }


def stale_reference(experiment: Experiment, depth: int, make: Optimizers) -> list[Tensor]:
    """Delayed gradients with stashed weights: one thread, a copy of all weights every step."""
    modules = modules_of(experiment)
    *names, top_name = modules
    live, top = [modules[name] for name in names], modules[top_name]
    columns = columns_of(experiment)
    optimizers = [make(module.parameters()) for module in (*live, top)]
    history = [copy.deepcopy(live)]
    for step, ids in enumerate(batches(experiment)):
        stashed = history[max(0, step - depth + 1)]
        hidden = [bottom(x[ids]) for bottom, x in zip(stashed, columns, strict=True)]
        loss = functional.binary_cross_entropy_with_logits(
            top(torch.cat(hidden, dim=1)), labels_of(experiment)[ids]
        )
        torch.autograd.backward(loss)
        for bottom, old in zip(live, stashed, strict=True):
            for new, then in zip(bottom.parameters(), old.parameters(), strict=True):
                new.grad, then.grad = then.grad, None
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        history.append(copy.deepcopy(live))
    return [parameter.detach() for module in (*live, top) for parameter in module.parameters()]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("depth", [2, 4, 8])
def test_stale_is_bit_identical_to_delayed_gradients_with_stashed_weights(
    depth: int, optimizer: str
) -> None:
    section, make = OPTIMIZERS[optimizer]
    experiment = prepared(
        synthetic(
            parties=3,
            bottom={"type": "mlp", "hidden": [10, 8], "out": 6, "normalization": "layer"},
            training={"optimizer": section},
            pipeline={"schedule": "stale", "depth": depth},
        )
    )
    expected = stale_reference(experiment, depth, make)
    assert_equal_bits(trained(experiment, "threaded").weights, expected)


@pytest.mark.parametrize("micro_batches", [1, 2, 3, 4, 7, 64])
def test_microbatch_equals_sequential_within_float_tolerance(micro_batches: int) -> None:
    sections: dict[str, Any] = {
        "training": {"optimizer": {"type": "sgd", "lr": 0.1, "momentum": 0.9}}
    }
    whole = prepared(synthetic(pipeline={"schedule": "sequential"}, **sections))
    sliced = prepared(
        synthetic(pipeline={"schedule": "microbatch", "micro_batches": micro_batches}, **sections)
    )
    expected = trained(whole, "serial").weights
    for one, other in zip(trained(sliced, "threaded").weights, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)
