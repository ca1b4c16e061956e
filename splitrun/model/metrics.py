"""Metrics of an evaluation, computed by scikit-learn over all held-out rows at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn import metrics as sk
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
    if len(present) < (predicted.shape[1] if predicted.ndim == 2 else 2):
        return float("nan")
    if predicted.ndim == 2 and predicted.shape[1] == 2:  # two classes are one score
        predicted = predicted[:, 1]
    return float(sk.roc_auc_score(truth, predicted, multi_class="ovr", average="macro"))


def _f1(truth: Array, predicted: Array) -> float:
    average = "macro" if predicted.ndim == 2 else "binary"
    return float(sk.f1_score(truth, _classes(predicted), average=average, zero_division=0))


_METRICS: dict[str, Callable[[Array, Array], float]] = {
    "auroc": _auroc,
    "accuracy": lambda truth, predicted: float(np.mean(truth == _classes(predicted))),
    "f1": _f1,
    "rmse": lambda truth, predicted: float(np.sqrt(sk.mean_squared_error(truth, predicted))),
    "mae": lambda truth, predicted: float(sk.mean_absolute_error(truth, predicted)),
    "r2": lambda truth, predicted: float(sk.r2_score(truth, predicted)),
}

_IN_UNITS = frozenset({"rmse", "mae"})
"""Those that are in the target's units."""
