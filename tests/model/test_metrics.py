"""Figures of an evaluation, by hand where that is easy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from splitrun.model import evaluate
from splitrun.model.losses import (
    BinaryCrossEntropy,
    CrossEntropy,
    MeanSquaredError,
    MultilabelBinaryCrossEntropy,
)
from splitrun.spec.measures import METRICS, Metric

LABELS = torch.tensor([0, 1, 1, 0])
SIGMOID = BinaryCrossEntropy(type="binary_cross_entropy")
SOFTMAX = CrossEntropy(type="cross_entropy")
LOGITS = torch.tensor([-2.0, 0.5, 2.0, 1.0])


def test_two_classes_of_a_softmax_are_scored_as_one_logit_is() -> None:
    softmax = torch.stack([torch.zeros(4), LOGITS], dim=1)
    one = evaluate(
        BinaryCrossEntropy(type="binary_cross_entropy"),
        ("auroc", "f1"),
        LOGITS[:, None],
        LABELS[:, None].float(),
    )
    two = evaluate(SOFTMAX, ("auroc",), softmax, LABELS)
    assert two["auroc"] == one["auroc"] == 0.75
    assert two["loss"] == pytest.approx(one["loss"])


def test_several_classes_are_averaged_one_against_the_rest() -> None:
    outputs = torch.eye(3)
    assert evaluate(SOFTMAX, ("auroc",), outputs, torch.arange(3))["auroc"] == 1.0


def test_what_rows_do_not_define_or_numbers_cannot_hold_is_none() -> None:
    alike = evaluate(SOFTMAX, ("auroc",), torch.zeros(2, 2), torch.tensor([1, 1]))
    assert alike["auroc"] is None
    huge = torch.full((2, 1), 1e30)
    assert (
        evaluate(MeanSquaredError(type="mse"), ("rmse",), huge, torch.zeros(2, 1))["loss"] is None
    )


@pytest.mark.parametrize("has_weights", [False, True])
def test_of_several_labels_metrics_are_means_as_scikit_learns(*, has_weights: bool) -> None:
    generator = torch.Generator().manual_seed(3)
    outputs = torch.randn(80, 3, generator=generator)
    labels = torch.randint(2, (80, 3), generator=generator).float()
    weights = torch.rand(80, generator=generator).double() if has_weights else None
    loss = MultilabelBinaryCrossEntropy(type="multilabel_binary_cross_entropy")
    found = evaluate(loss, METRICS["multilabel"], outputs, labels, weights)
    given = {"sample_weight": None if weights is None else weights.numpy()}
    truth, scores = labels.numpy().astype(int), outputs.sigmoid().double().numpy()
    columns = [(truth[:, it], scores[:, it]) for it in range(3)]
    assert found == pytest.approx(
        {
            "loss": found["log_loss"],
            "auroc": sk.roc_auc_score(truth, scores, **given),
            "average_precision": sk.average_precision_score(truth, scores, **given),
            "accuracy": np.mean([sk.accuracy_score(t, s >= 0.5, **given) for t, s in columns]),
            "f1": sk.f1_score(truth, scores >= 0.5, average="macro", **given),
            "log_loss": np.mean([sk.log_loss(t, s, **given) for t, s in columns]),
        },
        rel=1e-6,
    )
    labels[:, 1] = 1
    assert evaluate(loss, ("auroc",), outputs, labels, weights)["auroc"] is None


SEEDS = st.integers(0, 2**32 - 1)
ROWS = st.integers(2, 400)
GRAINS = st.sampled_from([0.0, 0.01, 0.5, 2.0])
"""What scores are rounded to, so that few, some or most of them are alike."""


def rounded(values: np.ndarray, grain: float) -> torch.Tensor:
    return torch.from_numpy(np.round(values / grain) * grain if grain else values).float()


@given(seed=SEEDS, rows=ROWS, grain=GRAINS)
def test_figures_of_two_classes_are_scikit_learns_to_the_last_bit(
    seed: int, rows: int, grain: float
) -> None:
    random = np.random.default_rng(seed)
    truth = random.integers(0, 2, rows)
    truth[:2] = 0, 1
    outputs = rounded(random.standard_normal(rows) + truth, grain)[:, None]
    metrics: tuple[Metric, ...] = ("auroc", "average_precision", "f1", "log_loss")
    found = evaluate(SIGMOID, metrics, outputs, torch.from_numpy(truth)[:, None].float())
    predicted = outputs.sigmoid().double().numpy()[:, 0]
    assert found["average_precision"] == sk.average_precision_score(truth, predicted)
    assert found["log_loss"] == sk.log_loss(truth, y_proba=predicted, labels=[0, 1])
    assert found["auroc"] == sk.roc_auc_score(truth, predicted)
    assert found["f1"] == sk.f1_score(truth, predicted >= 0.5, zero_division=0)


@pytest.mark.filterwarnings("ignore:The y_prob values do not sum")  # 32-bit floats
@given(seed=SEEDS, rows=ROWS, classes=st.integers(2, 6), grain=GRAINS)
def test_figures_of_several_classes_are_scikit_learns_to_the_last_bit(
    seed: int, rows: int, classes: int, grain: float
) -> None:
    random = np.random.default_rng(seed)
    truth = np.concatenate([np.arange(classes), random.integers(0, classes, rows)])
    outputs = rounded(random.standard_normal((len(truth), classes)), grain)
    metrics: tuple[Metric, ...] = ("auroc", "average_precision", "f1", "log_loss")
    found = evaluate(SOFTMAX, metrics, outputs, torch.from_numpy(truth))
    predicted = outputs.softmax(dim=1).double().numpy()
    scores = predicted[:, 1] if classes == 2 else predicted
    assert found["average_precision"] == sk.average_precision_score(truth, scores)
    assert found["log_loss"] == sk.log_loss(truth, y_proba=predicted, labels=range(classes))
    said = predicted.argmax(axis=1)
    assert found["auroc"] == sk.roc_auc_score(truth, scores, multi_class="ovr")
    assert found["f1"] == sk.f1_score(truth, said, average="macro", zero_division=0)


@given(seed=SEEDS, rows=ROWS, grain=GRAINS)
def test_errors_of_numbers_are_scikit_learns_to_the_last_bit(
    seed: int, rows: int, grain: float
) -> None:
    random = np.random.default_rng(seed)
    truth, outputs = (rounded(random.standard_normal((rows, 1)), grain) for _ in range(2))
    loss = MeanSquaredError(type="mse")
    found = evaluate(loss, ("rmse", "mae", "r2"), outputs, truth)
    predicted = outputs.double().numpy()
    assert found["rmse"] == math.sqrt(sk.mean_squared_error(truth.numpy(), predicted))
    assert found["mae"] == sk.mean_absolute_error(truth.numpy(), predicted)
    assert found["r2"] == sk.r2_score(truth.numpy(), predicted)


def test_no_figure_comes_of_predictions_that_are_not_numbers() -> None:
    class Odd(BinaryCrossEntropy):
        def predictions(self, outputs: torch.Tensor) -> torch.Tensor:
            return outputs / 0

    odd = Odd(type="binary_cross_entropy")
    labels = LABELS[:, None].float()
    assert evaluate(odd, ("auroc",), LOGITS[:, None], labels)["auroc"] is None


def test_a_loss_whose_predictions_are_rows_alone_has_the_errors_of_one_with_a_column() -> None:
    class Rows(MeanSquaredError):
        def predictions(self, outputs: torch.Tensor) -> torch.Tensor:
            return outputs[:, 0]

    class TwoColumns(MeanSquaredError):
        def predictions(self, outputs: torch.Tensor) -> torch.Tensor:
            return outputs.expand(-1, 2)

    outputs, labels = torch.randn(40, 1), torch.randn(40, 1)
    metrics: tuple[Metric, ...] = ("rmse", "mae", "r2")
    column = evaluate(MeanSquaredError(type="mse"), metrics, outputs, labels)
    assert evaluate(Rows(type="mse"), metrics, outputs, labels) == column
    with pytest.raises(ValueError, match="reshape"):
        evaluate(TwoColumns(type="mse"), metrics, outputs, labels)
