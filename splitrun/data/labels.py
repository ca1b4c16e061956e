"""The label: classes in a fixed order, or a number."""

from __future__ import annotations

import difflib
from collections.abc import Sequence, Set
from math import inf, isfinite, isnan, nan

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from splitrun.data.encoding import TargetScale
from splitrun.data.table import MISSING_MARKS, Categories, Table
from splitrun.errors import DataError
from splitrun.spec.contracts import LossSection


def find_classes(
    table: Table,
    label: str,
    train: NDArray[np.int64],
    loss: LossSection,
    positive: str | None = None,
) -> tuple[str, ...]:
    """The label's distinct values: numbers by size, then words by code point.

    With `positive`, that one comes last: of two classes, the last counts as 1.

    Raises:
        DataError: missing labels, too few or too many classes, one that no training row has, or
            no such class as `positive`.
    """
    codes, classes = class_codes(table, label)
    what = f"{table.origin}: label {label!r}"
    if len(classes) < 2:
        message = f"{what} is {classes[0]!r} in every row"
        raise DataError(f"{message}; choose a label with at least two values")
    if loss.labels == "binary" and len(classes) > 2:
        message = f"{what} has {len(classes):,} values ({some(classes)})"
        raise DataError(f"{message}, but {loss.type} takes 2; use top.loss: cross_entropy")
    absent = [classes[index] for index in np.setdiff1d(codes, codes[train])]
    if absent:
        message = f"{what}: {len(absent):,} of {len(classes):,} classes are in no training row"
        remedy = "give more rows, lower dataset.test_fraction, or use top.loss: mse for numbers"
        raise DataError(f"{message} ({some(absent)}); {remedy}")
    if positive is None:
        return classes
    last = canonical(positive)
    if last not in classes:
        close = difflib.get_close_matches(last, classes, n=1)
        remedy = f"did you mean {close[0]!r}?" if close else f"there are {some(classes)}"
        raise DataError(f"{what} has no value {positive!r} for dataset.positive; {remedy}")
    return (*(name for name in classes if name != last), last)


def encode_classes(table: Table, label: str, classes: Sequence[str]) -> NDArray[np.int64]:
    """[rows], each row's index into `classes`.

    Raises:
        DataError: a missing label, or one that is not among the classes.
    """
    codes, found = class_codes(table, label)
    index_of = {name: index for index, name in enumerate(classes)}
    translated = np.array([index_of.get(name, -1) for name in found], np.int64)[codes]
    if (translated < 0).any():
        row = int(np.argmax(translated < 0))
        message = f"{table.place(row)}: label {found[codes[row]]!r} was not seen in training"
        raise DataError(f"{message}; the model knows {some(classes)}")
    return translated


def fit_target(
    table: Table, label: str, train: NDArray[np.int64], loss: LossSection
) -> TargetScale:
    """The mean and the standard deviation of a target's training rows.

    Raises:
        DataError: a target that is missing, infinite or no number, or the same in every row.
    """
    values = _numbers(table, label, loss)[train]
    what = f"{table.origin}: label {label!r}"
    if values.min() == values.max():
        message = f"{what} is {values[0]:.15g} in every training row"
        raise DataError(f"{message}; choose a label that varies")
    deviation = float(values.std())
    if deviation == 0:
        message = f"{what} varies by {np.ptp(values):.3g} alone, beyond 64-bit floats when squared"
        raise DataError(f"{message}; give it in a smaller unit")
    return TargetScale(mean=float(values.mean()), deviation=deviation)


def number_label(
    table: Table, label: str, loss: LossSection, scale: TargetScale | None = None
) -> Tensor:
    """float32 [rows, 1], for regression; standardised where there is a scale.

    Raises:
        DataError: a label that is missing, infinite, or no number, or too far from the training
            rows' mean.
    """
    values = _numbers(table, label, loss)
    scaled = scale.standardised(values) if scale else values
    with np.errstate(over="ignore"):
        narrow = scaled.astype(np.float32)
    if not np.isfinite(narrow).all():
        row = int(np.argmin(np.isfinite(narrow)))
        what = f"is {scaled[row]:.3g} standard deviations of the training rows from their mean"
        message = f"{table.place(row)}: label {label!r} is {values[row]}: it {what}"
        raise DataError(f"{message}; mend or drop the row")
    return torch.from_numpy(narrow[:, np.newaxis])


def _numbers(table: Table, label: str, loss: LossSection) -> NDArray[np.float64]:
    """[rows], each of them within 32-bit floats."""
    values = table.columns[label]
    if isinstance(values, Categories):
        fitting = "binary_cross_entropy" if len(values.values) == 2 else "cross_entropy"
        message = f"{table.place(0)}: label {label!r} is {values.at(0)!r}"
        raise DataError(f"{message}, but {loss.type} takes numbers; set top.loss to {fitting}")
    with np.errstate(over="ignore"):
        finite = np.isfinite(values.astype(np.float32))
    if not finite.all():
        row = int(np.argmin(finite))
        what = "is missing" if np.isnan(values[row]) else f"is {values[row]}: beyond 32-bit floats"
        raise DataError(f"{table.place(row)}: label {label!r} {what}; mend or drop the row")
    return values


def class_codes(table: Table, label: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Each row's index [rows] into the classes, and these in their order."""
    column = table.columns[label]
    assert isinstance(column, Categories), "a classification's label is read as categories"
    present = np.unique(column.codes)
    names = {code: canonical(column.values[code]) for code in present.tolist()}
    absent = _missing(set(names.values()))
    missing = [code for code, name in names.items() if name in absent]
    if missing:
        rows = np.isin(column.codes, missing)
        message = f"{table.place(int(np.argmax(rows)))}: label {label!r} is missing"
        raise DataError(f"{message}, as in {rows.sum():,} row(s) in all; fill or drop them")
    classes = tuple(sorted(set(names.values()), key=lambda name: (_number(name, inf), name)))
    position = {name: index for index, name in enumerate(classes)}
    index_of = np.zeros(len(column.values), np.int64)
    index_of[present] = [position[name] for name in names.values()]
    return index_of[column.codes], classes


def _missing(names: Set[str]) -> Set[str]:
    """Those that stand for no label: the empty one, and `NA` and the like where all else is
    numbers; among words it may be a class."""
    marks = {name for name in names if name.strip().lower() in MISSING_MARKS}
    words = {name for name in names - marks if isnan(_number(name, nan))}
    return marks & {""} if words or marks == names else marks


def canonical(value: str) -> str:
    """One spelling for each number: `1`, `1.0` and `01` are one class."""
    number = _number(value, nan)
    if not abs(number) < 2**53:
        return value
    return str(int(number)) if number.is_integer() else repr(number)


def _number(value: str, otherwise: float) -> float:
    try:
        number = nan if "_" in value else float(value)  # 1_1 is a word: Python alone reads it as 11
    except ValueError:
        return otherwise
    return number if isfinite(number) else otherwise


def some(names: Sequence[str]) -> str:
    """The first few of them, for a person."""
    shown = ", ".join(repr(name) for name in names[:5])
    return f"{shown}, …" if len(names) > 5 else shown
