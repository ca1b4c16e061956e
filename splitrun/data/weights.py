"""What rows count for: in the loss, and in metrics.

A row of weight 3 counts as three rows. Rows have weights by a column of the label holder's, which
the loss and the metrics see, and classes have weights, which only the loss of training rows does:
they change what is learned, not what is measured. Encoders see neither: numbers are scaled, and a
target of numbers is standardised, by the rows as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from splitrun.data.labels import canonical, some
from splitrun.data.party_data import Data
from splitrun.data.table import Categories, Table
from splitrun.errors import DataError, Problem, SpecError
from splitrun.events import Phase
from splitrun.spec import Spec
from splitrun.spec.wording import closest

LEAST, MOST = 1e-12, 1e12
"""A weight is 0 or lies between these, so that sums of 32-bit floats hold it."""


def row_weights(table: Table, column: str, train: NDArray[np.int64]) -> Tensor:
    """float64 `[rows]`, of a column of the table.

    Args:
        train: the training rows, of which not all may weigh nothing; none of a trained model's.

    Raises:
        DataError: a weight that is missing, no number, negative, or beyond bounds; or all training
            rows have weight 0.
    """
    values = table.columns[column]
    what = f"weight {column!r}"
    if isinstance(values, Categories):
        message = f"{table.place(0)}: {what} is {values.at(0)!r}, and some row's is no number"
        raise DataError(f"{message}; name a column of numbers as dataset.weight")
    sound = (values == 0) | ((values >= LEAST) & (values <= MOST))
    if not sound.all():
        row = int(np.argmin(sound))
        wrong, remedy = _odd(float(values[row]))
        raise DataError(f"{table.place(row)}: {what} is {wrong}; {remedy}")
    if len(train) and not values[train].any():
        message = f"{table.origin}: {what} is 0 in every training row"
        raise DataError(f"{message}; give some of them another, or drop dataset.weight")
    return torch.tensor(values)  # a copy: the table may not be written


def _odd(value: float) -> tuple[str, str]:
    """What is wrong with a weight, and what helps."""
    if np.isnan(value):
        return "missing", "fill the cell: 0 leaves the row out, 1 counts it once"
    if value < 0:
        return f"{value:g}, below 0", "mend the cell: 0 leaves the row out"
    bounds = f"between {LEAST:g} and {MOST:g}"
    return f"{value:g}, and weights are 0 or {bounds}", "mend the cell, or divide the whole column"


def class_weights(
    given: Literal["balanced"] | Mapping[str, float],
    classes: Sequence[str],
    codes: NDArray[np.int64],
    weights: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """What a row of each class counts for, `[classes]`.

    Args:
        given: the weights of classes by their names, 1 for those that it does not name; or
            `balanced`, scikit-learn's n / (k * n_c), by which all classes weigh the same.
        classes: in the order of their codes.
        codes: of the training rows, `[rows]`.
        weights: of the training rows, `[rows]`, in place of counts.

    Raises:
        SpecError: there is no such class.
        DataError: balanced, and the rows of a class have no weight.
    """
    if given == "balanced":
        counts = np.bincount(codes, weights, minlength=len(classes)).astype(np.float64)
        if not counts.all():
            none = classes[int(np.argmin(counts))]
            message = f"no training row of class {none!r} weighs more than 0"
            raise DataError(
                f"{message}, so classes cannot be balanced; list training.class_weights"
            )
        balanced: NDArray[np.float64] = counts.sum() / (len(classes) * counts)
        return balanced
    position = {name: index for index, name in enumerate(classes)}
    found = np.ones(len(classes))
    for name, weight in given.items():
        if (index := position.get(canonical(name))) is None:
            near = closest(name, classes)
            remedy = f"did you mean {near!r}?" if near else f"there are {some(classes)}"
            place = ("training", "class_weights", name)
            raise SpecError([Problem(place, f"the label has no class {name!r}", remedy)])
        found[index] = weight
    return found


def weights_by_phase(spec: Spec, data: Data) -> dict[Phase, Tensor]:
    """What every sample counts for, float64 `[samples]`, in training and in evaluations; of the
    phases whose rows all count the same nothing, for they need no weights.

    Args:
        data: of the label holder.

    Raises:
        SpecError, DataError: classes cannot be weighed as the spec says.
    """
    found: dict[Phase, Tensor] = {}
    if (trained := _training_weights(spec, data)) is not None and _differ(trained[data.train_ids]):
        found["train"] = trained
    if data.weights is not None:
        evaluated = torch.cat((data.validation_ids, data.test_ids))
        if _differ(data.weights[evaluated]):
            found["evaluate"] = data.weights
    return found


def _training_weights(spec: Spec, data: Data) -> Tensor | None:
    """Of all samples; those of classes are found by the training rows."""
    given = spec.training.class_weights
    if given is None or data.labels is None or not data.classes or not len(data.train_ids):
        return data.weights
    codes = data.labels.reshape(len(data.labels)).long()
    rows, own = data.train_ids, data.weights
    train_weights = None if own is None else own[rows].numpy()
    of_classes = class_weights(given, data.classes, codes[rows].numpy(), train_weights)
    by_row = torch.from_numpy(of_classes)[codes]
    return by_row if own is None else by_row * own


def _differ(weights: Tensor) -> bool:
    return len(weights) > 0 and bool(weights.min() < weights.max())
