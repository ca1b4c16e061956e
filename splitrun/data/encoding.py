"""Preprocessing: fitted on the training rows, applied to all, kept with the model.

Numbers are scaled as `scaling` says.
Categories get the codes 1, 2, … in the order of scikit-learn's OrdinalEncoder; code 0 is any value
that no training row had. One-hot columns are those of its OneHotEncoder(handle_unknown="ignore").
What is fitted is plain data, so it is saved as JSON, exactly, instead of pickled.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor

from splitrun.data.scaling import Scaling, affine
from splitrun.data.table import Categories, NewArray, Table, blocks_of
from splitrun.errors import DataError, RunDirectoryError


@dataclass(frozen=True)
class InputShape:
    """What one party's rows look like after preprocessing."""

    numeric: int
    """Numeric columns; they come first in the float matrix."""
    cardinalities: tuple[int, ...]
    """For `codes`: the number of codes of each categorical column, code 0 (unseen) included.
    Empty for `one_hot`, whose categories are columns of the float matrix."""
    width: int
    """Columns of the float matrix."""


LARGEST_ONE_HOT_BYTES = 2 * 2**30
LARGEST_ONE_HOT_COLUMNS = 10_000


class Fitted(BaseModel):
    """Something fitted, and JSON that says so."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class NumericEncoder(Fitted):
    """A column of numbers becomes `(x - shift) / scale`."""

    name: str
    shift: float
    scale: Annotated[float, Field(gt=0)]
    fill: float | None
    """Stands for missing cells; without it they are refused."""

    def values(self, table: Table) -> NDArray[np.float64]:
        """[rows], as they are in the table.

        Raises:
            DataError: a cell is missing without remedy, infinite, or words.
        """
        values = table.columns[self.name]
        if isinstance(values, Categories):
            message = f"{table.place(0)}: {values.at(0)!r} in column {self.name!r}"
            raise DataError(f"{message}, which held numbers in training; use data of the same kind")
        refuse_unusable(table, self.name, values, self.fill)
        return values

    def scaled(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The same, filled and scaled."""
        known = values if self.fill is None else np.where(np.isnan(values), self.fill, values)
        return (known - self.shift) / self.scale


class CategoryEncoder(Fitted):
    """A column of words becomes codes: 1 + the index into `values`, or 0 for any other word."""

    name: str
    values: tuple[str, ...]

    def recoding(self, table: Table) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The table's codes [rows], and for each of these the encoder's [values].

        The column must have been read as categories.
        """
        column = table.columns[self.name]
        assert isinstance(column, Categories), "columns of categories are read as such"
        code_of = {value: code for code, value in enumerate(self.values, start=1)}
        return column.codes, np.array([code_of.get(value, 0) for value in column.values], np.int64)


class FeatureEncoder(Fitted):
    """The columns of a bottom: its numeric ones first, then its categorical ones."""

    inputs: Literal["one_hot", "codes"]
    numeric: tuple[NumericEncoder, ...]
    categorical: tuple[CategoryEncoder, ...]

    @property
    def columns(self) -> frozenset[str]:
        """The names of all columns."""
        numeric = frozenset(column.name for column in self.numeric)
        return numeric.union(column.name for column in self.categorical)

    @property
    def shape(self) -> InputShape:
        """What `transform` gives."""
        sizes = [len(column.values) for column in self.categorical]
        if self.inputs == "codes":
            cardinalities = tuple(size + 1 for size in sizes)
            return InputShape(len(self.numeric), cardinalities, width=len(self.numeric))
        return InputShape(len(self.numeric), (), width=len(self.numeric) + sum(sizes))

    @property
    def places(self) -> dict[str, tuple[int, slice]]:
        """By column, which of the tensors that `transform` gives is made of it, and which of that
        tensor's columns are."""
        places = {it.name: (0, slice(at, at + 1)) for at, it in enumerate(self.numeric)}
        start = len(self.numeric)
        for index, category in enumerate(self.categorical):
            if self.inputs == "codes":
                places[category.name] = (1, slice(index, index + 1))
            else:
                stop = start + len(category.values)
                places[category.name], start = (0, slice(start, stop)), stop
        return places

    def transform(self, table: Table, new: NewArray | None = None) -> tuple[Tensor, ...]:
        """A float32 matrix [rows, width], and for `codes` int64 codes [rows, categories].

        Blocks of rows are written one after another, so that nothing of the table's size is held
        beside it and what is written.

        Args:
            new: makes the arrays that are written into; by default, as the table has it.

        Raises:
            DataError: missing or infinite numbers, or a matrix too large to hold in memory.
        """
        shape = self.shape
        new = new or table.new_array
        if self.inputs == "one_hot" and new is np.empty:
            self._refuse_blow_up(table.rows)
        numeric = [column.values(table) for column in self.numeric]
        recoded = [column.recoding(table) for column in self.categorical]
        matrix = new((table.rows, shape.width), np.float32)
        codes = None
        if self.inputs == "codes":
            codes = new((table.rows, len(recoded)), np.int64)
        for rows in blocks_of(table.rows):
            with np.errstate(over="ignore"):
                for index, (column, values) in enumerate(zip(self.numeric, numeric, strict=True)):
                    matrix[rows, index] = column.scaled(values[rows])
            if not np.isfinite(matrix[rows, : shape.numeric]).all():
                self._refuse_overflow(table, matrix[rows], rows.start)
            if codes is not None:
                for index, (own, code_of) in enumerate(recoded):
                    codes[rows, index] = code_of[own[rows]]
            else:
                self._set_ones(
                    matrix[rows, shape.numeric :], [of[own[rows]] for own, of in recoded]
                )
        made = (matrix,) if codes is None else (matrix, codes)
        return tuple(torch.from_numpy(array) for array in made)

    def _set_ones(self, matrix: NDArray[np.float32], codes: Sequence[NDArray[np.int64]]) -> None:
        """One-hot columns [rows of the block, categories' values] of codes [rows of the block]."""
        matrix[:] = 0
        start = 0
        for category, column in zip(self.categorical, codes, strict=True):
            known = np.flatnonzero(column)
            matrix[known, start + column[known] - 1] = 1
            start += len(category.values)

    def _refuse_overflow(self, table: Table, block: NDArray[np.float32], start: int) -> None:
        """Raises DataError for the first number of a block that is not finite."""
        row, index = np.argwhere(~np.isfinite(block[:, : len(self.numeric)]))[0]
        message = f"{table.place(start + int(row))}: column {self.numeric[index].name!r}"
        message += " is beyond 32-bit floats even when scaled"
        raise DataError(f"{message}; mend the cell, or take logarithms")

    def _refuse_blow_up(self, rows: int) -> None:
        width = self.shape.width - self.shape.numeric
        if width > LARGEST_ONE_HOT_COLUMNS or 4 * rows * width > LARGEST_ONE_HOT_BYTES:
            widest = max(self.categorical, key=lambda column: len(column.values))
            blame = f"{widest.name!r} alone has {len(widest.values):,} values"
            message = f"one-hot inputs of {rows:,} rows x {width:,} columns ({blame}) are too large"
            remedy = "use embedding_mlp (with a class of your own inputs: codes), or drop columns"
            raise DataError(f"{message}; {remedy}")


class TargetScale(Fitted):
    """What a target of numbers is standardised by: its training rows' mean and standard deviation.

    So a model learns as fast whether it predicts a price or a share.
    """

    mean: float
    deviation: Annotated[float, Field(gt=0)]

    def standardised(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """[rows], of values in the target's own units."""
        return (values - self.mean) / self.deviation

    def restored(self, values: Tensor) -> Tensor:
        """Standardised values of any shape in the target's own units, float64."""
        return values.double() * self.deviation + self.mean


class LabelEncoder(Fitted):
    """The label holder's column to predict."""

    column: str
    """Of several, all names."""
    classes: tuple[str, ...]
    """The label's values in the order of their numbers; empty for regression. Of several labels,
    their columns."""
    scale: TargetScale | None = None
    """Of a target that is standardised."""
    values: tuple[tuple[str, str], ...] = ()
    """Of several labels, what stands in the column of each for 0 and for 1."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Those of the file that hold it."""
        return self.classes if self.values else (self.column,)

    @property
    def unit(self) -> float:
        """What 1 stands for in the target's own units."""
        return self.scale.deviation if self.scale else 1.0

    def restored(self, predictions: Tensor) -> Tensor:
        """A loss's predictions in the label's own units: probabilities stay as they are."""
        return self.scale.restored(predictions) if self.scale else predictions


class PartyEncoder(Fitted):
    """Everything that turns one party's rows into its bottom's inputs and into labels."""

    version: Literal[3] = 3
    features: FeatureEncoder | None
    """None for a party without a bottom."""
    label: LabelEncoder | None
    """The label holder's alone."""

    @property
    def categorical(self) -> frozenset[str]:
        """The feature columns that hold categories."""
        columns = self.features.categorical if self.features else ()
        return frozenset(column.name for column in columns)

    def to_json(self) -> dict[str, Any]:
        """JSON values; `json` writes of a float what it takes to read the same one back."""
        return self.model_dump(mode="json")

    @classmethod
    def from_json(cls, content: object, origin: str = "the encoder") -> PartyEncoder:
        """What `to_json` gave.

        Args:
            origin: names the file in errors.

        Raises:
            RunDirectoryError: anything else.
        """
        try:
            return cls.model_validate_json(json.dumps(content), strict=True)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the whole"
            message = f"{origin}: damaged at {where}: {first['msg']}"
            raise RunDirectoryError(f"{message}; restore the file, or train again") from error


def refuse_unusable(
    table: Table, name: str, values: NDArray[np.float64], fill: float | None
) -> None:
    """Raises DataError where cells [rows] are infinite or, without `fill`, missing."""
    if np.isfinite(values).all():
        return
    infinite = np.isinf(values)
    if infinite.any():
        row = int(np.argmax(infinite))
        message = f"{table.place(row)}: {values[row]} in column {name!r}"
        raise DataError(f"{message}; numbers must be finite, mend the cell")
    missing = np.isnan(values)
    if fill is None:
        message = f"{table.place(int(np.argmax(missing)))}: no number in column {name!r}"
        remedy = "fill the cells, or train with dataset.missing=mean"
        raise DataError(f"{message}, as in {missing.sum():,} of {table.rows:,} rows; {remedy}")


Rows = NDArray[np.int64]


def fit_features(
    table: Table,
    columns: Sequence[str],
    train: Rows,
    *,
    inputs: Literal["one_hot", "codes"],
    scaling: Scaling,
    fill_missing: bool,
) -> FeatureEncoder:
    """The encoder of a bottom with these columns.

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
            refuse_unusable(table, name, values, fill)
            known = values[train]
            if fill is not None:
                known[np.isnan(known)] = fill
            shift, scale = affine(known, scaling)
            if not np.isfinite((shift, scale, fill or 0.0)).all():
                row = int(train[np.nanargmax(np.abs(values[train]))])
                message = f"{table.place(row)}: {values[row]} in column {name!r} is too large"
                raise DataError(f"{message} to be scaled; mend the cell, or take logarithms")
            numeric.append(NumericEncoder(name=name, shift=shift, scale=scale, fill=fill))
    return FeatureEncoder(inputs=inputs, numeric=tuple(numeric), categorical=tuple(categorical))


def _training_mean(table: Table, name: str, values: NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    if not len(known):
        message = f"{table.origin}: column {name!r} is empty in every training row"
        raise DataError(f"{message}, so it has no mean; drop the column")
    with np.errstate(over="ignore"):
        return float(known.mean())
