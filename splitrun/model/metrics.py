"""Metrics of an evaluation, over all held-out rows at once.

They are scikit-learn's to the last bit, so that others can repeat them, by formulas of their own:
importing scikit-learn takes longer than a short run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from splitrun.spec.contracts import LossSection, Metric

Array = NDArray[np.float64]


def evaluate(
    loss: LossSection,
    metrics: Sequence[Metric],
    outputs: Tensor,
    labels: Tensor,
    unit: float = 1.0,
) -> dict[str, float | None]:
    """The loss and the metrics of the top model's outputs, `[rows, ...]`, over all rows.

    A figure that the rows do not define (AUROC where only one class occurs), or that is beyond
    numbers, is None.

    Args:
        unit: of numbers: what a difference of 1 is in the target's own units, in which errors are
            told; the loss is told in those of `outputs` and `labels`.
    """
    with torch.inference_mode():
        values: dict[str, float | None] = {"loss": _finite(float(loss.mean(outputs, labels)))}
        predicted = loss.predictions(outputs).double().numpy()
    truth = labels.numpy()
    if loss.labels == "binary":
        predicted, truth = predicted[:, 0], truth[:, 0].astype(np.int64)
    elif loss.labels == "numbers":
        predicted = predicted.reshape(truth.shape)  # a loss of a package may give rows alone
    for name in metrics:
        value = _METRICS[name](truth, predicted)
        values[name] = _finite(value * unit if name in _IN_UNITS else value)
    return values


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _classes(predicted: Array) -> NDArray[np.int64]:
    classes = predicted.argmax(axis=1) if predicted.ndim == 2 else predicted >= 0.5
    return classes.astype(np.int64)


def _auroc(truth: Array, predicted: Array) -> float:
    """Area under the ROC curve; for several classes the macro average of one against the rest."""
    present = np.unique(truth)
    if not np.isfinite(predicted).all():
        return float("nan")
    if len(present) < (predicted.shape[1] if predicted.ndim == 2 else 2):
        return float("nan")
    if predicted.ndim == 1:
        return _area_under_roc(truth == 1, predicted)
    if predicted.shape[1] == 2:  # two classes are one score
        return _area_under_roc(truth == 1, predicted[:, 1])
    areas = [_area_under_roc(truth == each, predicted[:, each]) for each in present.tolist()]
    return float(np.mean(areas))


def _area_under_roc(hits: NDArray[np.bool_], scores: Array) -> float:
    """Of scores `[rows]`, by trapezoids between the corners of the curve."""
    order = np.argsort(-scores, kind="stable")
    scores, hits = scores[order], hits[order]
    ends = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)  # of rows that score alike
    right = np.cumsum(hits, dtype=np.float64)[ends]
    wrong = 1 + ends - right
    corners = np.ones(len(ends), bool)
    corners[1:-1] = (np.diff(right, 2) != 0) | (np.diff(wrong, 2) != 0)
    height = np.append(0.0, right[corners]) / right[-1]
    width = np.diff(np.append(0.0, wrong[corners]) / wrong[-1])
    return float((width * (height[1:] + height[:-1]) / 2).sum())


def _f1(truth: NDArray[np.int64], predicted: Array) -> float:
    """Of class 1; for several classes, the mean over those that occur or are predicted."""
    said = _classes(predicted)
    classes = predicted.shape[1] if predicted.ndim == 2 else 2
    of_truth, of_said, of_both = (
        np.bincount(each, minlength=classes) for each in (truth, said, truth[truth == said])
    )
    either = of_truth + of_said
    scores = 2 * of_both / np.maximum(either, 1)
    return float(scores[either > 0].mean() if predicted.ndim == 2 else scores[1])


def _mean_squared_error(truth: Array, predicted: Array) -> float:
    return float(np.mean((truth.astype(np.float64) - predicted) ** 2))


def _r2(truth: Array, predicted: Array) -> float:
    """Not defined for one row; of numbers that are all alike, 0, or 1 where all are right."""
    if len(truth) < 2:
        return float("nan")
    numbers = truth.astype(np.float64)
    missed = ((numbers - predicted) ** 2).sum()
    varied = ((numbers - numbers.mean()) ** 2).sum()
    if not varied:
        return float(not missed)
    return float(1 - missed / varied)


_METRICS: dict[str, Callable[[Any, Array], float]] = {
    "auroc": _auroc,
    "accuracy": lambda truth, predicted: float(np.mean(truth == _classes(predicted))),
    "f1": _f1,
    "rmse": lambda truth, predicted: math.sqrt(_mean_squared_error(truth, predicted)),
    "mae": lambda truth, predicted: float(np.mean(np.abs(predicted - truth.astype(np.float64)))),
    "r2": _r2,
}

_IN_UNITS = frozenset({"rmse", "mae"})
"""Those that are in the target's units."""
