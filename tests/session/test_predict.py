"""What a run's model says of rows in other files is what it says of them in the training."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from splitrun.errors import DataError, UsageError
from splitrun.session import evaluate_run, predict, train
from tests.runtime.running import prepared

ROWS = range(240)
HEADER = ("a", "b", "c", "y")
LABELS = {
    "binary_cross_entropy": ("no", "yes"),
    "cross_entropy": ("low", "mid", "high"),
    "mse": tuple(str(300_000 + 40_000 * number) for number in range(9)),
}
BOTTOMS: dict[str, dict[str, Any]] = {
    "mlp": {"type": "mlp", "hidden": [8], "out": 4},
    "batch norm": {"type": "mlp", "hidden": [8], "out": 4, "normalization": "batch"},
    "embedding": {"type": "embedding_mlp", "embedding_dim": 3, "out": 4},
}


def rows_of(loss: str) -> list[tuple[str, ...]]:
    """A number and a word at each of two parties, and a label."""
    labels = LABELS[loss]
    return [
        (str(i % 7), "uvw"[i % 3], f"{i % 11}.5", labels[(i % 7 + i % 3) % len(labels)])
        for i in ROWS
    ]


def write(path: Path, rows: Sequence[Sequence[str]], header: Sequence[str] = HEADER) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def trained(directory: Path, loss: str = "binary_cross_entropy", bottom: str = "mlp") -> Path:
    """The directory of a run on these rows, with one file for all parties."""
    path = write(directory / "rows.csv", rows_of(loss))
    section = BOTTOMS[bottom]
    outputs = len(LABELS[loss]) if loss == "cross_entropy" else 1
    content = {
        "name": "trial",
        "dataset": {"type": "csv", "path": str(path), "label": "y", "batch_size": 16},
        "parties": {
            "alice": {"columns": ["a", "c"], "bottom": BOTTOMS["mlp"]},
            "bob": {"columns": ["b"], "bottom": section},
        },
        "top": {"party": "alice", "model": {"type": "mlp", "out": outputs}, "loss": loss},
        "training": {"epochs": 2, "optimizer": {"type": "adam", "lr": 0.01}},
    }
    return Path(train(prepared(content), directory / "runs").run_dir)


@pytest.mark.parametrize("loss", LABELS)
@pytest.mark.parametrize("bottom", BOTTOMS)
def test_held_out_rows_in_a_file_of_their_own_get_the_same_bits(
    loss: str, bottom: str, tmp_path: Path
) -> None:
    run = trained(tmp_path, loss, bottom)
    held_out = evaluate_run(run).predictions
    rows = [rows_of(loss)[int(row)][:3] for row in held_out.keys]
    made = predict(run, write(tmp_path / "new.csv", rows, HEADER[:3])).predictions
    assert torch.equal(made.values, held_out.values)
    assert made.keys == list(range(len(rows)))
    assert [row[1:] for row in made.rows()] == [row[2:] for row in held_out.rows()]


@pytest.mark.parametrize("batch_rows", [1, 7, 10_000])
def test_batches_of_another_size_change_nothing_but_the_last_bits(
    batch_rows: int, tmp_path: Path
) -> None:
    run = trained(tmp_path)
    known = predict(run, tmp_path / "rows.csv").predictions.values
    other = predict(run, tmp_path / "rows.csv", batch_rows=batch_rows).predictions.values
    torch.testing.assert_close(other, known, rtol=0, atol=1e-6)


def test_a_single_row_is_predicted_also_after_batch_norm(tmp_path: Path) -> None:
    run = trained(tmp_path, bottom="batch norm")
    all_rows = predict(run, tmp_path / "rows.csv").predictions.values
    one = predict(run, write(tmp_path / "new.csv", rows_of("binary_cross_entropy")[5:6]))
    torch.testing.assert_close(one.predictions.values, all_rows[5:6], rtol=0, atol=1e-6)


def test_order_and_more_columns_do_not_matter_and_labels_are_not_looked_at(tmp_path: Path) -> None:
    run = trained(tmp_path)
    known = predict(run, tmp_path / "rows.csv").predictions
    rows = [("", c, a, "Zoë", b) for a, b, c, _ in rows_of("binary_cross_entropy")]
    new = write(tmp_path / "new.csv", rows, ("y", "c", "a", "name", "b"))
    assert list(predict(run, new).predictions.rows()) == list(known.rows())


def test_words_that_no_training_row_had_are_told_and_all_alike_to_the_model(tmp_path: Path) -> None:
    run = trained(tmp_path)
    rows = [("1", word, "2.5") for word in ("u", "z", "", "z", "q")]
    made = predict(run, write(tmp_path / "new.csv", rows, HEADER[:3]))
    ((party, (unseen,)),) = made.unseen.items()
    assert (party, unseen.column, unseen.values, unseen.rows) == ("bob", "b", ("", "q", "z"), 4)
    known, *others = made.predictions.values.tolist()
    assert others[0] == others[1] == others[2] == others[3] != known


def test_of_two_classes_one_probability_is_told_and_of_several_each(tmp_path: Path) -> None:
    two = predict(trained(tmp_path), tmp_path / "rows.csv").predictions
    assert two.header == ("row", "prediction", "probability_yes")
    assert all((row[1] == "yes") == (row[2] >= 0.5) for row in two.rows())  # type: ignore[operator]
    several = predict(trained(tmp_path, "cross_entropy"), tmp_path / "rows.csv").predictions
    assert several.header == (
        *("row", "prediction"),
        *("probability_high", "probability_low", "probability_mid"),
    )
    for _, said, *probabilities in several.rows():
        numbers = [float(each or 0) for each in probabilities]
        assert sum(numbers) == pytest.approx(1)
        assert said == ("high", "low", "mid")[numbers.index(max(numbers))]


def test_numbers_are_predicted_in_the_targets_own_unit(tmp_path: Path) -> None:
    made = predict(trained(tmp_path, "mse"), tmp_path / "rows.csv").predictions
    assert made.header == ("row", "prediction")
    assert all(2e5 < float(row[1] or 0) < 8e5 for row in made.rows())


def test_another_labelled_file_is_evaluated_on_all_of_its_rows(tmp_path: Path) -> None:
    run = trained(tmp_path)
    held_out = evaluate_run(run)
    rows = [rows_of("binary_cross_entropy")[int(row)] for row in held_out.predictions.keys]
    other = evaluate_run(run, write(tmp_path / "other.csv", rows))
    assert other.metrics == held_out.metrics
    assert other.predictions.header == ("row", "y", "prediction", "probability_yes")
    assert [row[1] for row in other.predictions.rows()] == [row[3] for row in rows]
    assert not other.differing


@pytest.mark.parametrize(
    ("header", "rows", "told"),
    [
        (("a", "B", "c"), [("1", "u", "2")], "new.csv: no column 'b'; rename its column 'B'"),
        (("a", "b", "c"), [], "new.csv: no rows; give at least one"),
        (
            ("a", "b", "c"),
            [("1", "u", "2"), ("1", "u", "")],
            "new.csv:3: no number in column 'c', as in 1 of 2 rows; "
            "fill the cells, or train with dataset.missing=mean",
        ),
        (
            ("a", "b", "c"),
            [("one", "u", "2")],
            "new.csv:2: 'one' in column 'a', which held numbers in training; "
            "use data of the same kind",
        ),
    ],
)
def test_files_that_the_model_cannot_take_are_refused(
    header: Sequence[str], rows: Sequence[Sequence[str]], told: str, tmp_path: Path
) -> None:
    run = trained(tmp_path)
    with pytest.raises(DataError) as refused:
        predict(run, write(tmp_path / "new.csv", rows, header))
    assert str(refused.value).startswith(str(tmp_path / told))


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (("yes", ""), "other.csv:3: label 'y' is missing, as in 1 row(s) in all"),
        (("yes", "maybe"), "other.csv:3: label 'maybe' was not seen in training"),
    ],
)
def test_labels_that_cannot_be_evaluated_are_named_with_their_line(
    labels: Sequence[str], told: str, tmp_path: Path
) -> None:
    run = trained(tmp_path)
    rows = [("1", "u", "2.5", label) for label in labels]
    with pytest.raises(DataError) as refused:
        evaluate_run(run, write(tmp_path / "other.csv", rows))
    assert str(refused.value).startswith(str(tmp_path / told))


def test_new_rows_are_read_by_the_keys_of_the_training(tmp_path: Path) -> None:
    """Dates, decimal commas, marks for what is missing, and a delimiter."""
    rows = [(f"{i % 7},5" if i % 9 else "?", f"{1 + i % 28}.03.2026", "ny"[i % 2]) for i in ROWS]
    path = tmp_path / "rows.csv"
    path.write_text("a;d;y\n" + "".join(";".join(row) + "\n" for row in rows))
    content = {
        "name": "dates",
        "dataset": {
            "type": "csv",
            "path": str(path),
            "label": "y",
            "delimiter": ";",
            "decimal": ",",
            "missing_values": ["?"],
            "missing": "mean",
            "dates": {"d": {"format": "%d.%m.%Y", "parts": ["elapsed", "weekday"]}},
        },
        "parties": {
            "alice": {"columns": ["a"], "bottom": BOTTOMS["mlp"]},
            "bob": {"columns": ["d"], "bottom": BOTTOMS["mlp"]},
        },
        "top": {
            "party": "alice",
            "model": {"type": "mlp", "out": 1},
            "loss": "binary_cross_entropy",
        },
    }
    run = Path(train(prepared(content), tmp_path / "runs").run_dir)
    held_out = evaluate_run(run).predictions
    new = tmp_path / "new.csv"
    held = [";".join(rows[int(row)][:2]) + "\n" for row in held_out.keys]
    new.write_text("a;d\n" + "".join(held))
    assert torch.equal(predict(run, new).predictions.values, held_out.values)
    new.write_text("a\n" + "1,5\n")
    with pytest.raises(DataError, match=r"no column 'd'; add it"):
        predict(run, new)
    new.write_text("a,d\n" + "1.5,01.03.2026\n")
    told = "write the file as that of the training, or train with 'dataset.delimiter=\",\"'"
    with pytest.raises(DataError, match=f"new.csv:1: one column only when split at ';'; {told}"):
        predict(run, new)


def test_a_file_for_each_party_is_refused_where_all_shared_one(tmp_path: Path) -> None:
    run = trained(tmp_path)
    with pytest.raises(UsageError, match="one file for all parties; give one, as --input FILE"):
        predict(run, {"bob": tmp_path / "rows.csv"})


def test_rows_of_a_generator_or_a_published_dataset_may_come_from_a_file(tmp_path: Path) -> None:
    bottom = {"bottom": BOTTOMS["embedding"]}
    content = {
        "name": "trial",
        "dataset": {
            "type": "synthetic",
            "rows": 100,
            "numeric": 2,
            "categorical": 1,
            "cardinality": 5,
        },
        "parties": {"alice": bottom, "bob": bottom},
        "top": {
            "party": "alice",
            "model": {"type": "mlp", "out": 1},
            "loss": "binary_cross_entropy",
        },
    }
    run = Path(train(prepared(content), tmp_path / "runs").run_dir)
    header = [
        f"{name}_{column}" for name in ("alice", "bob") for column in ("num0", "num1", "cat0")
    ]
    new = write(tmp_path / "new.csv", [("1", "2", "x", "3", "4", "y")], header)
    assert list(predict(run, new).unseen) == ["alice", "bob"]


def test_rows_that_are_encoded_on_the_disk_get_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trained(tmp_path, bottom="embedding")
    known = predict(run, tmp_path / "rows.csv").predictions.values
    monkeypatch.setattr("splitrun.data.on_disk.IN_MEMORY_BYTES", 0)
    assert torch.equal(predict(run, tmp_path / "rows.csv").predictions.values, known)
