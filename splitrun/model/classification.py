"""What an evaluation comes to class by class: precision and recall, who is taken for whom, and
whether probabilities are to be believed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from splitrun.events import CalibrationBin, ClassFigures, Classification
from splitrun.model.metrics import chosen_classes, figures_of_label
from splitrun.spec.measures import LossSection

MOST_CLASSES = 100
"""Of more, nothing is told class by class: a confusion matrix has the square of so many numbers."""
BINS = 10
"""Of probabilities, each as wide."""

Counts = NDArray[np.float64]


def classification(
    loss: LossSection,
    classes: Sequence[str],
    outputs: Tensor,
    labels: Tensor,
    weights: Tensor | None = None,
) -> Classification | None:
    """What the top's outputs, `[rows, ...]`, say of each class; None of numbers, of more classes
    than can be told, and where outputs are not finite.

    Precision, recall and F1 are scikit-learn's, 0 where nothing is of a class or taken for it.
    Calibration is of the probability of class 1 or, of several classes, of the one that is chosen.

    Args:
        classes: the label's, in the order of their numbers; or several labels' names.
        weights: what the rows count for, float64 `[rows]`; without them, they are counted.
    """
    if not 2 <= len(classes) <= MOST_CLASSES:
        return None
    with torch.inference_mode():
        predicted = loss.predictions(outputs).double().numpy()
    if not np.isfinite(predicted).all():
        return None
    own = np.ones(len(labels)) if weights is None else weights.numpy()
    if loss.labels == "multilabel":
        counted = None if weights is None else own
        return _of_labels(classes, labels.numpy().astype(np.int64), predicted, own, counted)
    truth = labels.numpy().reshape(len(labels)).astype(np.int64)
    probabilities = predicted[:, 0] if loss.labels == "binary" else predicted
    said = chosen_classes(probabilities)
    size = len(classes)
    counts = np.bincount(truth * size + said, own, minlength=size * size)
    matrix = counts.astype(np.float64).reshape(size, size)
    right, of_truth, of_said = matrix.diagonal(), matrix.sum(1), matrix.sum(0)
    if len(classes) == 2:
        scores, hits = probabilities.reshape(len(truth), -1)[:, -1], truth == 1
    else:
        scores, hits = probabilities.max(1), truth == said
    return Classification(
        tuple(
            ClassFigures(name, float(precision), float(recall), float(f1), float(support))
            for name, precision, recall, f1, support in zip(
                classes,
                _share(right, of_said),
                _share(right, of_truth),
                _share(2 * right, of_truth + of_said),
                of_truth,
                strict=True,
            )
        ),
        tuple(tuple(row) for row in matrix.tolist()),
        _calibration(scores, hits, own),
    )


def _of_labels(
    names: Sequence[str],
    truth: NDArray[np.int64],
    predicted: Counts,
    own: Counts,
    weights: Counts | None,
) -> Classification:
    """Of several labels, `[rows, labels]`: each by itself, and calibration over all of them.

    Args:
        own: what rows count for, `[rows]`.
        weights: likewise, where they differ in it.
    """
    said = chosen_classes(predicted.reshape(-1)).reshape(truth.shape)
    right, of_truth, of_said = (own @ each for each in (truth * said, truth, said))
    figures = zip(
        names,
        _share(right, of_said),
        _share(right, of_truth),
        _share(2 * right, of_truth + of_said),
        of_truth,
        strict=True,
    )
    told = tuple(
        ClassFigures(
            name,
            float(precision),
            float(recall),
            float(f1),
            float(support),
            figures_of_label(truth[:, index], predicted[:, index], weights),
        )
        for index, (name, precision, recall, f1, support) in enumerate(figures)
    )
    everywhere = np.repeat(own, len(names))
    return Classification(
        told, (), _calibration(predicted.reshape(-1), truth.reshape(-1) == 1, everywhere)
    )


def _share(part: Counts, whole: Counts) -> Counts:
    """0 of nothing."""
    shares: Counts = part / np.where(whole > 0, whole, 1)
    return shares


def _calibration(
    scores: Counts, hits: NDArray[np.bool_], weights: Counts
) -> tuple[CalibrationBin, ...]:
    """Of the bins that some rows fall into."""
    inner = np.linspace(0, 1, BINS + 1)[1:-1]
    bins = np.searchsorted(inner, scores)
    counts, predicted, observed = (
        np.bincount(bins, each, minlength=BINS)
        for each in (weights, weights * scores, weights * hits)
    )
    return tuple(
        CalibrationBin(float(predicted[it] / count), float(observed[it] / count), float(count))
        for it, count in enumerate(counts)
        if count > 0
    )
