"""Which rows are trained on, decided on and tested on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from splitrun.data.split import SplitRows, Strata, split_rows
from splitrun.data.table import Categories, Column, Table
from splitrun.errors import DataError
from splitrun.party import Parties, Party
from splitrun.spec.datasets import DatasetSection
from splitrun.spec.files import ReadingKeys
from tests.data.loading import load_data
from tests.data.specs import csv_spec, write_rows

COLUMNS = {"alice": ["a"], "bob": ["b"]}
WHOLE = {"test_fraction": 0.0}


def dataset(**keys: Any) -> DatasetSection:
    return csv_spec(COLUMNS, **keys).dataset


def table(rows: int, **columns: Column) -> Table:
    return Table("rows.csv", rows, columns, lambda row: f"rows.csv:{row + 2}")


def words(cells: Sequence[str]) -> Categories:
    values = sorted(set(cells))
    return Categories(np.array([values.index(cell) for cell in cells], np.int64), tuple(values))


def parts(split: SplitRows) -> tuple[list[int], list[int], list[int]]:
    return split.train.tolist(), split.validation.tolist(), split.test.tolist()


def splits(rows: int, **keys: Any) -> SplitRows:
    """By class, two of three rows being of one, and by time, in no order."""
    moments = np.random.default_rng(5).permutation(rows).astype(np.float64)
    strata = Strata((np.arange(rows) % 3 > 0).astype(np.int64), ("no", "yes"))
    by = keys.get("split", "random")
    return split_rows(
        dataset(**keys), table(rows, t=moments), strata if by == "stratified" else None
    )


RULES = ["random", "stratified", {"by": "time", "column": "t"}]


@pytest.mark.parametrize("rule", RULES)
@given(
    rows=st.integers(40, 300),
    test=st.sampled_from([0.0, 0.1, 0.25, 0.5]),
    validation=st.sampled_from([0.0, 0.1, 0.3]),
    seed=st.integers(0, 9),
)
def test_parts_are_disjoint_and_all_rows_and_of_the_sizes_asked_for(
    rule: object, rows: int, test: float, validation: float, seed: int
) -> None:
    split = splits(
        rows, split=rule, test_fraction=test, validation_fraction=validation, split_seed=seed
    )
    together = np.concatenate([split.train, split.validation, split.test])
    assert sorted(together.tolist()) == list(range(rows))
    for part in (split.train, split.validation, split.test):
        assert part.tolist() == sorted(part.tolist())
    assert len(split.test) == np.ceil(rows * test)
    assert len(split.validation) == np.ceil(rows * validation)


@pytest.mark.parametrize("rule", RULES)
@given(rows=st.integers(40, 200), seed=st.integers(0, 9))
def test_the_test_rows_are_the_same_whatever_the_validation_fraction_is(
    rule: object, rows: int, seed: int
) -> None:
    keys = {"split": rule, "split_seed": seed}
    without, little, much = (
        splits(rows, validation_fraction=fraction, **keys) for fraction in (0.0, 0.1, 0.5)
    )
    assert without.test.tolist() == little.test.tolist() == much.test.tolist()
    assert set(little.train) < set(without.train)


@given(rows=st.integers(60, 300), seed=st.integers(0, 9))
def test_in_a_stratified_split_every_part_has_its_share_of_every_class(
    rows: int, seed: int
) -> None:
    split = splits(rows, split="stratified", validation_fraction=0.2, split_seed=seed)
    for part in (split.test, split.validation):
        share = (np.arange(rows) % 3 > 0).mean() * len(part)
        assert abs((part % 3 > 0).sum() - share) <= 2
    assert abs((split.test % 3 > 0).sum() - (np.arange(rows) % 3 > 0).mean() * len(split.test)) < 1


def test_a_stratified_split_is_scikit_learns() -> None:
    classes = (np.arange(90) % 3 > 0).astype(np.int64)
    train, test = train_test_split(np.arange(90), test_size=0.2, random_state=4, stratify=classes)
    split = splits(90, split="stratified", split_seed=4)
    assert split.train.tolist() == sorted(train)
    assert split.test.tolist() == sorted(test)


@given(rows=st.integers(2, 3000), share=st.sampled_from([0.01, 0.2, 0.5]), seed=st.integers(0, 99))
def test_a_random_split_is_scikit_learns_whatever_the_rows(
    rows: int, share: float, seed: int
) -> None:
    train, test = train_test_split(np.arange(rows), test_size=share, random_state=seed)
    split = split_rows(dataset(test_fraction=share, split_seed=seed), table(rows))
    assert split.train.tolist() == sorted(train)
    assert split.test.tolist() == sorted(test)


@given(
    sizes=st.lists(st.integers(2, 40), min_size=2, max_size=12),
    share=st.sampled_from([0.1, 0.3, 0.5]),
    seed=st.integers(0, 99),
)
def test_a_stratified_split_is_scikit_learns_whatever_the_classes(
    sizes: list[int], share: float, seed: int
) -> None:
    classes = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    count = math.ceil(len(classes) * share)
    assume(len(sizes) <= min(count, len(classes) - count))
    train, test = train_test_split(
        np.arange(len(classes)), test_size=count, random_state=seed, stratify=classes
    )
    split = split_rows(
        dataset(split="stratified", test_fraction=share, split_seed=seed),
        table(len(classes)),
        Strata(classes, [f"class {number}" for number in range(len(sizes))]),
    )
    assert split.train.tolist() == sorted(train)
    assert split.test.tolist() == sorted(test)


@pytest.mark.parametrize(
    "column",
    [
        np.array([5.0, 1, 4, 2, 3, 0, 7, 6, 9, 8]),
        words(["5", "1", "4", "2", "3", "0", "7", "6", "10", "9"]),
        words(
            [
                *("2026-01-05", "2025-12-31", "2026-01-04T10:00", "2026-01-02", "2026-01-03"),
                *("2024-02-29", "2026-01-07", "2026-01-06T23:00", "2026-01-10", "2026-01-09"),
            ]
        ),
    ],
    ids=["numbers", "numbers as words", "dates"],
)
def test_by_time_the_latest_rows_are_tested_and_those_before_them_decide(column: Column) -> None:
    keys = {"split": {"by": "time", "column": "t"}, "validation_fraction": 0.2}
    assert parts(split_rows(dataset(**keys), table(10, t=column))) == (
        [0, 1, 2, 3, 4, 5],
        [6, 7],
        [8, 9],
    )


def test_moments_that_are_numbers_are_read_as_the_spec_says_they_are_written() -> None:
    column = words(["1.000,5", "999,25", "1.000,75", "2", "1.001"])
    split = split_rows(
        dataset(split={"by": "time", "column": "t"}),
        table(5, t=column),
        reading=ReadingKeys(decimal=",", thousands="."),
    )
    assert parts(split) == ([0, 1, 2, 3], [], [4])


def test_rows_of_one_moment_stay_together_and_that_is_said() -> None:
    moments = np.array([1.0, 2, 3, 4, 5, 5, 5, 5, 6, 7])
    split = split_rows(
        dataset(split={"by": "time", "column": "t"}, test_fraction=0.3), table(10, t=moments)
    )
    assert parts(split) == ([0, 1, 2, 3], [], [4, 5, 6, 7, 8, 9])
    assert split.notes == (
        "rows.csv: 3 more test row(s) than asked for: rows of one moment stay together",
    )


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (words(["1", "", "3"]), "rows.csv:3: no 't', by which rows are split; fill the cell"),
        (np.array([1, 2, np.nan]), "rows.csv:4: no 't', by which rows are split; fill the cell"),
        (words(["1", "2", "soon"]), "rows.csv:4: 'soon' in column 't' is no number, and rows"),
        (
            words(["2026-01-01", "2026-02-30", "2026-03-01"]),
            "rows.csv:3: '2026-02-30' in column 't' is no date of the format 'iso'; mend the cell",
        ),
        (np.array([1.0, 1, 1]), "of 3 rows, none is left to train on, for rows of one moment"),
    ],
)
def test_a_column_that_gives_no_order_is_refused_where_it_does_not(
    column: Column, message: str
) -> None:
    with pytest.raises(DataError) as caught:
        split_rows(dataset(split={"by": "time", "column": "t"}), table(3, t=column))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "column",
    [np.array([0.0, 1, 2, 0, 1, 0]), words(["0", "1", "02", "0", "1.0", "0"])],
    ids=["numbers", "words"],
)
def test_by_column_values_name_the_parts_and_all_others_are_trained_on(column: Column) -> None:
    rule = {"by": "column", "column": "fold", "test": ["2"], "validation": ["1"]}
    assert parts(split_rows(dataset(split=rule), table(6, fold=column))) == ([0, 3, 5], [1, 4], [2])


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (["tset"], "no row has 'tset' in column 'part', by which the rows are split; did you mean"),
        (["x"], "there are 'test', 'train'"),
        (["test", "train"], "no row is left to train on, by the values of 'part'; list fewer"),
    ],
)
def test_values_that_no_row_or_every_row_has_are_refused(test: list[str], message: str) -> None:
    rule = {"by": "column", "column": "part", "test": test}
    with pytest.raises(DataError) as caught:
        split_rows(dataset(split=rule), table(3, part=words(["train", "test", "train"])))
    assert message in str(caught.value)


def test_the_rows_of_a_test_file_are_the_test_rows_and_none_of_them_decides() -> None:
    split = split_rows(
        dataset(validation_fraction=0.25), table(12), test_file=np.array([3, 0, 7, 11], np.int64)
    )
    assert split.test.tolist() == [0, 3, 7, 11]
    assert len(split.validation) == 2
    assert not set(split.validation) & set(split.test)


@pytest.mark.parametrize(
    ("classes", "fraction", "message"),
    [
        ([0] * 9 + [1], 0.2, "1 row(s) of class 'yes' cannot be both among 8 rows to train on"),
        ([0, 1] * 5, 0.1, "2 classes cannot be both among 9 rows to train on and among 1 test"),
    ],
)
def test_classes_too_small_to_share_out_are_named(
    classes: list[int], fraction: float, message: str
) -> None:
    strata = Strata(np.array(classes, np.int64), ("no", "yes"))
    with pytest.raises(DataError) as caught:
        split_rows(dataset(split="stratified", test_fraction=fraction), table(10), strata)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("fractions", "key"),
    [({"test_fraction": 0.9}, "test"), (WHOLE | {"validation_fraction": 0.9}, "validation")],
)
def test_what_leaves_nothing_to_train_on_names_its_fraction(
    fractions: dict[str, float], key: str
) -> None:
    with pytest.raises(DataError, match=f"none is left to train on; lower dataset.{key}_fraction"):
        split_rows(dataset(**fractions), table(2))


ROWS = [f"{row},{row},{row % 2},{'late' if row % 5 == 0 else 'early'}" for row in range(100)]


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows,
        lambda rows: [
            row.replace(f"{number},", "99999,", 1) if number % 5 == 0 else row
            for number, row in enumerate(rows)
        ],
    ],
    ids=["as it is", "other test rows"],
)
def test_encoders_know_the_training_rows_alone(
    tmp_path: Path, change: Callable[[list[str]], list[str]]
) -> None:
    write_rows(tmp_path, "a,b,y,part", change(ROWS))
    rule = {"by": "column", "column": "part", "test": ["late"]}
    data = load_data(csv_spec(COLUMNS, split=rule, validation_fraction=0.1), tmp_path)
    a = data.features["alice"][0][data.train_ids]
    assert abs(float(a.mean())) < 1e-6
    assert len(data.train_ids) == 70
    assert data.test_ids.tolist() == list(range(0, 100, 5))


def test_every_party_has_the_label_holders_split(tmp_path: Path) -> None:
    write_rows(tmp_path, "a,b,y,part", ROWS)
    for rule in ("stratified", {"by": "time", "column": "a"}):
        spec = csv_spec(COLUMNS, split=rule, validation_fraction=0.1)
        alice, bob = Parties.load(spec, tmp_path)
        for ids in ("train_ids", "validation_ids", "test_ids"):
            assert getattr(alice.data, ids).tolist() == getattr(bob.data, ids).tolist()
        assert len(bob.data.validation_ids) == 10


def test_a_party_without_the_label_cannot_split_by_it(tmp_path: Path) -> None:
    write_rows(tmp_path, "a,b,y,part", ROWS)
    with pytest.raises(DataError, match="bob cannot tell which rows are held out, by stratified"):
        Party.load(csv_spec(COLUMNS, split="stratified"), "bob", tmp_path)


@pytest.mark.parametrize("keys", [{}, {"dates": {"when": {"format": "%d.%m.%Y"}}}])
def test_a_column_of_dates_may_split_the_rows_and_be_a_feature_too(
    tmp_path: Path, keys: dict[str, Any]
) -> None:
    days = [f"2026-{1 + row // 28:02}-{1 + row % 28:02}" for row in range(100)]
    if keys:
        days = [".".join(reversed(day.split("-"))) for day in days]
    write_rows(tmp_path, "a,b,y,when", [f"1.{r},{r},{r % 2},{day}" for r, day in enumerate(days)])
    columns = {"alice": ["a", *(["when"] if keys else [])], "bob": ["b"]}
    data = load_data(csv_spec(columns, split={"by": "time", "column": "when"}, **keys), tmp_path)
    assert data.test_ids.tolist() == list(range(80, 100))
    assert data.features["alice"][0].shape == (100, 2 if keys else 1)


def test_a_number_may_split_the_rows_and_be_a_feature_too(tmp_path: Path) -> None:
    write_rows(tmp_path, "a,b,y", [f"{row},{row % 4},{row % 2}" for row in range(100)])
    for column in ("a", "b"):
        rule = {"by": "column", "column": column, "test": ["3"]}
        data = load_data(csv_spec(COLUMNS, split=rule, scaling="none"), tmp_path)
        assert data.test_ids.tolist() == ([3] if column == "a" else list(range(3, 100, 4)))
        assert data.features["bob"][0].flatten().tolist()[:5] == [0, 1, 2, 3, 0]
