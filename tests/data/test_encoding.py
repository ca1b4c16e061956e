from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn import preprocessing

from splitrun.data import InputShape
from splitrun.data.encoding import (
    CategoryEncoder,
    FeatureEncoder,
    LabelEncoder,
    NumericEncoder,
    PartyEncoder,
    TargetScale,
)
from splitrun.errors import DataError, RunDirectoryError
from tests.data.loading import Loaded, load_data
from tests.data.specs import BANK_COLUMNS, csv_spec, make_spec, write_rows

EMBEDDING = {"type": "embedding_mlp"}
BANK_NUMBERS = ["balance", "day", "duration", "campaign", "pdays", "previous"]
BANK_WORDS = ["default", "housing", "loan", "contact", "month", "poutcome"]
names = st.text(max_size=5)
finite = st.floats(allow_nan=False, allow_infinity=False)
positive = st.floats(min_value=0, exclude_min=True, allow_infinity=False)


def bank(
    directory: Path, bottom: dict[str, Any] | None = None, scaling: str = "standard"
) -> Loaded:
    spec = make_spec({"type": "bank_marketing"}, BANK_COLUMNS, bottom=bottom, scaling=scaling)
    return load_data(spec, directory, directory)


@pytest.mark.parametrize(
    ("scaling", "scaler"),
    [
        ("standard", preprocessing.StandardScaler()),
        ("minmax", preprocessing.MinMaxScaler()),
        ("robust", preprocessing.RobustScaler()),
        ("none", preprocessing.FunctionTransformer()),
    ],
)
def test_one_hot_inputs_are_scikit_learns_fitted_on_training_rows(
    bank_dir: Path, scaling: str, scaler: Any
) -> None:
    data = bank(bank_dir, scaling=scaling)
    frame = pd.read_csv(bank_dir / "bank.csv", sep=";")
    train = frame.iloc[data.train_ids.numpy()]
    encoder = preprocessing.OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    numbers = scaler.fit(train[BANK_NUMBERS].to_numpy(float)).transform(
        frame[BANK_NUMBERS].to_numpy(float)
    )
    words = encoder.fit(train[BANK_WORDS]).transform(frame[BANK_WORDS])
    expected = torch.from_numpy(np.hstack([numbers, words]).astype(np.float32))
    (matrix,) = data.features["bob"]
    assert data.inputs["bob"] == InputShape(6, (), expected.shape[1])
    if scaling == "minmax":  # scikit-learn multiplies there
        torch.testing.assert_close(matrix, expected)
    else:
        assert torch.equal(matrix, expected)


def test_codes_are_scikit_learns_plus_one(bank_dir: Path) -> None:
    data = bank(bank_dir, bottom=EMBEDDING)
    frame = pd.read_csv(bank_dir / "bank.csv", sep=";")
    encoder = preprocessing.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    encoder.fit(frame[BANK_WORDS].iloc[data.train_ids.numpy()])
    numbers, codes = data.features["bob"]
    assert numbers.dtype == torch.float32
    assert codes.dtype == torch.int64
    assert np.array_equal(codes.numpy(), encoder.transform(frame[BANK_WORDS]) + 1)
    assert data.inputs["bob"] == InputShape(6, (3, 3, 3, 4, 13, 5), 6)


def test_nothing_is_learnt_from_held_out_rows(tmp_path: Path) -> None:
    spec = csv_spec({"alice": ["a"], "bob": ["b"]}, test_fraction=0.3)
    rows = [f"{row},w{row % 4},{row % 2}" for row in range(40)]
    write_rows(tmp_path, "a,b,y", rows)
    before = load_data(spec, tmp_path)
    for row in before.test_ids.tolist():
        rows[row] = f"{row * 1000},unseen,{row % 2}"
    write_rows(tmp_path, "a,b,y", rows)
    after = load_data(spec, tmp_path)
    assert after.encoders == before.encoders
    train, test = before.train_ids, before.test_ids
    assert torch.equal(after.features["alice"][0][train], before.features["alice"][0][train])
    assert not after.features["bob"][0][test].any()


def test_an_unseen_category_has_code_0(tmp_path: Path) -> None:
    spec = csv_spec({"alice": ["a"], "bob": ["b"]}, test_fraction=0, bottom=EMBEDDING)
    write_rows(tmp_path, "a,b,y", ["u,1,0", "v,2,1"])
    encoders = load_data(spec, tmp_path).encoders
    write_rows(tmp_path, "a,b,y", ["w,1,0", "v,2,1"])
    data = load_data(spec, tmp_path, encoders=encoders)
    assert data.features["alice"][1].tolist() == [[0], [2]]


def test_a_constant_column_becomes_zeros(tmp_path: Path) -> None:
    write_rows(tmp_path, "a,b,y", [f"5,1e6,{row % 2}" for row in range(10)])
    for scaling in ("standard", "minmax", "robust"):
        spec = csv_spec({"alice": ["a"], "bob": ["b"]}, scaling=scaling)
        assert not load_data(spec, tmp_path).features["bob"][0].any()


def test_a_custom_class_says_what_it_takes(tmp_path: Path) -> None:
    write_rows(tmp_path, "a,b,y", ["u,1,0", "v,2,1"])
    for inputs, tensors in (("one_hot", 1), ("codes", 2)):
        party = {"class": "module:Class", "inputs": inputs}
        spec = csv_spec({"alice": ["a"], "bob": ["b"]}, test_fraction=0)
        settings = spec.model_dump(by_alias=True)
        for name in settings["parties"]:
            settings["parties"][name]["bottom"] = party
        data = load_data(type(spec).model_validate(settings), tmp_path)
        assert len(data.features["alice"]) == tensors


def test_one_hot_columns_beyond_measure_are_refused_before_memory_is_taken(tmp_path: Path) -> None:
    write_rows(tmp_path, "a,b,y", [f"w{row},{row},{row % 2}" for row in range(12_000)])
    columns = {"alice": ["a"], "bob": ["b"]}
    message = r"x 12,000 columns \('a' alone has 12,000 values\) .*; use embedding_mlp"
    with pytest.raises(DataError, match=message):
        load_data(csv_spec(columns, test_fraction=0), tmp_path)
    data = load_data(csv_spec(columns, test_fraction=0, bottom=EMBEDDING), tmp_path)
    assert data.inputs["alice"].cardinalities == (12_001,)


def test_saved_encoders_transform_bit_for_bit_as_the_fitted_ones(bank_dir: Path) -> None:
    data = bank(bank_dir, scaling="robust")
    restored = {
        party: PartyEncoder.from_json(json.loads(json.dumps(encoder.to_json())))
        for party, encoder in data.encoders.items()
    }
    spec = make_spec({"type": "bank_marketing", "split_seed": 9}, BANK_COLUMNS)
    again = load_data(spec, bank_dir, bank_dir, encoders=restored)
    assert not torch.equal(again.train_ids, data.train_ids)
    assert again.classes == data.classes == ("no", "yes")
    assert torch.equal(again.labels, data.labels)
    for name, tensors in data.features.items():
        assert all(map(torch.equal, tensors, again.features[name]))


@given(
    st.builds(
        PartyEncoder,
        features=st.none()
        | st.builds(
            FeatureEncoder,
            inputs=st.sampled_from(["one_hot", "codes"]),
            numeric=st.lists(
                st.builds(
                    NumericEncoder,
                    name=names,
                    shift=finite,
                    scale=positive,
                    fill=st.none() | finite,
                ),
                max_size=3,
            ).map(tuple),
            categorical=st.lists(
                st.builds(CategoryEncoder, name=names, values=st.lists(names).map(tuple)),
                max_size=3,
            ).map(tuple),
        ),
        label=st.none()
        | st.builds(
            LabelEncoder,
            column=names,
            classes=st.lists(names, max_size=3).map(tuple),
            scale=st.none() | st.builds(TargetScale, mean=finite, deviation=positive),
        ),
    )
)
def test_encoders_survive_json_exactly(encoder: PartyEncoder) -> None:
    text = json.dumps(encoder.to_json())
    assert PartyEncoder.from_json(json.loads(text)) == encoder


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (("version",), 1, "version"),
        (("features",), [], "features"),
        (("features", "numeric", 0, "scale"), 0.0, "features.numeric.0.scale"),
        (("features", "numeric", 0, "shift"), "1", "features.numeric.0.shift"),
        (("features", "numeric", 0, "shift"), float("nan"), "features.numeric.0.shift"),
        (("features", "extra"), 1, "features.extra"),
        (("label", "classes"), ["no", None], "label.classes.1"),
    ],
)
def test_damaged_encoders_are_refused_with_the_place(
    bank_dir: Path, path: tuple[str | int, ...], value: object, where: str
) -> None:
    content = json.loads(json.dumps(bank(bank_dir).encoders["alice"].to_json()))
    inner = content
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    with pytest.raises(RunDirectoryError, match=f"model.json: damaged at {where}: .*; restore"):
        PartyEncoder.from_json(content, "model.json")


def test_encoders_of_other_columns_are_refused(bank_dir: Path) -> None:
    encoders = bank(bank_dir).encoders
    fewer = BANK_COLUMNS | {"alice": ["age", "job"]}
    with pytest.raises(DataError, match="other columns of alice than the spec has; use the spec"):
        load_data(make_spec({"type": "bank_marketing"}, fewer), bank_dir, bank_dir, None, encoders)


def test_words_where_a_trained_model_had_numbers_are_refused(tmp_path: Path) -> None:
    spec = csv_spec({"alice": ["a"], "bob": ["b"]}, test_fraction=0)
    write_rows(tmp_path, "a,b,y", ["1,1,0", "2,2,1"])
    encoders = load_data(spec, tmp_path).encoders
    write_rows(tmp_path, "a,b,y", ["u,1,0", "v,2,1"])
    with pytest.raises(DataError, match="csv:2: 'u' in column 'a', which held numbers in training"):
        load_data(spec, tmp_path, encoders=encoders)


@pytest.mark.parametrize("bottom", [None, EMBEDDING], ids=["one-hot", "codes"])
def test_it_is_known_which_inputs_are_made_of_a_column(
    bank_dir: Path, bottom: dict[str, Any] | None
) -> None:
    data = bank(bank_dir, bottom=bottom)
    inputs, features = data.features["bob"], data.encoders["bob"].features
    assert features
    assert set(features.places) == features.columns
    untold = [torch.ones(tensor.shape[1]) for tensor in inputs]
    for index, columns in features.places.values():
        untold[index][columns] -= 1
    assert not any(each.any() for each in untold)  # every input is made of one column
    index, columns = features.places["month"]
    of_month = inputs[index][:, columns]
    frame = pd.read_csv(bank_dir / "bank.csv", sep=";")
    (words,) = (it.values for it in features.categorical if it.name == "month")
    codes = of_month[:, 0] - 1 if bottom else of_month.argmax(dim=1)
    assert [words[code] for code in codes.tolist()] == frame["month"].tolist()
