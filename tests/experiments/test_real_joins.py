"""Real files of several organisations train to the weights of one joined file, whatever their
order, their format and the rows that only some of them have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from splitrun.spec import load
from tests.experiments.files import own_files
from tests.experiments.test_experiments import EXPERIMENTS
from tests.runtime.running import prepared, trained

PARTIES = ("guest", "host")
DEPTHS = {1: "sequential", 4: {"schedule": "stale", "depth": 4}}


def tables_of(name: str, keys: tuple[str, ...], separator: str) -> list[pd.DataFrame]:
    """The files of an experiment's parties, cells as text; the test is skipped without them."""
    file = EXPERIMENTS / f"{name}.yaml"
    paths = [it.partition("=")[2] for it in own_files(file) if it.startswith("parties.")]
    assert list(load(file).spec.parties) == list(keys)
    tables = [
        pd.read_csv(path, sep=separator, dtype=str, quoting=3, keep_default_na=False)
        for path in paths
    ]
    return [table.rename(columns=lambda name: name.partition(":")[0]) for table in tables]


def weights_of(content: dict[str, Any]) -> str:
    return trained(prepared(content), "serial").weights_sha256


def credit(depth: int, **files: Path) -> dict[str, Any]:
    """The guest has the label; `both` is one file for the two of them."""
    both = files.get("both")
    columns: dict[str, Any] = dict.fromkeys(PARTIES, "*")
    if both is not None:
        columns = {
            "guest": [f"x{it}" for it in range(13)],
            "host": [f"h{it}" for it in range(10)],
        }
    return {
        "name": "credit",
        "dataset": {"type": "csv", "key": "id", "label": "y", "batch_size": 512}
        | ({"path": str(both)} if both else {}),
        "parties": {
            name: {"columns": columns[name], "bottom": {"type": "mlp", "hidden": [8], "out": 4}}
            | ({} if both else {"path": str(files[name])})
            for name in PARTIES
        },
        "top": {"party": "guest", "loss": "binary_cross_entropy"}
        | {"model": {"type": "mlp", "hidden": [8], "out": 1}},
        "training": {"epochs": 1},
        "pipeline": DEPTHS[depth],
    }


@pytest.mark.parametrize("depth", DEPTHS)
def test_credit_files_shuffled_and_with_other_rows_missing_train_to_the_weights_of_the_common_rows(
    depth: int, tmp_path: Path
) -> None:
    whole = tables_of("credit", PARTIES, ",")
    drawn = np.random.default_rng(7)
    guest, host = (table[drawn.random(len(table)) > 0.1] for table in whole)
    host = host.sample(frac=1, random_state=7)
    common = sorted(set(guest["id"]) & set(host["id"]))
    assert 0.8 * len(whole[0]) < len(common) < 0.82 * len(whole[0])

    in_order = [table.set_index("id").loc[common].reset_index() for table in (guest, host)]
    renamed = in_order[1].rename(columns=lambda name: name.replace("x", "h"))
    for name, table in zip(PARTIES, in_order, strict=True):
        table.to_csv(tmp_path / f"{name}_common.csv", index=False)
    in_order[0].merge(renamed, on="id").sample(frac=1, random_state=8).to_csv(
        tmp_path / "both.csv", index=False
    )
    for name, table in zip(PARTIES, (guest, host), strict=True):
        table.to_csv(tmp_path / f"{name}.csv", index=False)
        numbers = table.astype(dict.fromkeys(table.columns.drop("id"), np.float64))
        numbers.astype({"id": np.int64}).to_parquet(tmp_path / f"{name}.parquet", index=False)

    expected = weights_of(
        credit(depth, **{name: tmp_path / f"{name}_common.csv" for name in PARTIES})
    )
    for ending in ("csv", "parquet"):
        files = {name: tmp_path / f"{name}.{ending}" for name in PARTIES}
        assert weights_of(credit(depth, **files)) == expected
    assert weights_of(credit(depth, both=tmp_path / "both.csv")) == expected


MOVIELENS = ("cinema", "registry", "studio")
EMBEDDING = {"type": "embedding_mlp", "embedding_dim": 4, "sparse": True, "hidden": [8], "out": 4}


def movielens(dataset: dict[str, Any], parties: dict[str, dict[str, Any]]) -> dict[str, Any]:
    columns = {
        "cinema": ["user_id", "item_id"],
        "registry": ["age", "gender", "occupation", "zip_code"],
        "studio": ["release_year", "class"],
    }
    return {
        "name": "movielens",
        "dataset": {"type": "csv", "label": "liked", "batch_size": 1024}
        | {"categorical": ["user_id", "item_id", "release_year", "zip_code"]}
        | dataset,
        "parties": {
            name: {"columns": columns[name], "bottom": EMBEDDING, "optimizer": "sparse_adam"}
            | parties.get(name, {})
            for name in MOVIELENS
        },
        "top": {"party": "cinema", "loss": "binary_cross_entropy"}
        | {"model": {"type": "mlp", "hidden": [8], "out": 1}},
        "training": {"epochs": 1, "optimizer": "adam"},
    }


def test_movielens_in_three_files_trains_to_the_weights_of_the_joined_table(tmp_path: Path) -> None:
    ratings, users, films = tables_of("movielens", MOVIELENS, "\t")
    ratings["liked"] = (ratings["rating"].astype(float) >= 4).astype(int)
    ratings = ratings.drop(columns="rating")
    shuffled = (ratings, *(table.sample(frac=1, random_state=1) for table in (users, films)))
    for name, table in zip(MOVIELENS, shuffled, strict=True):
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    joined = ratings.merge(users, how="left", on="user_id").merge(films, how="left", on="item_id")
    joined.to_csv(tmp_path / "joined.csv", index=False)

    apart = {name: {"path": str(tmp_path / f"{name}.csv")} for name in MOVIELENS}
    apart["registry"] |= {"key": "user_id", "on": "user_id"}
    apart["studio"] |= {"key": "item_id", "on": "item_id"}
    experiment = prepared(movielens({}, apart))
    studio = experiment.parties.by_name["studio"].data
    assert len(studio.features[0]) == len(films)
    together = movielens({"path": str(tmp_path / "joined.csv")}, {})
    assert trained(experiment, "serial").weights_sha256 == weights_of(together)
