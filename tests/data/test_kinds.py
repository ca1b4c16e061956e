from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitrun.data.kinds import column_of
from splitrun.data.numerals import Numerals
from splitrun.data.table import Categories, Column
from splitrun.errors import DataError
from splitrun.spec.files import ReadingKeys


def column(cells: Sequence[str], where: str = "dataset", **reading: Any) -> Column:
    values, codes = np.unique(np.array(cells, dtype=object).astype(str), return_inverse=True)
    categories = Categories(codes.astype(np.int64), tuple(values.tolist()))
    keys = ReadingKeys.model_validate(reading)
    return column_of("b", categories, keys, lambda row: f"rows.csv:{row + 2}", where)


def numbers(cells: Sequence[str], **reading: Any) -> list[float]:
    made = column(cells, "dataset", **reading)
    assert not isinstance(made, Categories)
    found: list[float] = made.tolist()
    return found


@given(st.lists(st.floats(allow_nan=False), min_size=1))
def test_a_number_written_by_python_is_read_to_the_last_bit(values: list[float]) -> None:
    assert numbers([repr(value) for value in values]) == values


@given(st.lists(st.integers(-(2**53), 2**53), min_size=1), st.sampled_from([",", " ", "'", "_"]))
def test_grouped_whole_numbers_are_read_exactly(values: list[int], mark: str) -> None:
    words = [f"{value:_}".replace("_", mark) for value in values]
    assert Numerals(thousands=mark).parse(words).tolist() == values


@pytest.mark.parametrize(
    ("cells", "reading", "read"),
    [
        (["1.234,50", "7"], {"decimal": ",", "thousands": "."}, [1234.5, 7]),
        (["12,34,567"], {"thousands": ","}, [1234567]),
        (["$-5", "-$5", "($5)", "$5-"], {"units": ["$"]}, [-5, -5, -5, -5]),
        (["5 kg", "6kg", "7"], {"units": ["kg"]}, [5, 6, 7]),
        (["1\u202f000", "2 000"], {"thousands": " "}, [1000, 2000]),
        (["\u22125", "3"], {}, [-5, 3]),
        (["?", "3", "-999.0"], {"missing_values": ["?", "-999"]}, [math.nan, 3, math.nan]),
        (["NA", "null", "", "1"], {}, [math.nan, math.nan, math.nan, 1]),
    ],
)  # fmt: skip
def test_numbers_are_read_as_the_spec_says(
    cells: list[str], reading: dict[str, Any], read: list[float]
) -> None:
    np.testing.assert_array_equal(numbers(cells, **reading), read)


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        (["1,23", "1,234"], "dataset.decimal"),
        (["1,234,567", "1,234"], "dataset.thousands"),
        (["1,234", "5,678"], "probably thousands grouped by commas, perhaps a decimal comma"),
        (["$1", "$2"], "dataset.units"),
        (["1", "2", "?"], "dataset.missing_values"),
        (["01.02.2026", "30.02.2026", "28.02.2026"], "'30.02.2026' .* which holds dates"),
        (["3/4/2026", "4/5/2026"], "%d/%m/%Y.* or .*%m/%d/%Y"),
        (["9007199254740993", "9007199254740992"], "too long for a number"),
        (["0123", "456"], "leading zeros"),
        (["5 kg", "6 g", "7 kg", "8 g"], "several units: g, kg"),
        (["0x1F", "0x2A"], "a hexadecimal number"),
    ],
)  # fmt: skip
def test_what_looks_like_something_else_is_refused_with_the_key_that_reads_it(
    cells: list[str], told: str
) -> None:
    with pytest.raises(DataError, match=rf"^rows.csv:\d: .*{told}"):
        column(cells)


def test_thousands_are_never_guessed_where_digits_are_grouped_wrongly() -> None:
    assert np.isnan(Numerals(thousands=",").parse(["1,23", "12,3456", ",123", "1,,234"])).all()


def test_a_party_is_told_of_its_own_keys() -> None:
    with pytest.raises(DataError, match=r"parties.bank.reading.units"):
        column(["$1", "$2"], where="parties.bank.reading")


@pytest.mark.parametrize(
    "cells",
    [
        ["25-34", "35-44", "65+"],
        ["A1", "B2", "C3"],
        ["yes", "no", "NA"],
        ["1a", "2b", "3c"],
        ["10.0.0.1", "10.0.0.2"],
        ["Jan", "Feb", ""],
    ],
)
def test_words_with_digits_stay_categories(cells: list[str]) -> None:
    made = column(cells)
    assert isinstance(made, Categories)
    assert [made.at(row) for row in range(len(cells))] == cells


def test_what_the_spec_calls_categories_is_kept_but_for_marks_of_nothing() -> None:
    made = column(["007", "7", "?"], categorical=["b"], missing_values=["?"])
    assert isinstance(made, Categories)
    assert [made.at(row) for row in range(3)] == ["007", "7", ""]


def test_a_decimal_point_where_a_comma_was_declared_is_told_as_that_alone() -> None:
    told = """has a decimal point; set 'dataset.decimal="."', or to have categories"""
    with pytest.raises(DataError, match=told):
        numbers(["1168.8", "5120.63"], decimal=",")
