from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.model_selection import train_test_split

from splitrun.errors import DataError
from tests.data.loading import load_data
from tests.data.specs import BANK_COLUMNS, csv_spec, make_spec, write_rows

COLUMNS = {"alice": ["a"], "bob": ["b"]}
ROWS = [f"{row},{row},{row % 2}" for row in range(101)]


@pytest.mark.parametrize("split_seed", [0, 7])
def test_the_split_is_scikit_learns(tmp_path: Path, split_seed: int) -> None:
    write_rows(tmp_path, "a,b,y", ROWS)
    data = load_data(csv_spec(COLUMNS, split_seed=split_seed, test_fraction=0.25), tmp_path)
    train, test = train_test_split(np.arange(101), test_size=0.25, random_state=split_seed)
    assert data.train_ids.dtype == data.test_ids.dtype == torch.int64
    assert data.train_ids.tolist() == sorted(train)
    assert data.test_ids.tolist() == sorted(test)


def test_without_a_test_fraction_every_row_trains(tmp_path: Path) -> None:
    write_rows(tmp_path, "a,b,y", ROWS)
    data = load_data(csv_spec(COLUMNS, test_fraction=0), tmp_path)
    assert data.train_ids.tolist() == list(range(101))
    assert data.test_ids.shape == (0,)


def test_a_split_that_leaves_nothing_to_train_on_is_refused(tmp_path: Path) -> None:
    write_rows(tmp_path, "a,b,y", ROWS[:2])
    with pytest.raises(DataError, match=r"of 2 rows, none .*; lower dataset.test_fraction"):
        load_data(csv_spec(COLUMNS, test_fraction=0.9), tmp_path)


def test_features_and_labels_cover_all_rows_in_the_files_order(tmp_path: Path) -> None:
    write_rows(tmp_path, "a,b,y", ROWS)
    data = load_data(csv_spec(COLUMNS, scaling="none"), tmp_path)
    for name in COLUMNS:
        assert data.features[name][0].flatten().tolist() == list(range(101))
    assert data.labels.flatten().tolist() == [row % 2 for row in range(101)]


def test_a_label_holder_without_a_bottom_has_no_features(tmp_path: Path) -> None:
    write_rows(tmp_path, "a,b,y", ROWS)
    settings = csv_spec(COLUMNS).model_dump(by_alias=True)
    settings["parties"]["carol"] = {}
    settings["top"]["party"] = "carol"
    spec = type(csv_spec(COLUMNS)).model_validate(settings)
    data = load_data(spec, tmp_path)
    assert set(data.features) == set(data.inputs) == {"alice", "bob"}


@pytest.mark.parametrize(
    ("size", "rows", "positive"), [("small", 4521, 521), ("full", 45211, 5289)]
)
def test_bank_marketing_has_its_published_rows(
    bank_dir: Path, size: str, rows: int, positive: int
) -> None:
    spec = make_spec({"type": "bank_marketing", "size": size}, BANK_COLUMNS)
    data = load_data(spec, bank_dir, bank_dir)
    assert len(data.train_ids) + len(data.test_ids) == len(data.labels) == rows
    assert data.labels.sum() == positive
    assert data.classes == ("no", "yes")
