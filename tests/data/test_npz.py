from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from splitrun.data.sources.npz import NpzFile
from splitrun.data.table import Categories
from splitrun.errors import DataError
from splitrun.spec.files import ReadingKeys


def source(path: Path, **reading: Any) -> NpzFile:
    return NpzFile(path, ReadingKeys(**reading), "dataset")


def written(directory: Path, **arrays: Any) -> Path:
    np.savez_compressed(directory / "rows.npz", **arrays)
    return directory / "rows.npz"


def read(path: Path, name: str = "x", *, text: tuple[str, ...] = (), **reading: Any) -> list[Any]:
    """A column as numbers or words, row by row; None where it is missing."""
    column = source(path, **reading).read([name], text).columns[name]
    if isinstance(column, Categories):
        return [column.at(row) for row in range(len(column.codes))]
    return [None if np.isnan(number) else number for number in column.tolist()]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (np.array([1, 2, -3], np.int8), [1, 2, -3]),
        (np.array([2**53, 0], np.uint64), [2**53, 0]),
        (np.array([0.1, np.nan, 1e300]), [0.1, None, 1e300]),
        (np.array([0.5, 2], np.float16), [0.5, 2]),
        (np.array([True, False]), ["True", "False"]),
        (np.array(["b", "", "a"]), ["b", "", "a"]),
        (np.array(["ü".encode(), b"a"]), ["ü", "a"]),
        (np.array(["1.5", "2", "NA"]), [1.5, 2, None]),
        (np.array([1.5, 2.5], ">f4"), [1.5, 2.5]),
        (np.array([]), []),
    ],
)
def test_arrays_are_columns(tmp_path: Path, values: Any, found: object) -> None:
    assert read(written(tmp_path, x=values)) == found


def test_the_columns_of_a_matrix_are_numbered(tmp_path: Path) -> None:
    path = written(tmp_path, x=np.arange(6).reshape(3, 2), y=np.array([1, 0, 1]))
    assert source(path).columns() == ("x0", "x1", "y")
    assert read(path, "x1") == [1, 3, 5]
    path = written(tmp_path, x=np.asfortranarray(np.arange(6).reshape(3, 2)))
    assert read(path, "x0") == [0, 2, 4]


def test_numbers_may_be_categories_or_missing(tmp_path: Path) -> None:
    path = written(tmp_path, x=np.array([7, -999, 10]))
    assert read(path, text=("x",)) == ["7", "-999", "10"]
    assert read(path, categorical=("x",)) == ["7", "-999", "10"]
    assert read(path, missing_values=("-999",)) == [7, None, 10]


def test_dates_are_features_if_they_are_declared(tmp_path: Path) -> None:
    path = written(tmp_path, x=np.array(["2026-11-29", "NaT"], "datetime64[s]"))
    with pytest.raises(DataError, match=r"rows.npz: row 1: .* is a date or a time; .*dates"):
        read(path)
    table = source(path, dates={"x": {"parts": ["day"]}}).read(["x"], ())
    assert np.array_equal(np.asarray(table.columns["x.day"]), [29, np.nan], equal_nan=True)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.array(["a", None], object)}, "'x' holds Python objects, which could run code"),
        ({"x": np.zeros((2, 2, 2))}, r"'x' has 3 dimensions; save arrays \[rows\]"),
        ({"x": np.float64(3)}, r"'x' has 0 dimensions; save arrays \[rows\]"),
        ({"x": np.array([1j])}, "'x' holds neither numbers, text nor dates; save numbers"),
        ({"x": np.array([(1, 2.0)], "i4,f8")}, "'x' holds neither numbers, text nor dates"),
        ({"a": np.zeros(3), "b": np.zeros(2)}, "'a' has 3 rows and 'b' 2; save arrays of one len"),
        (
            {"x0": np.zeros(3), "x": np.zeros((3, 1))},
            "'x0' names two columns; rename the array",
        ),
        ({"x": np.array([1, 2**53 + 1])}, f"row 2: {2**53 + 1} in column 'x' is too long for a fl"),
        ({"x": np.array(["1", "2", "x1"])}, "row 3: 'x1' in column 'x', which holds numbers"),
    ],
)
def test_what_is_no_column_is_refused(tmp_path: Path, arrays: Any, message: str) -> None:
    path = written(tmp_path, **arrays)
    with pytest.raises(DataError, match=f"rows.npz: .*{message}"):
        source(path).read(source(path).columns(), ())


def test_every_damage_ends_in_one_line(tmp_path: Path) -> None:
    rows = np.random.default_rng(0)
    path = written(tmp_path, x=rows.normal(size=(40, 2)), y=np.array(["a", "b"] * 20))
    whole = path.read_bytes()
    told = []
    for position in range(0, len(whole), 7):
        for damaged in (
            whole[:position],
            whole[:position] + b"\xff" + whole[position + 1 :],
            whole[:position] + bytes(20) + whole[position + 20 :],
        ):
            path.write_bytes(damaged)
            try:
                source(path).read(source(path).columns(), ("y",))
            except DataError as error:
                told.append(str(error))
    assert len(told) > len(whole) // 7
    assert not any("\n" in message for message in told)
