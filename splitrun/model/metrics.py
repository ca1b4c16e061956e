"""Metrics of an evaluation, over all held-out rows at once.

They are scikit-learn's to the last bit, so that others can repeat them, by formulas of their own:
importing scikit-learn takes longer than a short run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from splitrun.spec.measures import METRICS, LossSection

Array = NDArray[np.float64]
Weights = Array | None
"""What rows count for, `[rows]`; None where all count the same."""
Figure = Callable[[Any, Array, Weights], float]
"""Of true labels and predictions, `[rows, ...]`."""
Area = Callable[[NDArray[np.bool_], Array, Weights], float]
"""Of whether rows are of a class, and their scores for it, `[rows]`."""


def evaluate(
    loss: LossSection,
    metrics: Sequence[str],
    outputs: Tensor,
    labels: Tensor,
    weights: Tensor | None = None,
    *,
    unit: float = 1.0,
    own: Mapping[str, Figure] = MappingProxyType({}),
) -> dict[str, float | None]:
    """The loss and the metrics of the top model's outputs, `[rows, ...]`, over all rows.

    A figure that the rows do not define (AUROC where only one class occurs, or anything where no
    row weighs anything), or that is beyond numbers, is None.

    Args:
        weights: what the rows count for, float64 `[rows]`; without them, all count the same.
        unit: of numbers: what a difference of 1 is in the target's own units, in which errors are
            told; the loss is told in those of `outputs` and `labels`.
        own: what computes the metrics that are none of ours, by name.
    """
    if weights is not None and not weights.any():
        return dict.fromkeys(("loss", *metrics))
    with torch.inference_mode():
        if weights is None:
            lost = loss.mean(outputs, labels)
        else:
            lost = loss.weighted_mean(outputs, labels, weights)
        values: dict[str, float | None] = {"loss": _finite(float(lost))}
    truth, predicted = as_arrays(loss, outputs, labels)
    counts = None if weights is None else weights.numpy()
    figures = {**_METRICS, **own}
    if loss.labels == "multilabel":
        figures = {**{name: _mean_over_labels(each) for name, each in _METRICS.items()}, **own}
    for name in metrics:
        value = float(figures[name](truth, predicted, counts))
        values[name] = _finite(value * unit if name in _IN_UNITS else value)
    return values


def as_arrays(loss: LossSection, outputs: Tensor, labels: Tensor) -> tuple[NDArray[Any], Array]:
    """Labels and predictions as metrics take them: of two classes and one output `[rows]`, of
    classes `[rows]` and `[rows, classes]`, of several labels `[rows, labels]`, of numbers
    `[rows, 1]`."""
    with torch.inference_mode():
        predicted = loss.predictions(outputs).double().numpy()
    truth = labels.numpy()
    if loss.labels == "binary":
        truth, predicted = truth[:, 0].astype(np.int64), predicted[:, 0]
    elif loss.labels == "multilabel":
        truth = truth.astype(np.int64)
    elif loss.labels == "numbers":
        predicted = predicted.reshape(truth.shape)  # a loss of a package may give rows alone
    for array in (truth, predicted):
        array.setflags(write=False)  # every metric sees the same
    return truth, predicted


def figures_of_label(
    truth: NDArray[np.int64], predicted: Array, weights: Weights
) -> dict[str, float | None]:
    """All that is told of one label with two values, `[rows]`, by name."""
    names = METRICS["binary"]
    return {name: _finite(float(_METRICS[name](truth, predicted, weights))) for name in names}


def _mean_over_labels(figure: Figure) -> Figure:
    """The mean of a figure of two classes over several labels; not defined unless all are."""

    def mean(truth: NDArray[np.int64], predicted: Array, weights: Weights) -> float:
        labels = range(truth.shape[1])
        return float(np.mean([figure(truth[:, it], predicted[:, it], weights) for it in labels]))

    return mean


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def chosen_classes(predicted: Array) -> NDArray[np.int64]:
    """The class of each row that probabilities say, of class 1 `[rows]` or `[rows, classes]`."""
    classes = predicted.argmax(axis=1) if predicted.ndim == 2 else predicted >= 0.5
    return classes.astype(np.int64)


def _mean(values: NDArray[Any], weights: Weights) -> float:
    return float(np.mean(values) if weights is None else np.average(values, weights=weights))


def _one_against_rest(area: Area) -> Figure:
    """The area under a curve, of class 1; for several classes the macro average of one against the
    rest, which is defined where all occur."""

    def figure(truth: NDArray[np.int64], predicted: Array, weights: Weights) -> float:
        present = np.unique(truth)
        if not np.isfinite(predicted).all():
            return float("nan")
        if len(present) < (predicted.shape[1] if predicted.ndim == 2 else 2):
            return float("nan")
        if predicted.ndim == 1:
            return area(truth == 1, predicted, weights)
        if predicted.shape[1] == 2:  # two classes are one score
            return area(truth == 1, predicted[:, 1], weights)
        areas = [area(truth == each, predicted[:, each], weights) for each in present.tolist()]
        return float(np.mean(areas))

    return figure


def _steps(hits: NDArray[np.bool_], scores: Array, weights: Weights) -> tuple[Array, Array]:
    """How much of the rows that score at least so much is right, and how much is wrong, for every
    score from the greatest down; rows that weigh nothing have none."""
    if weights is not None:
        some = weights > 0
        hits, scores, weights = hits[some], scores[some], weights[some]
    order = np.argsort(-scores, kind="stable")
    scores, hits = scores[order], hits[order]
    ends = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)  # of rows that score alike
    if weights is None:
        right = np.cumsum(hits, dtype=np.float64)[ends]
        return right, 1 + ends - right
    weights = weights[order]
    return np.cumsum(hits * weights)[ends], np.cumsum(~hits * weights)[ends]


def _area_under_roc(hits: NDArray[np.bool_], scores: Array, weights: Weights) -> float:
    """Of scores `[rows]`, by trapezoids between the corners of the curve."""
    right, wrong = _steps(hits, scores, weights)
    if not right[-1] or not wrong[-1]:
        return float("nan")
    corners = np.ones(len(right), bool)
    corners[1:-1] = (np.diff(right, 2) != 0) | (np.diff(wrong, 2) != 0)
    height = np.append(0.0, right[corners]) / right[-1]
    width = np.diff(np.append(0.0, wrong[corners]) / wrong[-1])
    return float((width * (height[1:] + height[:-1]) / 2).sum())


def _average_precision(hits: NDArray[np.bool_], scores: Array, weights: Weights) -> float:
    """Of scores `[rows]`: precision, averaged over the steps by which recall grows."""
    right, wrong = _steps(hits, scores, weights)
    if not right[-1]:
        return float("nan")
    precision, recall = (right / (right + wrong))[::-1], (right / right[-1])[::-1]
    return float(max(0.0, -np.sum(np.diff(np.append(recall, 0.0)) * precision)))


def _log_loss(truth: NDArray[np.int64], predicted: Array, weights: Weights) -> float:
    """The mean of minus the logarithm of what was given to the class that it is."""
    if not np.isfinite(predicted).all():
        return float("nan")
    shares = np.stack((1 - predicted, predicted), axis=1) if predicted.ndim == 1 else predicted
    least = np.finfo(np.float64).eps
    given = np.clip(shares[np.arange(len(truth)), truth], least, 1 - least)
    return _mean(-np.log(given), weights)


def _f1(truth: NDArray[np.int64], predicted: Array, weights: Weights) -> float:
    """Of class 1; for several classes, the mean over those that occur or are predicted."""
    said = chosen_classes(predicted)
    classes = predicted.shape[1] if predicted.ndim == 2 else 2

    def count(values: NDArray[np.int64], weights: Weights) -> NDArray[Any]:
        return np.bincount(values, weights, minlength=classes)

    right = truth == said
    of_both = count(truth[right], None if weights is None else weights[right])
    # What is wrong is found first, as scikit-learn does: sums of weights are rounded.
    of_truth, of_said = (of_both + (count(it, weights) - of_both) for it in (truth, said))
    either = of_truth + of_said
    scores = 2 * of_both / np.where(either > 0, either, 1)
    occurs = count(truth, None) + count(said, None) > 0
    return float(scores[occurs].mean() if predicted.ndim == 2 else scores[1])


def _mean_squared_error(truth: Array, predicted: Array, weights: Weights) -> float:
    return _mean((truth.astype(np.float64) - predicted) ** 2, _like(truth, weights))


def _like(truth: Array, weights: Weights) -> Weights:
    """Weights `[rows]` in the shape of numbers `[rows, 1]`."""
    return None if weights is None else weights.reshape(truth.shape)


def _r2(truth: Array, predicted: Array, weights: Weights) -> float:
    """Not defined for one row; of numbers that are all alike, 0, or 1 where all are right."""
    if len(truth) < 2:
        return float("nan")
    numbers = truth.astype(np.float64)
    each: Array | float = 1.0 if weights is None else weights.reshape(truth.shape)
    missed = (each * (numbers - predicted) ** 2).sum()
    varied = (each * (numbers - _mean(numbers, _like(truth, weights))) ** 2).sum()
    if not varied:
        return float(not missed)
    return float(1 - missed / varied)


def _accuracy(truth: NDArray[np.int64], predicted: Array, weights: Weights) -> float:
    return _mean(truth == chosen_classes(predicted), weights)


def _root_mean_squared_error(truth: Array, predicted: Array, weights: Weights) -> float:
    return math.sqrt(_mean_squared_error(truth, predicted, weights))


def _mean_absolute_error(truth: Array, predicted: Array, weights: Weights) -> float:
    return _mean(np.abs(predicted - truth.astype(np.float64)), _like(truth, weights))


_METRICS: dict[str, Figure] = {
    "auroc": _one_against_rest(_area_under_roc),
    "average_precision": _one_against_rest(_average_precision),
    "log_loss": _log_loss,
    "accuracy": _accuracy,
    "f1": _f1,
    "rmse": _root_mean_squared_error,
    "mae": _mean_absolute_error,
    "r2": _r2,
}

_IN_UNITS = frozenset({"rmse", "mae"})
"""Those that are in the target's units."""
