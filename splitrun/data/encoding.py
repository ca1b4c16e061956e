"""Preprocessing: fitted on the training rows, applied to all, kept with the model.

Numbers are scaled by scikit-learn's scalers, each of which comes down to `(x - shift) / scale`.
Categories get the codes 1, 2, … in the order of scikit-learn's OrdinalEncoder; code 0 is any value
that no training row had. One-hot columns are those of its OneHotEncoder(handle_unknown="ignore").
What is fitted is plain data, so it is saved as JSON, exactly, instead of pickled.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor

from splitrun.data.shape import InputShape
from splitrun.data.table import Categories, Table
from splitrun.errors import DataError, RunDirectoryError

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

    def transform(self, table: Table) -> NDArray[np.float64]:
        """[rows]. Raises DataError where a cell is missing without remedy, infinite, or words."""
        values = table.columns[self.name]
        if isinstance(values, Categories):
            message = f"{table.place(0)}: {values.at(0)!r} in column {self.name!r}"
            raise DataError(f"{message}, which held numbers in training; use data of the same kind")
        return (filled(table, self.name, values, self.fill) - self.shift) / self.scale


class CategoryEncoder(Fitted):
    """A column of words becomes codes: 1 + the index into `values`, or 0 for any other word."""

    name: str
    values: tuple[str, ...]

    def transform(self, table: Table) -> NDArray[np.int64]:
        """[rows]. The column must have been read as categories."""
        column = table.columns[self.name]
        assert isinstance(column, Categories), "columns of categories are read as such"
        code_of = {value: code for code, value in enumerate(self.values, start=1)}
        return np.array([code_of.get(value, 0) for value in column.values], np.int64)[column.codes]


class PartyEncoder(Fitted):
    """One party's columns: its numeric ones first, then its categorical ones."""

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

    def transform(self, table: Table) -> tuple[Tensor, ...]:
        """A float32 matrix [rows, width], and for `codes` int64 codes [rows, categories].

        Raises:
            DataError: missing or infinite numbers, or a matrix too large to hold.
        """
        shape = self.shape
        if self.inputs == "one_hot":
            self._refuse_blow_up(table.rows)
        matrix = np.zeros((table.rows, shape.width), np.float32)
        with np.errstate(over="ignore"):
            for index, number in enumerate(self.numeric):
                matrix[:, index] = number.transform(table)
                _refuse_overflow(table, number.name, matrix[:, index])
        if self.inputs == "codes":
            codes = np.empty((table.rows, len(self.categorical)), np.int64)
            for index, category in enumerate(self.categorical):
                codes[:, index] = category.transform(table)
            return torch.from_numpy(matrix), torch.from_numpy(codes)
        start = shape.numeric
        for category in self.categorical:
            column = category.transform(table)
            known = np.flatnonzero(column)
            matrix[known, start + column[known] - 1] = 1
            start += len(category.values)
        return (torch.from_numpy(matrix),)

    def _refuse_blow_up(self, rows: int) -> None:
        width = self.shape.width - self.shape.numeric
        if width > LARGEST_ONE_HOT_COLUMNS or 4 * rows * width > LARGEST_ONE_HOT_BYTES:
            widest = max(self.categorical, key=lambda column: len(column.values))
            blame = f"{widest.name!r} alone has {len(widest.values):,} values"
            message = f"one-hot inputs of {rows:,} rows x {width:,} columns ({blame}) are too large"
            remedy = "use embedding_mlp (with a class of your own inputs: codes), or drop columns"
            raise DataError(f"{message}; {remedy}")


class Encoders(Fitted):
    """Everything that turns a dataset's rows into a model's inputs and labels."""

    version: Literal[1] = 1
    parties: dict[str, PartyEncoder]
    label: str
    classes: tuple[str, ...]
    """The label's values in the order of their numbers; empty for regression."""

    @property
    def categorical(self) -> frozenset[str]:
        """The feature columns that hold categories."""
        return frozenset(
            column.name for party in self.parties.values() for column in party.categorical
        )

    def to_json(self) -> dict[str, Any]:
        """JSON values; `json` writes of a float what it takes to read the same one back."""
        return self.model_dump(mode="json")

    @classmethod
    def from_json(cls, content: object, origin: str = "the encoders") -> Encoders:
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


def filled(
    table: Table, name: str, values: NDArray[np.float64], fill: float | None
) -> NDArray[np.float64]:
    """[rows], with `fill` where cells are missing.

    Raises:
        DataError: infinite cells, or missing ones without `fill`.
    """
    infinite = np.isinf(values)
    if infinite.any():
        row = int(np.argmax(infinite))
        message = f"{table.place(row)}: {values[row]} in column {name!r}"
        raise DataError(f"{message}; numbers must be finite, mend the cell")
    missing = np.isnan(values)
    if not missing.any():
        return values
    if fill is None:
        message = f"{table.place(int(np.argmax(missing)))}: no number in column {name!r}"
        remedy = "fill the cells, or set dataset.missing to mean"
        raise DataError(f"{message}, as in {missing.sum():,} of {table.rows:,} rows; {remedy}")
    return np.where(missing, fill, values)


def _refuse_overflow(table: Table, name: str, values: NDArray[np.float32]) -> None:
    finite = np.isfinite(values)
    if not finite.all():
        place = table.place(int(np.argmin(finite)))
        message = f"{place}: column {name!r} is beyond 32-bit floats even when scaled"
        raise DataError(f"{message}; mend the cell, or take logarithms")
