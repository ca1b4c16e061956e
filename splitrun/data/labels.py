"""The label: classes in a fixed order, or a number."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from math import inf, isfinite, isnan, nan
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from splitrun.data.encoding import TargetScale
from splitrun.data.table import Categories, Table, is_missing
from splitrun.data.words import NEXT_TO_NOTHING, folded
from splitrun.errors import DataError
from splitrun.spec.measures import LossSection
from splitrun.spec.wording import assignment, typed


def with_classes(table: Table, label: str, declared: Mapping[str, Sequence[str]]) -> Table:
    """The table with each label that is another spelling of a class put under the class's name.

    Args:
        declared: all classes, each with its other spellings; none: every value is a class.

    Raises:
        DataError: a label that is none of them.
    """
    column = table.columns.get(label)
    if not declared or not isinstance(column, Categories):
        return table
    class_of = _class_of(declared)
    names = [class_of.get(canonical(word), "") for word in column.values]
    known = np.array([bool(name) for name in names], bool)
    empty = np.array([not word for word in column.values], bool)  # is missing, as without classes
    wrong = ~(known | empty)
    if wrong[column.codes].any():
        row = int(np.argmax(wrong[column.codes]))
        message = f"{table.place(row)}: label {column.at(row)!r} is none of dataset.classes"
        raise DataError(f"{message} ({some(tuple(declared))}); list it as a spelling of one")
    position = {name: index for index, name in enumerate(dict.fromkeys(names))}
    index_of = np.array([position[name] for name in names], np.int64)
    respelt = Categories(index_of[column.codes], tuple(position))
    return replace(table, columns={**table.columns, label: respelt})


def _class_of(declared: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The class of every spelling, its own name among them."""
    return {
        canonical(spelling): canonical(name)
        for name, spellings in declared.items()
        for spelling in (name, *spellings)
    }


def find_classes(
    table: Table,
    label: str,
    train: NDArray[np.int64],
    loss: LossSection,
    positive: str | None = None,
    declared: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> tuple[str, ...]:
    """The label's distinct values: numbers by size, then words by code point.

    With `positive`, that one comes last: of two classes, the last counts as 1.

    Args:
        declared: the classes that the spec lists, if it does; see `with_classes`.

    Raises:
        DataError: missing labels, too few or too many classes, ones that differ by next to nothing,
            one that no training row has, or no such class as `positive`.
    """
    codes, classes = class_codes(table, label)
    what = f"{table.origin}: label {label!r}"
    if not declared:
        _refuse_alike(table, label, codes, classes)
    if len(classes) < 2:
        message = f"{what} is {classes[0]!r} in every row"
        raise DataError(f"{message}; choose a label with at least two values")
    if loss.labels in ("binary", "multilabel") and len(classes) > 2:
        _refuse_many(table, label, classes, loss)
    if unused := sorted(set(map(canonical, declared)) - set(classes)):
        remedy = "take it off dataset.classes, or list how the file spells it"
        raise DataError(f"{what} is {unused[0]!r} in no row; {remedy}")
    absent = [classes[index] for index in np.setdiff1d(codes, codes[train])]
    if absent:
        message = f"{what}: {len(absent):,} of {len(classes):,} classes are in no training row"
        remedy = "give more rows, or lower dataset.test_fraction"
        if not any(isnan(_number(name, nan)) for name in classes):
            remedy = "give more rows, lower dataset.test_fraction, or use top.loss: mse for numbers"
        raise DataError(f"{message} ({some(absent)}); {remedy}")
    if positive is None:
        return classes
    last = _class_of(declared).get(canonical(positive), canonical(positive))
    if last not in classes:
        close = difflib.get_close_matches(last, classes, n=1)
        remedy = f"did you mean {close[0]!r}?" if close else f"there are {some(classes)}"
        raise DataError(f"{what} has no value {positive!r} for dataset.positive; {remedy}")
    return (*(name for name in classes if name != last), last)


def _refuse_many(table: Table, label: str, classes: Sequence[str], loss: LossSection) -> None:
    """Raises DataError for more than the two values that the loss takes."""
    what = f"{table.origin}: label {label!r}"
    message = f"{what} has {len(classes):,} values ({some(classes)}), but {loss.title} takes 2"
    words = [name for name in classes if isnan(_number(name, nan))]
    if len(words) == 1 < len(classes) - 1:
        raise DataError(f"{message}; mend or drop the rows with {words[0]!r}")
    if loss.labels == "multilabel":
        raise DataError(f"{message} of each label; make a label of each of its values")
    raise DataError(f"{message}; use top.loss: cross_entropy")


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
        name = found[codes[row]]
        message = f"{table.place(row)}: label {name!r} was not seen in training"
        alike = [known for known in classes if folded(known) == folded(name)]
        if alike:
            message += f", but {alike[0]!r}, which differs by {NEXT_TO_NOTHING}"
            remedy = "mend the file, or train with both under dataset.classes"
            raise DataError(f"{message}; {remedy}")
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
        raise DataError(f"{message}, but {loss.title} takes numbers; set top.loss to {fitting}")
    with np.errstate(over="ignore"):
        finite = np.isfinite(values.astype(np.float32))
    if not finite.all():
        row = int(np.argmin(finite))
        what = "is missing" if np.isnan(values[row]) else f"is {values[row]}: beyond 32-bit floats"
        raise DataError(f"{table.place(row)}: label {label!r} {what}; mend or drop the row")
    return values


_MOST_DECLARED = 20
"""Classes that a remedy spells out."""


def _refuse_alike(
    table: Table, label: str, codes: NDArray[np.int64], classes: Sequence[str]
) -> None:
    """Raises DataError for classes that are most likely one, with the key that puts them together
    and the one that keeps them apart."""
    spellings: dict[str, list[int]] = {}
    for index, name in enumerate(classes):
        spellings.setdefault(folded(name), []).append(index)
    if len(spellings) == len(classes):
        return
    rows = np.bincount(codes, minlength=len(classes))
    first = {index: int(np.argmax(codes == index)) for index in range(len(classes))}
    groups = [
        sorted(group, key=lambda index: (-rows[index], first[index]))
        for group in spellings.values()
    ]
    odd = (group for group in groups if len(group) > 1)
    main, other, *_ = min(odd, key=lambda group: first[group[1]])
    message = (
        f"{table.place(first[other])}: label {label!r} is {classes[other]!r}, and in other rows "
        f"{classes[main]!r}, which differs by {NEXT_TO_NOTHING}"
    )
    if len(classes) > _MOST_DECLARED:
        remedy = "mend the file, or list all classes under dataset.classes"
        raise DataError(f"{message}; {remedy}, each with its other spellings")
    one = {classes[main]: [classes[index] for index in others] for main, *others in groups}
    apart: dict[str, list[str]] = {name: [] for name in classes}
    raise DataError(
        f"{message}; set {_classes_key(one)} if they are one class, {_classes_key(apart)} if not"
    )


def _classes_key(classes: Mapping[str, Sequence[str]]) -> str:
    """`dataset.classes`, as it can be typed into a shell."""
    text = json.dumps(classes, ensure_ascii=False)
    text = text if text.isprintable() else json.dumps(classes)
    return typed(assignment(("dataset", "classes"), text))


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
    marks = {name for name in names if is_missing(name)}
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
