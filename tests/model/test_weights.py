"""A row of weight 3 is three rows: in every loss, in its gradients, and in metrics."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from torch import Tensor

from splitrun.model import evaluate
from splitrun.model.losses import BinaryCrossEntropy, CrossEntropy, MeanSquaredError
from splitrun.spec.measures import LossSection
from tests.model.test_losses import LOSSES

SEEDS = st.integers(0, 2**32 - 1)


def drawn(loss: LossSection, rows: int, classes: int, seed: int) -> tuple[Tensor, Tensor]:
    """Outputs and labels of so many rows."""
    generator = torch.Generator().manual_seed(seed)
    outputs = 3 * torch.randn(rows, loss.width(classes) or 1, generator=generator)
    labels = {
        "binary": torch.randint(2, (rows, 1), generator=generator).float(),
        "classes": torch.randint(classes, (rows,), generator=generator),
        "multilabel": torch.randint(2, (rows, classes), generator=generator).float(),
        "numbers": torch.randn(rows, 1, generator=generator),
    }[loss.labels]
    return outputs, labels


@pytest.mark.parametrize("name", LOSSES)
@settings(max_examples=40)
@given(counts=st.lists(st.integers(0, 4), min_size=1, max_size=60).filter(any), seed=SEEDS)
def test_a_row_of_weight_3_is_three_rows(name: str, counts: list[int], seed: int) -> None:
    loss = LOSSES[name]
    outputs, labels = drawn(loss, len(counts), 4, seed)
    repeats = torch.tensor(counts)
    one, other = outputs.clone().requires_grad_(), outputs.clone().requires_grad_()
    weighed = loss.weighted_mean(one, labels, repeats.double())
    written_out = loss.mean(
        other.repeat_interleave(repeats, 0), labels.repeat_interleave(repeats, 0)
    )
    torch.testing.assert_close(weighed, written_out, rtol=1e-6, atol=1e-6)
    gradients = [
        torch.autograd.grad(each, to) for each, to in ((weighed, one), (written_out, other))
    ]
    torch.testing.assert_close(*gradients, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_rows_that_weigh_nothing_have_no_loss_and_no_gradient(name: str) -> None:
    outputs, labels = drawn(LOSSES[name], 5, 4, 0)
    outputs.requires_grad_()
    lost = LOSSES[name].weighted_mean(outputs, labels, torch.zeros(5, dtype=torch.float64))
    (gradient,) = torch.autograd.grad(lost, outputs)
    assert lost == 0
    assert not gradient.any()


def test_a_loss_that_is_not_by_row_is_refused() -> None:
    class Column(MeanSquaredError):
        def per_row(self, outputs: Tensor, labels: Tensor) -> Tensor:
            return (outputs - labels) ** 2

    with pytest.raises(ValueError, match=r"gives \[3, 1\] for 3 rows"):
        Column(type="mse").weighted_mean(torch.ones(3, 1), torch.ones(3, 1), torch.ones(3))


weights_of = st.sampled_from(["fractions", "counts", "some nothing"])


def weights(kind: str, rows: int, random: np.random.Generator) -> np.ndarray:
    if kind == "fractions":
        return random.random(rows) + 1e-3
    if kind == "counts":
        return random.integers(1, 5, rows).astype(float)
    drawn: np.ndarray = np.round(2 * random.random(rows)) / 3
    drawn[0] = 1
    return drawn


@settings(max_examples=30)
@given(seed=SEEDS, rows=st.integers(2, 300), kind=weights_of)
def test_weighted_figures_of_two_classes_are_scikit_learns_to_the_last_bit(
    seed: int, rows: int, kind: str
) -> None:
    random = np.random.default_rng(seed)
    truth = random.integers(0, 2, rows)
    truth[:2] = 0, 1
    own = weights(kind, rows, random)
    own[:2] += 0.1
    outputs = torch.from_numpy(np.round(4 * random.standard_normal(rows)) / 4)[:, None].float()
    found = evaluate(
        BinaryCrossEntropy(type="binary_cross_entropy"),
        ("auroc", "average_precision", "accuracy", "f1", "log_loss"),
        outputs,
        torch.from_numpy(truth)[:, None].float(),
        torch.from_numpy(own),
    )
    predicted = outputs.sigmoid().double().numpy()[:, 0]
    said = predicted >= 0.5
    assert found["auroc"] == sk.roc_auc_score(truth, predicted, sample_weight=own)
    assert found["average_precision"] == sk.average_precision_score(
        truth, predicted, sample_weight=own
    )
    lost = sk.log_loss(truth, y_proba=predicted, labels=[0, 1], sample_weight=own)
    assert found["log_loss"] == lost
    assert found["accuracy"] == sk.accuracy_score(truth, said, sample_weight=own)
    assert found["f1"] == sk.f1_score(truth, said, sample_weight=own, zero_division=0)


@pytest.mark.filterwarnings("ignore:The y_prob values do not sum")  # 32-bit floats
@settings(max_examples=30)
@given(seed=SEEDS, rows=st.integers(2, 300), classes=st.integers(3, 6), kind=weights_of)
def test_weighted_figures_of_several_classes_are_scikit_learns_to_the_last_bit(
    seed: int, rows: int, classes: int, kind: str
) -> None:
    random = np.random.default_rng(seed)
    truth = np.concatenate([np.arange(classes), random.integers(0, classes, rows)])
    own = weights(kind, len(truth), random)
    own[:classes] += 0.1
    outputs = torch.from_numpy(random.standard_normal((len(truth), classes))).float()
    found = evaluate(
        CrossEntropy(type="cross_entropy"),
        ("auroc", "average_precision", "accuracy", "f1", "log_loss"),
        outputs,
        torch.from_numpy(truth),
        torch.from_numpy(own),
    )
    predicted = outputs.softmax(dim=1).double().numpy()
    said = predicted.argmax(axis=1)
    assert found["auroc"] == sk.roc_auc_score(
        truth, predicted, sample_weight=own, multi_class="ovr"
    )
    assert found["average_precision"] == sk.average_precision_score(
        truth, predicted, sample_weight=own
    )
    assert found["log_loss"] == sk.log_loss(
        truth, y_proba=predicted, labels=range(classes), sample_weight=own
    )
    assert found["accuracy"] == sk.accuracy_score(truth, said, sample_weight=own)
    assert found["f1"] == sk.f1_score(
        truth, said, sample_weight=own, average="macro", zero_division=0
    )


@settings(max_examples=30)
@given(seed=SEEDS, rows=st.integers(2, 300), kind=weights_of)
def test_weighted_errors_of_numbers_are_scikit_learns_to_the_last_bit(
    seed: int, rows: int, kind: str
) -> None:
    random = np.random.default_rng(seed)
    truth, outputs = (torch.from_numpy(random.standard_normal((rows, 1))).float() for _ in "12")
    own = weights(kind, rows, random)
    found = evaluate(
        MeanSquaredError(type="mse"),
        ("rmse", "mae", "r2"),
        outputs,
        truth,
        torch.from_numpy(own),
    )
    numbers = truth.numpy(), outputs.double().numpy()
    assert found["rmse"] == math.sqrt(sk.mean_squared_error(*numbers, sample_weight=own))
    assert found["mae"] == sk.mean_absolute_error(*numbers, sample_weight=own)
    assert found["r2"] == sk.r2_score(*numbers, sample_weight=own)


def test_nothing_is_measured_where_no_row_weighs_anything() -> None:
    found = evaluate(
        BinaryCrossEntropy(type="binary_cross_entropy"),
        ("auroc", "f1"),
        torch.ones(3, 1),
        torch.ones(3, 1),
        torch.zeros(3, dtype=torch.float64),
    )
    assert found == {"loss": None, "auroc": None, "f1": None}
