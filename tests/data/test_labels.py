from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from sklearn.preprocessing import StandardScaler

from splitrun.errors import DataError
from tests.data.loading import Loaded, load_data
from tests.data.specs import csv_spec, write_rows


def load(directory: Path, labels: list[str], loss: str, **settings: object) -> Loaded:
    write_rows(directory, "a,b,y", [f"{row},1,{label}" for row, label in enumerate(labels)])
    settings = {"test_fraction": 0, **settings}
    return load_data(csv_spec({"alice": ["a"], "bob": ["b"]}, loss=loss, **settings), directory)


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["no", "yes"], ("no", "yes")),
        (["1", "0"], ("0", "1")),
        (["10", "9"], ("9", "10")),
        (["1.0", "-1"], ("-1", "1")),
        (["True", "False"], ("False", "True")),
        (["TRUE", "0.5"], ("0.5", "TRUE")),
    ],
)
def test_the_greater_of_two_values_counts_as_one(
    tmp_path: Path, labels: list[str], classes: tuple[str, str]
) -> None:
    data = load(tmp_path, labels * 2, "binary_cross_entropy")
    assert data.classes == classes
    assert data.labels.dtype == torch.float32
    first = 0.0 if labels[0] in classes[:1] else 1.0
    assert data.labels.tolist() == [[first], [1 - first]] * 2


def test_positive_picks_the_value_that_counts_as_one(tmp_path: Path) -> None:
    data = load(tmp_path, ["no", "yes", "no"], "binary_cross_entropy", positive="no")
    assert data.classes == ("yes", "no")
    assert data.labels.tolist() == [[1], [0], [1]]
    data = load(tmp_path, ["1", "2", "2"], "binary_cross_entropy", positive="1.0")
    assert data.labels.tolist() == [[1], [0], [0]]


def test_classes_are_numbered_in_their_order(tmp_path: Path) -> None:
    data = load(tmp_path, ["b", "10", "9", "a", "b"], "cross_entropy")
    assert data.classes == ("9", "10", "a", "b")
    assert data.labels.dtype == torch.int64
    assert data.labels.tolist() == [3, 1, 0, 2, 3]


def test_na_is_a_class_among_words(tmp_path: Path) -> None:
    assert load(tmp_path, ["DE", "NA", "FR"], "cross_entropy").classes == ("DE", "FR", "NA")


def test_numbers_with_underscores_are_words(tmp_path: Path) -> None:
    assert load(tmp_path, ["11", "1_1"], "cross_entropy").classes == ("11", "1_1")


def test_a_regression_label_is_standardised_on_the_training_rows(tmp_path: Path) -> None:
    numbers = [1.5, -2.0, 300.0, 1e6, 7.0, -40.0]
    data = load(tmp_path, [str(number) for number in numbers], "mse", test_fraction=0.4)
    assert data.classes == ()
    assert data.labels.dtype == torch.float32
    values, train = np.array(numbers)[:, None], data.train_ids.numpy()
    expected = StandardScaler().fit(values[train]).transform(values)
    assert torch.equal(data.labels, torch.from_numpy(expected.astype(np.float32)))


@pytest.mark.parametrize(
    "numbers", [[1e30, -3e30, 2e30], [1e9 + 0.001, 1e9 + 0.002, 1e9], [1e-150, 3e-150, 2e-150]]
)
def test_targets_of_any_size_and_offset_spread_alike(tmp_path: Path, numbers: list[float]) -> None:
    data = load(tmp_path, [repr(number) for number in numbers], "mse")
    values = torch.tensor(numbers, dtype=torch.float64)
    expected = (values - values.mean()) / values.std(correction=0)
    torch.testing.assert_close(data.labels[:, 0].double(), expected, rtol=1e-4, atol=1e-4)


def test_a_target_in_its_own_units_comes_back(tmp_path: Path) -> None:
    data = load(tmp_path, ["1000000001", "1000000002", "1000000004"], "mse")
    label = data.encoders["alice"].label
    assert label is not None
    restored = label.restored(data.labels)
    assert restored[:, 0].tolist() == pytest.approx([1e9 + 1, 1e9 + 2, 1e9 + 4], abs=1e-6, rel=0)


@pytest.mark.parametrize(
    ("labels", "loss", "message"),
    [
        (["a", "b", "c"], "binary_cross_entropy", "has 3 values .*; use top.loss: cross_entropy"),
        (["a", "a"], "binary_cross_entropy", "'y' is 'a' in every row; choose"),
        (["a", "a"], "cross_entropy", "'y' is 'a' in every row; choose"),
        (["a", "", "b", ""], "cross_entropy", r"csv:3: label 'y' is missing, as in 2 row\(s\)"),
        (["1", "", "2"], "mse", "csv:3: label 'y' is missing; mend or drop"),
        (["1", "0", "NA", ""], "cross_entropy", r"csv:4: label 'y' is missing, as in 2 row\(s\)"),
        (["1", "NA"], "binary_cross_entropy", r"csv:3: label 'y' is missing, as in 1 row\(s\)"),
        (["1", "inf", "2"], "mse", "csv:3: label 'y' is inf: beyond"),
        (["1", "1e60", "2"], "mse", r"csv:3: label 'y' is 1e\+60: beyond"),
        (["7", "7"], "mse", "'y' is 7 in every training row; choose a label that varies"),
        (["0", "1e-200"], "mse", "varies by 1e-200 alone, .*; give it in a smaller unit"),
        (
            ["no", "yes"],
            "mse",
            "csv:2: label 'y' is 'no', but mse takes numbers; set top.loss to binary_cross_entropy",
        ),
        (["a", "b", "c"], "mse", "is 'a', but mse takes numbers; set top.loss to cross_entropy"),
    ],
)
def test_labels_that_the_loss_cannot_take_are_refused(
    tmp_path: Path, labels: list[str], loss: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        load(tmp_path, labels, loss)


def test_a_positive_value_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no value 'yess' .*; did you mean 'yes'\?"):
        load(tmp_path, ["no", "yes"], "binary_cross_entropy", positive="yess")


ALIKE = {
    "case": (["yes", "no", "Yes", "no"], "'Yes', and in other rows 'yes'", "no"),
    "dot": (["<=50K", ">50K", "<=50K.", ">50K."], "'<=50K.', and in other rows '<=50K'", ">50K"),
    "blanks": (["not ok", "ok", "not  ok"], "'not  ok', and in other rows 'not ok'", "ok"),
    "no-break space": (["not ok", "ok", "not\xa0ok"], "in other rows 'not ok'", "ok"),
}


@pytest.mark.parametrize("loss", ["binary_cross_entropy", "cross_entropy"])
@pytest.mark.parametrize("case", ALIKE)
def test_classes_that_differ_by_next_to_nothing_are_named_and_can_be_one_or_stay_apart(
    tmp_path: Path, case: str, loss: str
) -> None:
    labels, told, other = ALIKE[case]
    with pytest.raises(DataError, match=rf"csv:4: label 'y' is .*{re.escape(told)}") as caught:
        load(tmp_path, labels, loss)
    remedies = [word for word in shlex.split(str(caught.value)) if "dataset.classes=" in word]
    one, apart = (yaml.safe_load(remedy.partition("=")[2]) for remedy in remedies)
    assert set(load(tmp_path, labels, loss, classes=one).classes) == {labels[0], other}
    assert set(load(tmp_path, labels, "cross_entropy", classes=apart).classes) == set(labels)
    assert "cross_entropy" not in str(caught.value)


def test_values_are_put_under_the_classes_that_are_declared(tmp_path: Path) -> None:
    classes = {"liked": ["4", "5"], "other": ["1", "2", "3"]}
    settings: dict[str, Any] = {"classes": classes, "positive": "liked"}
    data = load(tmp_path, ["1", "2", "3", "4", "5.0", "liked"], "binary_cross_entropy", **settings)
    assert data.classes == ("other", "liked")
    assert data.labels.flatten().tolist() == [0, 0, 0, 1, 1, 1]
    again = load(tmp_path, ["1", "5"], "binary_cross_entropy", classes=classes, positive="4")
    assert again.classes == ("other", "liked")


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        (["a", "b", "c"], {"a": [], "b": []}, r"csv:4: label 'c' is none of .* \('a', 'b'\); list"),
        (["a", "", "b"], {"a": [], "b": []}, "csv:3: label 'y' is missing"),
        (["a", "b"], {"a": [], "b": [], "c": []}, "'c' in no row; take it off dataset.classes"),
    ],
)
def test_declared_classes_are_all_there_are(
    tmp_path: Path, labels: list[str], classes: dict[str, list[str]], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        load(tmp_path, labels, "cross_entropy", classes=classes)


def test_of_many_classes_the_remedy_spells_none_out(tmp_path: Path) -> None:
    labels = [*(f"c{index}" for index in range(30)), "C7"]
    with pytest.raises(
        DataError, match=r"csv:32: .*'C7', and in other rows 'c7'.*list all classes"
    ):
        load(tmp_path, labels, "cross_entropy")


def test_one_word_among_numbers_is_no_reason_for_another_loss(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"but .* takes 2; mend or drop the rows with '\?'"):
        load(tmp_path, ["0", "1", "?", "1"], "binary_cross_entropy")


def test_a_class_that_no_training_row_has_is_refused(tmp_path: Path) -> None:
    labels = [str(row) for row in range(20)]
    with pytest.raises(DataError, match=r"4 of 20 classes are in no training row .*; give more"):
        load(tmp_path, labels, "cross_entropy", test_fraction=0.2)


def test_a_label_that_a_trained_model_does_not_know_is_refused(tmp_path: Path) -> None:
    encoders = load(tmp_path, ["no", "yes"], "binary_cross_entropy").encoders
    write_rows(tmp_path, "a,b,y", ["1,2,yes", "1,2,maybe", "1,2,yes"])
    spec = csv_spec({"alice": ["a"], "bob": ["b"]}, test_fraction=0)
    with pytest.raises(DataError, match=r"csv:3: label 'maybe' was not seen .* knows 'no', 'yes'"):
        load_data(spec, tmp_path, encoders=encoders)
    write_rows(tmp_path, "a,b,y", ["1,2,yes", "1,2,No.", "1,2,yes"])
    with pytest.raises(
        DataError, match=r"csv:3: label 'No.' was not seen .*, but 'no', which diff"
    ):
        load_data(spec, tmp_path, encoders=encoders)
