"""What was understood of data is told, and what is odd about them, with a remedy to be typed."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from splitrun.session import Experiment, evaluate_run, prepare, train
from splitrun.session.run_directory import RunDirectory
from splitrun.spec import loads

ROWS = 200
Cell = Callable[[int], object]
EMBEDDING = {"type": "embedding_mlp", "out": 4}


def experiment(
    directory: Path, columns: Mapping[str, Cell], *overrides: str, bottom: object = None
) -> Experiment:
    """Alice has `a` and the label `y`, bob all these columns."""
    every: dict[str, Cell] = {"a": lambda row: row % 7, "y": lambda row: row % 2, **columns}
    lines = [",".join(every), *(",".join(str(of(r)) for of in every.values()) for r in range(ROWS))]
    (directory / "rows.csv").write_text("\n".join(lines) + "\n")
    mlp = {"type": "mlp", "out": 4}
    own = [name for name in columns if name != "y"]
    content: dict[str, Any] = {
        "name": "summary",
        "dataset": {"type": "csv", "path": str(directory / "rows.csv"), "label": "y"},
        "parties": {
            "alice": {"columns": ["a"], "bottom": mlp},
            "bob": {"columns": own, "bottom": bottom or mlp},
        },
        "top": {"party": "alice", "model": {"type": "mlp", "out": 1}},
    }
    content["top"]["loss"] = "binary_cross_entropy"
    return prepare(loads(json.dumps(content), "spec.yaml", overrides))


def plain(row: int) -> object:
    return row // 3 % 5


def test_columns_categories_missing_cells_and_inputs_are_counted(tmp_path: Path) -> None:
    columns: dict[str, Cell] = {
        "n": lambda row: "" if row % 20 == 3 else row // 3 % 5,
        "city": lambda row: ["Ulm", "Bonn", "Kiel"][row // 2 % 3],
    }
    subject = experiment(tmp_path, columns, "dataset.missing=mean")
    bob = subject.data.parties["bob"]
    assert (bob.numeric, bob.categorical, bob.filled) == (1, {"city": 3}, {"n": 10})
    assert bob.width == subject.parties.by_name["bob"].data.features[0].shape[1] == 4
    assert subject.data.rows == {"train": 160, "test": 40}
    assert subject.data.warnings == ()


def test_columns_of_dates_are_told_apart_from_numbers_and_are_no_ids(tmp_path: Path) -> None:
    columns: dict[str, Cell] = {
        "when": lambda row: date(2024, 1, 1) + timedelta(days=row),
        "b": plain,
    }
    subject = experiment(tmp_path, columns, "dataset.dates={when: {parts: [elapsed, year]}}")
    bob = subject.data.parties["bob"]
    assert (bob.numeric, bob.dates, bob.width) == (1, {"when": 2}, 3)
    assert subject.data.warnings == ()


def test_a_date_that_tells_the_label_is_left_out_as_a_whole(tmp_path: Path) -> None:
    columns: dict[str, Cell] = {"when": lambda row: date(2024, 1 + row % 2, 1), "b": plain}
    declared = "dataset.dates={when: {parts: [month, elapsed]}}"
    subject = experiment(tmp_path, columns, declared)
    assert all("""'parties.bob.columns=["b"]'""" in warning for warning in subject.data.warnings)
    assert any("'when.month' tells the label" in warning for warning in subject.data.warnings)


def test_the_positive_class_and_the_balance_of_all_parts_are_told(tmp_path: Path) -> None:
    words: dict[str, Cell] = {"y": lambda row: ["bad", "good"][row % 4 > 0], "b": plain}
    label = experiment(tmp_path, words, "dataset.positive=bad").data.label
    assert label.positive == "bad"
    counts = {part: dict(each) for part, each in label.classes.items()}
    assert sum(each["bad"] for each in counts.values()) == 50
    assert sum(each["good"] for each in counts.values()) == 150
    assert sum(counts["train"].values()) == 160


@pytest.mark.parametrize(
    ("label", "positive"),
    [
        (["true", "false"], "true"),
        (["TRUE", "FALSE"], "TRUE"),
        (["0.0", "1.0"], "1"),
        (["-1", "1"], "1"),
        (["1", "2"], "2"),
        (["t", "f"], "t"),
    ],
)
def test_which_of_two_values_counts_as_one_is_said(
    tmp_path: Path, label: list[str], positive: str
) -> None:
    subject = experiment(tmp_path, {"y": lambda row: label[row % 2], "b": plain})
    assert subject.data.label.positive == positive


def test_a_targets_range_and_scale_are_told_in_its_own_unit(tmp_path: Path) -> None:
    columns: dict[str, Cell] = {"y": lambda row: 1000 + row % 11, "b": plain}
    target = experiment(tmp_path, columns, "top.loss=mse").data.label.target
    assert target is not None
    assert target.smallest == pytest.approx(1000)
    assert target.largest == pytest.approx(1010)
    assert target.standardised
    assert target.distinct == 11


DOUBTS: dict[str, tuple[dict[str, Cell], str, object]] = {
    "an id of words": (
        {"id": lambda row: f"C-{row:05}"},
        "'id' has another value in every training row, as an id has, which costs 160 of bob's "
        "164 inputs; drop it",
        None,
    ),
    "an id of words that is embedded": (
        {"id": lambda row: f"C-{row:05}"},
        "which costs 160 of bob's 165 rows of embeddings; drop it",
        EMBEDDING,
    ),
    "an id of numbers": (
        {"id": lambda row: 1000 + 7 * row},
        "'id' is another whole number in every row, as an id is; drop it",
        None,
    ),
    "an id of shuffled numbers": (
        {"id": lambda row: 37 * row % 200},
        "'id' is another whole number in every row, as an id is; drop it",
        None,
    ),
    "values that hardly come again": (
        {"id": lambda row: f"w{row}" if row % 3 else "often"},
        "values, of which",
        None,
    ),
    "a column that never changes": (
        {"id": lambda _: 5},
        "'id': the same value in every training row, which tells nothing; drop it",
        None,
    ),
    "a word that never changes": ({"id": lambda _: "x"}, "'id': the same value in every", None),
    "the label as a number": (
        {"id": lambda row: 3 - 2 * (row % 2)},
        "'id' tells the label in every training row; unless it is known in time, drop it",
        None,
    ),
    "the label in words": (
        {"id": lambda row: ["paid", "late"][row % 2]},
        "'id' tells the label in every training row",
        None,
    ),
    "the label in words that are embedded": (
        {"id": lambda row: ["paid", "late"][row % 2]},
        "'id' tells the label in every training row",
        EMBEDDING,
    ),
}


@pytest.mark.parametrize("case", DOUBTS)
def test_an_odd_column_is_named_with_a_remedy_that_works_as_typed(
    tmp_path: Path, case: str
) -> None:
    columns, told, bottom = DOUBTS[case]
    columns = columns | {"word": lambda row: "uvw"[row // 4 % 3], "b": plain}
    subject = experiment(tmp_path, columns, bottom=bottom)
    (warning,) = subject.data.warnings
    assert told in warning
    assert warning in subject.warnings
    assert warning.startswith("spec.yaml:1:")
    [remedy] = shlex.split(warning.partition("drop it: ")[2])
    mended = experiment(tmp_path, columns, remedy, bottom=bottom)
    assert mended.data.warnings == ()
    assert "id" not in mended.data.parties["bob"].categorical


def test_what_is_dropped_already_stays_dropped_by_a_remedy(tmp_path: Path) -> None:
    columns: dict[str, Cell] = {"id": lambda row: f"C-{row:05}", "k": lambda _: 1, "b": plain}
    subject = experiment(tmp_path, columns, "parties.bob.columns={drop: [k]}")
    (warning,) = subject.data.warnings
    assert """'parties.bob.columns={"drop": ["k", "id"]}'""" in warning


def test_ordinary_columns_are_no_oddity(tmp_path: Path) -> None:
    columns: dict[str, Cell] = {
        "amount": lambda row: row * 7919 % 1009 / 8,
        "count": lambda row: row * 7919 % 97,
        "day": lambda row: row // 2,
        "zip": lambda row: f"z{row % 60}",
        "flag": lambda row: "jn"[row % 7 > 3],
    }
    assert experiment(tmp_path, columns).warnings == ()


@pytest.mark.parametrize(
    ("label", "overrides", "told"),
    [
        (lambda row: int(188 < row < 195), [], "'1': 5 training rows, too few to learn from"),
        (lambda row: int(row % 10 == 5), ["dataset.test_fraction=0.01"], "no test row has '1', so"),
        (lambda row: row // 20 % 2, ["dataset.test_fraction=0.01"], "set dataset.split=stratified"),
        (lambda row: row % 2, ["top.loss=mse"], "'y' has two values alone, and mse takes numbers"),
    ],
    ids=["rare", "not in the test rows", "by bad luck", "two numbers"],
)
def test_a_label_that_is_odd_is_told_before_training(
    tmp_path: Path, label: Cell, overrides: list[str], told: str
) -> None:
    columns = {"y": label, "b": plain}
    (warning,) = experiment(tmp_path, columns, *overrides).warnings
    assert told in warning
    if remedy := re.search(r"set ([\w.]+=\w+)", warning):
        assert experiment(tmp_path, columns, *overrides, remedy[1]).warnings == ()


def test_the_manifest_keeps_what_was_understood(tmp_path: Path) -> None:
    subject = experiment(tmp_path, {"id": lambda row: f"C-{row:05}", "b": plain})
    result = train(subject, tmp_path / "runs")
    manifest = RunDirectory.open(Path(result.run_dir)).manifest()
    assert manifest.data == subject.data
    assert manifest.data is not None
    assert len(manifest.data.warnings) == 1
    assert evaluate_run(Path(result.run_dir)).metrics == result.metrics["test"]
