"""New rows in a file for each party are joined as those of the training were."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch
from pyarrow import parquet

from splitrun.errors import DataError, UsageError
from splitrun.session import Predictions, evaluate_run, predict, train
from tests.runtime.running import prepared
from tests.session.test_predict import write

Rows = Sequence[tuple[str, ...]]
MLP = {"type": "mlp", "hidden": [8], "out": 4}

BANK = ("customer", "age", "y")
PARTNER = ("client", "age", "job")
"""Two parties may call their columns alike."""


def bank_rows(numbers: Sequence[int]) -> Rows:
    return [(f"C{i:03}", str(i % 7), ("no", "yes")[(i % 7 + i % 3) % 2]) for i in numbers]


def partner_rows(numbers: Sequence[int]) -> Rows:
    return [(f"C{i:03}", str(i % 11), "uvw"[i % 3]) for i in numbers]


def shuffled(rows: Rows, seed: int) -> Rows:
    return random.Random(seed).sample(rows, len(rows))


def trained(directory: Path, **bank: Any) -> Path:
    """The directory of a run of a bank with 200 customers, of whom a partner has 180."""
    write(directory / "bank.csv", shuffled(bank_rows(range(200)), 1), BANK)
    write(directory / "partner.csv", shuffled(partner_rows(range(20, 220)), 2), PARTNER)
    content = {
        "name": "joined",
        "dataset": {"type": "csv", "key": "customer", "label": "y", "batch_size": 16},
        "parties": {
            "bank": {"path": str(directory / "bank.csv"), "columns": ["age"], "bottom": MLP} | bank,
            "partner": {
                "path": str(directory / "partner.csv"),
                "key": "client",
                "columns": "*",
                "bottom": MLP,
            },
        },
        "top": {
            "party": "bank",
            "model": {"type": "mlp", "out": 1},
            "loss": "binary_cross_entropy",
        },
        "training": {"epochs": 2, "optimizer": {"type": "adam", "lr": 0.01}},
    }
    if bank.get("bottom", MLP) is None:
        del content["parties"]["bank"]["columns"], content["parties"]["bank"]["bottom"]  # type: ignore[index]
    return Path(train(prepared(content), directory / "runs").run_dir)


def new_files(directory: Path, bank: Rows, partner: Rows) -> Mapping[str, Path]:
    """Files without labels."""
    rows = [row[:2] for row in bank]
    return {
        "bank": write(directory / "new_bank.csv", rows, BANK[:2]),
        "partner": write(directory / "new_partner.csv", partner, PARTNER),
    }


def by_key(predictions: Predictions) -> dict[object, tuple[object, ...]]:
    return {key: tuple(cells) for key, *cells in predictions.rows()}


def test_held_out_rows_get_the_same_bits_whatever_order_their_files_have(tmp_path: Path) -> None:
    run = trained(tmp_path)
    held_out = evaluate_run(run).predictions
    assert held_out.header == ("customer", "y", "prediction", "probability_yes")
    numbers = sorted(int(str(key)[1:]) for key in held_out.keys)
    files = new_files(
        tmp_path, shuffled(bank_rows(numbers), 3), shuffled(partner_rows(range(220)), 4)
    )
    made = predict(run, files).predictions
    assert made.header == ("customer", "prediction", "probability_yes", "reason")
    known = by_key(held_out)
    assert by_key(made) == {key: (*cells[1:], None) for key, cells in known.items()}


def test_rows_are_told_in_the_order_of_the_label_holders_file(tmp_path: Path) -> None:
    run = trained(tmp_path)
    rows = shuffled(bank_rows(range(100)), 5)
    made = predict(run, new_files(tmp_path, rows, partner_rows(range(100)))).predictions
    assert list(made.keys) == [row[0] for row in rows]
    straight = new_files(tmp_path, bank_rows(range(100)), partner_rows(range(100)))
    assert by_key(made) == by_key(predict(run, straight).predictions)


def test_rows_without_a_partner_have_a_reason_in_place_of_a_prediction(tmp_path: Path) -> None:
    run = trained(tmp_path)
    files = new_files(tmp_path, bank_rows([5, 3, 9, 4]), partner_rows([9, 5]))
    made = predict(run, files).predictions
    rows = list(made.rows())
    assert [row[0] for row in rows] == ["C005", "C003", "C009", "C004"]
    assert rows[1][1:] == rows[3][1:] == (None, None, "no row at partner")
    assert rows[0][3] is rows[2][3] is None
    assert [row[1] is None for row in rows] == [False, True, False, True]
    assert len(made.values) == 2


def test_a_label_holder_without_columns_says_which_rows_are_asked_for(tmp_path: Path) -> None:
    run = trained(tmp_path, bottom=None)
    new = write(tmp_path / "asked.csv", [("C007",), ("C199",)], ["customer"])
    made = predict(run, {"bank": new, "partner": tmp_path / "partner.csv"}).predictions
    assert list(made.keys) == ["C007", "C199"]
    assert made.reasons == {0: "no row at partner"}


def test_another_labelled_pair_of_files_is_evaluated(tmp_path: Path) -> None:
    run = trained(tmp_path)
    held_out = evaluate_run(run)
    numbers = [int(str(key)[1:]) for key in held_out.predictions.keys]
    bank = write(tmp_path / "other.csv", shuffled(bank_rows(numbers), 6), BANK)
    other = evaluate_run(run, {"bank": bank, "partner": tmp_path / "partner.csv"})
    assert other.metrics == held_out.metrics
    assert by_key(other.predictions) == {
        key: (*cells, None) for key, cells in by_key(held_out.predictions).items()
    }


@pytest.mark.parametrize(
    ("bank", "partner", "told"),
    [
        (bank_rows([1, 2, 1]), partner_rows([1, 2]), "new_bank.csv:4: the key 'C001'"),
        (bank_rows([1, 2]), partner_rows([1, 2, 2]), "new_partner.csv:4: the key 'C002'"),
        (bank_rows([1, 2]), [("", "1", "u")], "new_partner.csv:2: no key in column 'client'"),
    ],
)
def test_keys_that_tell_no_rows_apart_are_refused_with_their_line(
    bank: Rows, partner: Rows, told: str, tmp_path: Path
) -> None:
    run = trained(tmp_path)
    with pytest.raises(DataError) as refused:
        predict(run, new_files(tmp_path, bank, partner))
    assert str(refused.value).startswith(str(tmp_path / told))


def test_a_column_or_a_key_that_is_not_there_is_named_with_its_file(tmp_path: Path) -> None:
    run = trained(tmp_path)
    files = new_files(tmp_path, bank_rows([1]), partner_rows([1]))
    odd = write(tmp_path / "odd.csv", [("C001", "1", "u")], ("Client", "age", "job"))
    with pytest.raises(
        DataError, match=r"odd\.csv: no column 'client'; rename its column 'Client'"
    ):
        predict(run, {**files, "partner": odd})


def test_a_partners_new_rows_may_be_parquet(tmp_path: Path) -> None:
    run = trained(tmp_path)
    rows = partner_rows(range(0, 40, 3))
    files = new_files(tmp_path, bank_rows(range(40)), rows)
    keys, ages, jobs = zip(*rows, strict=True)
    columns = {"client": keys, "age": [int(age) for age in ages], "job": jobs}
    parquet.write_table(pa.table(columns), tmp_path / "new.parquet")
    made = predict(run, {**files, "partner": tmp_path / "new.parquet"}).predictions
    assert list(made.rows()) == list(predict(run, files).predictions.rows())


def test_every_party_must_be_given_a_file_and_the_remedy_names_that_of_the_training(
    tmp_path: Path,
) -> None:
    run = trained(tmp_path)
    files = new_files(tmp_path, bank_rows([1]), partner_rows([1]))
    told = f"no file of partner; .* --input partner={tmp_path / 'partner.csv'}$"
    with pytest.raises(UsageError, match=told):
        predict(run, {"bank": files["bank"]})
    with pytest.raises(UsageError, match="--input bank=FILE --input partner=FILE"):
        predict(run, files["bank"])
    with pytest.raises(UsageError, match="did you mean --input partner="):
        predict(run, {"bank": files["bank"], "partnr": files["partner"]})


def test_batches_of_other_sizes_agree(tmp_path: Path) -> None:
    run = trained(tmp_path)
    files = {"bank": tmp_path / "bank.csv", "partner": tmp_path / "partner.csv"}
    known = predict(run, files).predictions.values
    other = predict(run, files, batch_rows=7).predictions.values
    torch.testing.assert_close(other, known, rtol=0, atol=1e-6)
