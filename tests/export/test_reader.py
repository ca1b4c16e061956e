"""The reader reads cells as splitrun does."""

from __future__ import annotations

from datetime import datetime
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splitrun.data.dates import FORMATS, date_features
from splitrun.data.kinds import as_categories
from splitrun.data.numerals import Numerals
from splitrun.data.sources.typed import word as word_of
from splitrun.data.table import MISSING_MARKS, Categories, is_missing
from splitrun.errors import DataError
from splitrun.spec.files import DateColumn, DatePart, ReadingKeys

pytest.importorskip("onnxruntime", reason="wants splitrun[onnx]")
from splitrun.export.reader import MISSING, Cells, moment_of, part_of

READINGS = st.builds(
    ReadingKeys,
    decimal=st.sampled_from(".,"),
    thousands=st.sampled_from([None, *",. '_"]),
    units=st.sampled_from([(), ("€",), ("kg", "g"), ("$", "US$")]),
    missing_values=st.sampled_from([(), ("?",), ("-999", "?"), ("Ø",)]),
)
NUMBERS = st.text("0123456789000.,' +-−()$€kge", max_size=9)
WORDS = NUMBERS | st.text(max_size=6) | st.sampled_from(["", "NA", "?", "-999", "inf", "nan", "é"])


def cells(reading: ReadingKeys) -> Cells:
    return Cells(reading.model_dump())


@given(READINGS, st.lists(WORDS, min_size=1, max_size=10))
@settings(max_examples=100, deadline=None)
def test_numbers_are_those_of_splitrun(reading: ReadingKeys, words: list[str]) -> None:
    numerals, own = Numerals.of(reading), cells(reading)
    marks = numerals.parse(reading.missing_values)
    for word, number in zip(words, numerals.parse(words).tolist(), strict=True):
        read = own.number(word)
        missing = is_missing(word) or word.strip() in reading.missing_values or number in marks
        if not missing and np.isnan(number):
            assert read is None
        else:
            np.testing.assert_equal(read, np.nan if missing else number)


@given(READINGS, st.lists(WORDS | st.floats() | st.integers(), min_size=1, max_size=10))
@settings(max_examples=50, deadline=None)
def test_words_are_those_of_splitrun(reading: ReadingKeys, values: list[Any]) -> None:
    words = tuple(sorted({word_of(value) for value in values}))
    own = cells(reading)
    for value in values:
        column = Categories(np.array([words.index(word_of(value))]), words)
        assert own.word(value) == as_categories(column, reading).at(0)


PARTS = get_args(DatePart)
ISO = (
    "%Y-%m-%d",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M:%S.%f",
    "%Y-%m-%d %H:%M:%S +01:30",
    "%Y-%m-%dT%H:%MZ",
)


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(2068, 12, 30)),
    st.sampled_from([*FORMATS, *ISO]),
    st.sampled_from(["", "", " ", "x"]),
)
@settings(max_examples=100, deadline=None)
def test_dates_are_those_of_splitrun(moment: datetime, pattern: str, beside: str) -> None:
    word, form = moment.strftime(pattern) + beside, "iso" if pattern in ISO else pattern
    reading = ReadingKeys(dates={"day": DateColumn(format=form, parts=PARTS)})
    read = moment_of(cells(reading).word(word), form)
    try:
        column = Categories(np.zeros(1, np.int64), (word,))
        known = date_features("day", column, reading, lambda row: f"row {row}")
    except DataError:
        assert read is None
    else:
        assert read is not None
        assert [part_of(read, part) for part in PARTS] == [known[f"day.{it}"][0] for it in PARTS]


def test_the_reader_knows_the_same_marks_of_what_is_missing() -> None:
    assert MISSING == MISSING_MARKS
