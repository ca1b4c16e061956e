"""Fits encoders to the training rows."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from splitrun.data.encoding import CategoryEncoder, NumericEncoder, PartyEncoder, filled
from splitrun.data.table import Categories, Table
from splitrun.errors import DataError

Rows = NDArray[np.int64]
Scaling = Literal["standard", "minmax", "robust", "none"]


def fit_party(
    table: Table,
    columns: Sequence[str],
    train: Rows,
    *,
    inputs: Literal["one_hot", "codes"],
    scaling: Scaling,
    fill_missing: bool,
) -> PartyEncoder:
    """The encoder of a party with these columns.

    Args:
        train: the rows to learn from; of the others, nothing is used.
        fill_missing: whether missing numbers become the training mean, or are refused.

    Raises:
        DataError: infinite numbers or ones too large to scale, missing ones that are refused, or
            no number in any row.
    """
    numeric, categorical = [], []
    for name in columns:
        values = table.columns[name]
        if isinstance(values, Categories):
            seen = sorted(values.values[code] for code in np.unique(values.codes[train]).tolist())
            categorical.append(CategoryEncoder(name=name, values=tuple(seen)))
        else:
            fill = _training_mean(table, name, values[train]) if fill_missing else None
            known = filled(table, name, values, fill)[train]
            shift, scale = _affine(known, scaling)
            if not np.isfinite((shift, scale, fill or 0.0)).all():
                row = int(train[np.nanargmax(np.abs(values[train]))])
                message = f"{table.place(row)}: {values[row]} in column {name!r} is too large"
                raise DataError(f"{message} to be scaled; mend the cell, or take logarithms")
            numeric.append(NumericEncoder(name=name, shift=shift, scale=scale, fill=fill))
    return PartyEncoder(inputs=inputs, numeric=tuple(numeric), categorical=tuple(categorical))


def _training_mean(table: Table, name: str, values: NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    if not len(known):
        message = f"{table.origin}: column {name!r} is empty in every training row"
        raise DataError(f"{message}, so it has no mean; drop the column")
    with np.errstate(over="ignore"):
        return float(known.mean())


def _affine(values: NDArray[np.float64], scaling: Scaling) -> tuple[float, float]:
    """The shift and the scale that a scikit-learn scaler subtracts and divides by."""
    if scaling == "none":
        return 0.0, 1.0
    matrix = values[:, np.newaxis]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        if scaling == "standard":
            standard = StandardScaler().fit(matrix)
            return float(standard.mean_[0]), float(standard.scale_[0])
        if scaling == "robust":
            robust = RobustScaler().fit(matrix)
            return float(robust.center_[0]), float(robust.scale_[0])
        minmax = MinMaxScaler().fit(matrix)
        return float(minmax.data_min_[0]), float(1 / minmax.scale_[0])
