from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from splitrun.data.sources.parquet import ParquetFile
from splitrun.data.table import Categories
from splitrun.errors import DataError
from splitrun.spec.files import ReadingKeys

DAY = dt.date(2026, 11, 29)
TIME = dt.datetime(2026, 11, 29, 9, 20)


def source(path: Path, **reading: Any) -> ParquetFile:
    return ParquetFile(path, ReadingKeys(**reading), "dataset")


def written(path: Path, **columns: pa.Array) -> Path:
    pq.write_table(pa.table(columns), path / "rows.parquet", row_group_size=3)
    return path / "rows.parquet"


def read(path: Path, *, text: tuple[str, ...] = (), **reading: Any) -> list[Any]:
    """The column `x` as numbers or words, row by row; None where it is missing."""
    column = source(path, **reading).read(["x"], text).columns["x"]
    if isinstance(column, Categories):
        return [column.at(row) for row in range(len(column.codes))]
    return [None if np.isnan(number) else number for number in column.tolist()]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (pa.array([1, None, 3, 4], pa.int8()), [1, None, 3, 4]),
        (pa.array([2**53, None, -(2**53)], pa.int64()), [2**53, None, -(2**53)]),
        (pa.array([7, 2**40], pa.uint64()), [7, 2**40]),
        (pa.array([0.1, None, float("nan")], pa.float32()), [float(np.float32(0.1)), None, None]),
        (pa.array([0.1, 1e300, 5e-324]), [0.1, 1e300, 5e-324]),
        (pa.array([Decimal("1.10"), None, Decimal("-0.07")]), [1.1, None, -0.07]),
        (pa.nulls(5), [None] * 5),
        (pa.array([True, None, False]), ["True", "", "False"]),
        (pa.array(["b", None, "a", "b"]), ["b", "", "a", "b"]),
        (pa.array(["b", None, "a", "b"]).dictionary_encode(), ["b", "", "a", "b"]),
        (pa.array(["1.5", "NA", "2"]), [1.5, None, 2]),
        (pa.array([b"ab", "ü".encode()]), ["ab", "ü"]),
        (pa.array([2, 1, 2]).dictionary_encode(), [2, 1, 2]),
        (pa.array([], pa.string()), []),
        (pa.array([], pa.float64()), []),
    ],
)
def test_columns_are_what_their_types_say(tmp_path: Path, values: pa.Array, found: object) -> None:
    assert read(written(tmp_path, x=values)) == found


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (pa.array([10, None, 9]), ["10", "", "9"]),
        (pa.array([10.0, None, 9.5]), ["10", "", "9.5"]),
        (pa.array([2**60 + 1, 2**60]), [str(2**60 + 1), str(2**60)]),
        (pa.array(["007", "7 ", None]), ["007", "7", ""]),
        (pa.array([Decimal("1.10")]), ["1.10"]),
        (pa.array([DAY, None]), ["2026-11-29", ""]),
    ],
)
def test_whatever_a_column_holds_its_values_may_be_categories(
    tmp_path: Path, values: pa.Array, found: list[str]
) -> None:
    path = written(tmp_path, x=values)
    assert read(path, text=("x",)) == found
    assert read(path, categorical=("x",)) == found


@pytest.mark.parametrize(
    "values", [pa.array([DAY, None]), pa.array([TIME, None], pa.timestamp("ns", "UTC"))]
)
def test_dates_are_features_if_they_are_declared_and_else_refused(
    tmp_path: Path, values: pa.Array
) -> None:
    path = written(tmp_path, x=values)
    with pytest.raises(DataError, match=r"rows.parquet: row 1: .* is a date or a time; .*dates"):
        read(path)
    table = source(path, dates={"x": {"parts": ["month"]}}).read(["x"], ())
    assert np.array_equal(np.asarray(table.columns["x.month"]), [11, np.nan], equal_nan=True)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            pa.array([[1, 2]]),
            "column 'x' is of the type list<.*>; write each of its parts",
        ),
        (pa.array([{"a": 1}]), "column 'x' is of the type struct<.*>; write each of its parts as"),
        (pa.array([dt.timedelta(1)]), r"column 'x' is of the type duration\[us\]; write it as num"),
        (pa.array([dt.time(1)]), r"column 'x' is of the type time64\[us\]; write it as numbers"),
        (
            pa.array([b"12"], pa.binary(2)),
            "column 'x' is of the type fixed_size_binary.*; write",
        ),
        (pa.array([1, 2, 3, 4, 2**53 + 1]), f"row 5: {2**53 + 1} in column 'x' is too long for a"),
        (pa.array(["1", "2", "3", "4", "x1"]), "row 5: 'x1' in column 'x', which holds numbers"),
        (pa.array(["1,5", "2,5"]), "row 1: '1,5' in column 'x' has a decimal comma; set"),
        (pa.array([b"ab", b"\xff"]), "cannot be read as Parquet: .*UTF8"),
    ],
)
def test_what_is_no_feature_is_refused_with_its_place(
    tmp_path: Path, values: pa.Array, message: str
) -> None:
    with pytest.raises(DataError, match=f"rows.parquet: {message}"):
        read(written(tmp_path, x=values))


def test_numbers_may_be_listed_as_missing(tmp_path: Path) -> None:
    path = written(tmp_path, x=pa.array([1.5, -999, 2]), y=pa.array(["?", "-999", "2"]))
    assert read(path, missing_values=("-999", "?")) == [1.5, None, 2]


def test_the_index_that_pandas_adds_is_no_column_unless_it_has_a_name(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": [1, 2], "y": [3, 4]}, index=[7, 9])
    frame.to_parquet(tmp_path / "rows.parquet")
    assert source(tmp_path / "rows.parquet").columns() == ("x", "y")
    frame.rename_axis("id").to_parquet(tmp_path / "rows.parquet")
    assert source(tmp_path / "rows.parquet").columns() == ("x", "y", "id")


def test_a_nested_column_does_no_harm_unless_it_is_used(tmp_path: Path) -> None:
    path = written(tmp_path, x=pa.array([1, 2]), a=pa.array([{"x": 3}, {"x": 4}]))
    assert read(path) == [1, 2]
    path = written(tmp_path, **{"x.a": pa.array([1, 2]), "x": pa.array([{"a": 3}, {"a": 4}])})
    assert np.asarray(source(path).read(["x.a"], ()).columns["x.a"]).tolist() == [1, 2]


def test_the_parts_in_a_directory_are_one_table_in_the_order_of_their_names(tmp_path: Path) -> None:
    whole = pa.table({"x": pa.array(range(10)), "y": pa.array([str(it % 3) for it in range(10)])})
    for name, start, stop in (("part-1.parquet", 4, 10), ("part-0.parquet", 0, 4)):
        pq.write_table(whole.slice(start, stop - start), tmp_path / name)
    (tmp_path / "_SUCCESS").touch()
    assert read(tmp_path) == list(range(10))
    assert source(tmp_path).place(3) == f"{tmp_path / 'part-0.parquet'}: row 4"
    assert source(tmp_path).place(4) == f"{tmp_path / 'part-1.parquet'}: row 1"


def test_parts_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a directory without \*.parquet files; give the path"):
        source(tmp_path).columns()
    pq.write_table(pa.table({"x": [1]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"x": [1.5]}), tmp_path / "b.parquet")
    with pytest.raises(DataError, match=r"b.parquet: other columns, or of other types, than a.pa"):
        source(tmp_path).columns()
    (tmp_path / "year=2026").mkdir()
    with pytest.raises(DataError, match="partitioned by 'year'; write its rows as one"):
        source(tmp_path).columns()


def test_a_name_that_two_columns_have_is_refused(tmp_path: Path) -> None:
    table = pa.table([pa.array([1]), pa.array([2])], names=["x", "x"])
    pq.write_table(table, tmp_path / "rows.parquet")
    with pytest.raises(DataError, match=r"rows.parquet: 'x' names two columns; give each a name"):
        source(tmp_path / "rows.parquet").columns()


def test_every_damage_ends_in_one_line(tmp_path: Path) -> None:
    values = pa.array(np.random.default_rng(0).normal(size=200))
    path = written(tmp_path, x=values, y=pa.array([f"w{row % 7}" for row in range(200)]))
    whole = path.read_bytes()
    told = []
    for position in range(0, len(whole), 97):
        for damaged in (
            whole[:position],
            whole[:position] + b"\xff" + whole[position + 1 :],
            whole[:position] + bytes(40) + whole[position + 40 :],
        ):
            path.write_bytes(damaged)
            try:
                source(path).columns()
                source(path).read(["x", "y"], ("y",))
            except DataError as error:
                told.append(str(error))
    assert len(told) > len(whole) // 97
    assert not any("\n" in message for message in told)


def test_text_means_the_same_in_a_csv_file_and_in_a_parquet_file(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"x": np.random.default_rng(1).normal(size=500), "y": [f"w{it % 9}" for it in range(500)]}
    )
    frame.to_parquet(tmp_path / "rows.parquet")
    table = source(tmp_path / "rows.parquet").read(["x", "y"], ())
    words = table.columns["y"]
    assert np.array_equal(np.asarray(table.columns["x"]), frame["x"].to_numpy())
    assert isinstance(words, Categories)
    assert [words.at(row) for row in range(500)] == frame["y"].tolist()
