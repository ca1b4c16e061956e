"""What an evaluation comes to class by class is what scikit-learn says of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve
from torch import Tensor

from splitrun.events import Classification
from splitrun.model import classification
from splitrun.model.classification import MOST_CLASSES
from splitrun.model.losses import (
    BinaryCrossEntropy,
    CrossEntropy,
    MeanSquaredError,
    MultilabelBinaryCrossEntropy,
)

SEEDS = st.integers(0, 2**32 - 1)
SIGMOID = BinaryCrossEntropy(type="binary_cross_entropy")
SOFTMAX = CrossEntropy(type="cross_entropy")


def drawn(seed: int, rows: int, classes: int) -> tuple[Tensor, Tensor]:
    """Outputs for so many classes, and labels."""
    generator = torch.Generator().manual_seed(seed)
    outputs = torch.randn(rows, classes, generator=generator)
    return outputs, torch.randint(classes, (rows,), generator=generator)


def told(outputs: Tensor, labels: Tensor, weights: Tensor | None = None) -> Classification:
    found = classification(SOFTMAX, [*map(str, range(outputs.shape[1]))], outputs, labels, weights)
    assert found is not None
    return found


@pytest.mark.parametrize("has_weights", [False, True])
def test_each_of_several_labels_is_told_as_scikit_learn_does(*, has_weights: bool) -> None:
    generator = torch.Generator().manual_seed(4)
    outputs = torch.randn(90, 3, generator=generator)
    labels = torch.randint(2, (90, 3), generator=generator).float()
    weights = 1 + torch.arange(90).double() % 5 if has_weights else None
    loss = MultilabelBinaryCrossEntropy(type="multilabel_binary_cross_entropy")
    found = classification(loss, ("a", "b", "c"), outputs, labels, weights)
    assert found is not None
    counted = None if weights is None else weights.numpy()
    theirs = sk.precision_recall_fscore_support(
        labels.numpy(), outputs.numpy() >= 0, zero_division=0, sample_weight=counted
    )
    ours = [[it.precision, it.recall, it.f1, it.support] for it in found.classes]
    np.testing.assert_allclose(ours, np.transpose(np.array(theirs, float)), rtol=1e-12)
    assert [it.name for it in found.classes] == ["a", "b", "c"]
    areas = sk.roc_auc_score(labels, outputs, average=None, sample_weight=counted)
    assert [it.metrics["auroc"] for it in found.classes] == pytest.approx(list(areas))
    assert found.confusion == ()
    assert sum(it.count for it in found.calibration) == 3 * (
        len(labels) if weights is None else weights.sum()
    )


@settings(max_examples=30)
@given(seed=SEEDS, rows=st.integers(1, 200), classes=st.integers(2, 6), has_weights=st.booleans())
def test_figures_of_classes_and_the_matrix_are_scikit_learns(
    seed: int,
    rows: int,
    classes: int,
    has_weights: bool,  # noqa: FBT001 - drawn
) -> None:
    outputs, labels = drawn(seed, rows, classes)
    weights = 1 + torch.arange(rows).double() % 5 if has_weights else None
    found = told(outputs, labels, weights)
    said = outputs.softmax(1).argmax(1)
    names = {
        "labels": [*range(classes)],
        "sample_weight": None if weights is None else weights.numpy(),
    }
    theirs = sk.precision_recall_fscore_support(
        labels.numpy(), said.numpy(), zero_division=0, **names
    )
    ours = [[it.precision, it.recall, it.f1, it.support] for it in found.classes]
    np.testing.assert_allclose(ours, np.transpose(np.array(theirs, float)), rtol=1e-12)
    matrix = sk.confusion_matrix(labels.numpy(), said.numpy(), **names)
    assert np.array_equal(found.confusion, matrix)


@settings(max_examples=30)
@given(seed=SEEDS, rows=st.integers(2, 300))
def test_calibration_of_two_classes_is_scikit_learns(seed: int, rows: int) -> None:
    outputs, labels = drawn(seed, rows, 1)
    labels = (outputs[:, 0] > 0.3 * torch.arange(rows).cos()).float()
    found = classification(SIGMOID, ("no", "yes"), outputs, labels[:, None])
    assert found is not None
    probabilities = outputs.sigmoid().double().numpy()[:, 0]
    observed, predicted = calibration_curve(labels.numpy(), probabilities, n_bins=10)
    assert [it.observed for it in found.calibration] == pytest.approx(observed)
    assert [it.predicted for it in found.calibration] == pytest.approx(predicted)
    assert sum(it.count for it in found.calibration) == rows


def test_of_several_classes_the_probability_of_the_chosen_one_is_calibrated() -> None:
    outputs = torch.tensor([[0.0, 0.0, 9.0], [0.0, 0.0, 9.0], [0.1, 0.0, 0.0]])
    found = told(outputs, torch.tensor([2, 0, 0])).calibration
    assert [it.count for it in found] == [1, 2]
    assert [it.observed for it in found] == [1, 0.5]


def test_two_outputs_are_calibrated_as_one_logit_is() -> None:
    outputs, labels = drawn(3, 50, 2)
    one = classification(
        SIGMOID, ("0", "1"), outputs[:, 1:] - outputs[:, :1], labels[:, None].float()
    )
    two = told(outputs, labels)
    assert one is not None
    assert [it.count for it in one.calibration] == [it.count for it in two.calibration]
    assert one.confusion == two.confusion


def test_nothing_is_told_of_numbers_nor_of_more_classes_than_fit() -> None:
    outputs, labels = drawn(0, 5, MOST_CLASSES + 1)
    many = [*map(str, range(MOST_CLASSES + 1))]
    assert classification(SOFTMAX, many, outputs, labels) is None
    mse = MeanSquaredError(type="mse")
    assert classification(mse, (), outputs[:, :1], outputs[:, :1]) is None
