"""What rows count for: columns of weights that are refused, and classes that are balanced."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

from splitrun.data.weights import class_weights
from splitrun.errors import DataError, SpecError
from splitrun.party import Parties
from tests.data.specs import csv_spec, write_rows

COLUMNS = {"alice": ["a"], "bob": ["b"]}
ALL_BUT = {"alice": "*", "bob": ["b"]}


@pytest.mark.parametrize("has_weights", [False, True])
@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(1, 300), classes=st.integers(2, 6))
def test_balanced_classes_have_scikit_learns_weights_to_the_last_bit(
    has_weights: object, seed: int, rows: int, classes: int
) -> None:
    random = np.random.default_rng(seed)
    codes = np.concatenate([np.arange(classes), random.integers(0, classes, rows)])
    weights = random.random(len(codes)) + 0.01 if has_weights else None
    names = [str(each) for each in range(classes)]
    theirs = compute_class_weight(
        "balanced", classes=np.arange(classes), y=codes, sample_weight=weights
    )
    assert class_weights("balanced", names, codes, weights).tolist() == theirs.tolist()


def test_a_class_that_is_not_named_has_weight_1() -> None:
    found = class_weights({"yes": 3, "1.0": 2}, ("1", "no", "yes"), np.arange(3))
    assert found.tolist() == [2, 1, 3]


def test_a_class_that_does_not_exist_has_no_weight() -> None:
    with pytest.raises(SpecError, match=r"has no class 'yess'; did you mean 'yes'\?"):
        class_weights({"yess": 3}, ("no", "yes"), np.arange(2))


def test_classes_without_weight_cannot_be_balanced() -> None:
    with pytest.raises(DataError, match="class 'no' weighs more than 0"):
        class_weights("balanced", ("no", "yes"), np.arange(2), np.array([0.0, 1.0]))


def loaded(directory: Path, weights: list[str], **settings: object) -> Parties:
    """Ten rows of two parties, of which one holds weights, too."""
    rows = [f"{row},{row % 3},{row % 2},{weight}" for row, weight in enumerate(weights)]
    write_rows(directory, "a,b,y,w", rows)
    spec = csv_spec(settings.pop("columns", COLUMNS), weight="w", **settings)  # type: ignore[arg-type]
    return Parties.load(spec, directory)


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("", "rows.csv:5: weight 'w' is missing; fill the cell"),
        ("-1", "rows.csv:5: weight 'w' is -1, below 0; mend the cell"),
        ("inf", "rows.csv:5: weight 'w' is inf"),
        ("1e20", "rows.csv:5: weight 'w' is 1e.20, and weights are 0 or between 1e-12 and 1e.12"),
        ("much", "rows.csv:5: 'much' in column 'w', which holds numbers"),
    ],
)
def test_a_weight_that_is_none_is_refused_with_its_place(
    cell: str, told: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=told):
        loaded(tmp_path, ["1", "2", "1", cell, *["1"] * 6])


def test_a_column_of_words_weighs_nothing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="weight 'w' is 'x', and some row's is no number"):
        loaded(tmp_path, [*"xyzxyzxyzx"])


def test_rows_that_all_weigh_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="weight 'w' is 0 in every training row"):
        loaded(tmp_path, ["0"] * 10)


def test_a_column_of_weights_is_no_feature(tmp_path: Path) -> None:
    parties = loaded(tmp_path, [*"1234512345"])
    assert parties.label_holder.data.weights is not None
    for party in parties:
        assert party.data.encoder.features is not None
        assert "w" not in party.data.encoder.features.columns
    assert "the weights of rows" in parties.digests


def test_numbers_are_scaled_by_the_rows_as_they_are(tmp_path: Path) -> None:
    one, other = (loaded(tmp_path, [*weights]) for weights in ("1111111111", "9876543210"))
    for mine, theirs in zip(one, other, strict=True):
        assert mine.data.encoder == theirs.data.encoder
