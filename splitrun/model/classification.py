"""What an evaluation comes to class by class: precision and recall, who is taken for whom, and
whether probabilities are to be believed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from splitrun.events import CalibrationBin, ClassFigures, Classification
from splitrun.model.metrics import chosen_classes
from splitrun.spec.contracts import LossSection

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
        classes: the label's, in the order of their numbers.
        weights: what the rows count for, float64 `[rows]`; without them, they are counted.
    """
    if not 2 <= len(classes) <= MOST_CLASSES:
        return None
    with torch.inference_mode():
        predicted = loss.predictions(outputs).double().numpy()
    if not np.isfinite(predicted).all():
        return None
    truth = labels.numpy().reshape(len(labels)).astype(np.int64)
    probabilities = predicted[:, 0] if loss.labels == "binary" else predicted
    said = chosen_classes(probabilities)
    own = np.ones(len(truth)) if weights is None else weights.numpy()
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
            ClassFigures(name, *map(float, figures))
            for name, *figures in zip(
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
