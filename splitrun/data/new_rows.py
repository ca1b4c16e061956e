"""Rows that a trained model has never seen: what its columns must be, and what it does not know."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import numpy as np

from splitrun.data.encoding import FeatureEncoder, PartyEncoder
from splitrun.data.table import Categories, Table
from splitrun.errors import DataError
from splitrun.spec.wording import closest

NewRows = Literal["labelled", "unlabelled"]
"""All rows of a source are given to a trained model; with their labels, or whatever the label's
column is, if there is one."""


@dataclass(frozen=True)
class UnseenValues:
    """Words of a categorical column that no training row had; the model takes all of them alike."""

    column: str
    values: tuple[str, ...]
    """Sorted by code points."""
    rows: int
    """That have one of them."""


def columns_of_model(
    encoder: PartyEncoder, new_rows: NewRows, weight: str | None = None
) -> tuple[str, ...]:
    """The columns of new rows that a party reads: those that its bottom was trained on and, where
    it is known, the label's.

    Args:
        weight: the label holder's column of what rows count for, if it has one; it is needed where
            the label is.
    """
    label = encoder.label if new_rows == "labelled" else None
    features = encoder.features.columns if encoder.features else ()
    beside = [*label.columns, *([] if weight is None else [weight])] if label else []
    return (*sorted(features), *beside)


def unseen_values(encoder: FeatureEncoder, table: Table) -> tuple[UnseenValues, ...]:
    """Of every categorical column that has some, in the encoder's order."""
    found = []
    for category in encoder.categorical:
        column = table.columns[category.name]
        assert isinstance(column, Categories), "columns of categories are read as such"
        known = frozenset(category.values)
        unseen = np.array([value not in known for value in column.values], bool)
        rows = np.bincount(column.codes, minlength=len(unseen))
        present = np.flatnonzero(unseen & (rows > 0))
        if len(present):
            values = tuple(sorted(column.values[code] for code in present.tolist()))
            found.append(UnseenValues(category.name, values, int(rows[present].sum())))
    return tuple(found)


def refuse_missing_columns(origin: str, needed: Collection[str], columns: Collection[str]) -> None:
    """Refuse a file without some column that the model was trained on; others do not matter.

    Raises:
        DataError: naming file and columns.
    """
    missing = sorted(frozenset(needed) - frozenset(columns))
    if not missing:
        return
    shown = ", ".join(repr(name) for name in missing[:5]) + (", …" if len(missing) > 5 else "")
    near = closest(missing[0], sorted(frozenset(columns) - frozenset(needed)))
    added = "add it" if len(missing) == 1 else "add them"
    remedy = f"rename its column {near!r}" if near else f"{added}, or name a file that has all"
    raise DataError(f"{origin}: no column {shown}; {remedy}")
