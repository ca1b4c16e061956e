"""Several labels: what is read of them, what a run tells, and what does not go with them."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch
import yaml

from splitrun.cli.app import run
from splitrun.cli.data_lines import data_lines
from splitrun.errors import DataError, SpecError
from splitrun.report.class_tables import class_tables
from splitrun.report.page import Figure, PageTable
from splitrun.session import Experiment, evaluate_run, predict, prepare, train
from splitrun.spec import load
from tests.runtime.running import Content

LOSS = "multilabel_binary_cross_entropy"


def rows(count: int = 60) -> list[str]:
    return [
        f"{i % 7},{i % 5},{'yn'[i % 2]},{i % 3 // 2},{'a' if i % 4 else 'b'}" for i in range(count)
    ]


def experiment(
    directory: Path, lines: list[str] | None = None, *, top: Content | None = None, **more: object
) -> Experiment:
    """Over a file of two columns and three labels."""
    (directory / "rows.csv").write_text(
        "\n".join(["x,z,churn,buys,late", *(lines or rows())]) + "\n"
    )
    dataset = {"type": "csv", "path": "rows.csv", "label": ["churn", "buys", "late"]}
    bottom = {"type": "mlp", "out": 3}
    content = {
        "name": "several",
        "dataset": dataset | {"batch_size": 8, "validation_fraction": 0.2} | more,
        "parties": {
            "a": {"columns": ["x"], "bottom": bottom},
            "b": {"columns": ["z"], "bottom": bottom},
        },
        "top": {"party": "a", "model": {"type": "mlp", "out": 3}, "loss": LOSS} | (top or {}),
    }
    (directory / "spec.yaml").write_text(yaml.safe_dump(content))
    return prepare(load(directory / "spec.yaml"))


def test_each_label_is_0_or_1_by_its_own_two_values(tmp_path: Path) -> None:
    made = experiment(tmp_path)
    labels = made.parties.label_holder.data.labels
    assert labels is not None
    assert labels.dtype == torch.float32
    wanted = [[int(i % 2 == 0), i % 3 // 2, int(i % 4 == 0)] for i in range(60)]
    assert labels.tolist() == wanted
    lines = list(data_lines(made.data))[-3:]
    starts = ["label churn: 'y' counts", "label buys: '1' counts", "label late: 'b' counts as 1: "]
    for line, start in zip(lines, starts, strict=True):
        assert line.startswith(start)


def test_a_run_tells_of_each_label_and_predicts_each(tmp_path: Path) -> None:
    result = train(experiment(tmp_path), tmp_path / "runs")
    directory = Path(result.run_dir)
    told = result.classes["test"]
    assert [it.name for it in told.classes] == ["churn", "buys", "late"]
    evaluation = evaluate_run(directory)
    assert evaluation.metrics == result.metrics["test"]
    assert evaluation.classes["test"] == told
    titles = [it.title for it in class_tables(result) if isinstance(it, PageTable | Figure)]
    assert titles == ["Labels", "Are probabilities to be believed?"]
    predictions = evaluation.predictions
    assert predictions.header == (
        *("row", "churn", "buys", "late"),
        *("probability_churn", "probability_buys", "probability_late"),
    )
    with (tmp_path / "rows.csv").open() as file:
        spelt = [(it["churn"], it["buys"], it["late"]) for it in csv.DictReader(file)]
    for row, *cells in predictions.rows():
        assert isinstance(row, int)
        assert tuple(cells[:3]) == spelt[row]
    (tmp_path / "new.csv").write_text("x,z\n1,2\n")
    new = predict(directory, tmp_path / "new.csv").predictions
    assert new.header[1:] == ("probability_churn", "probability_buys", "probability_late")
    assert [len(row) for row in new.rows()] == [4]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("1,1,,0,a", "rows.csv:62: label 'churn' is missing"),
        ("1,1,y,2,a", "label 'buys' has 3 values ('0', '1', '2'), but .* takes 2 of each label"),
    ],
)
def test_a_label_that_is_missing_or_has_a_third_value_is_refused(
    row: str, told: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=told.replace("(", r"\(").replace(")", r"\)")):
        experiment(tmp_path, [*rows(), row])


@pytest.mark.parametrize(
    ("override", "told"),
    [
        (
            "top.loss=cross_entropy",
            "dataset.label: lists columns, and the loss cross_entropy takes",
        ),
        ("dataset.label=churn", f"dataset.label: the loss {LOSS} takes several labels"),
        ("dataset.label=[churn,late,churn]", "dataset.label[2]: 'churn' is listed twice"),
        ("dataset.label=[churn,z,late]", "columns[0]: 'z' is the label; remove it"),
        ("training.class_weights=balanced", f"has no meaning with the loss {LOSS}, of several"),
        ("dataset.split=stratified", f"{LOSS} has several labels, not classes to share out"),
        ("dataset.classes={n: [], y: []}", "dataset.classes: are those of one label"),
        ("top.model.out=2", f"the output is 2 wide, which does not fit {LOSS}; use 3"),
        ("training.metrics=[rmse]", f"rmse does not fit the loss {LOSS}"),
        ("dataset.weight=late", "dataset.weight: 'late' is the label, too"),
    ],
)
def test_what_does_not_go_together_with_several_labels_is_refused(
    override: str, told: str, tmp_path: Path
) -> None:
    experiment(tmp_path)
    with pytest.raises(SpecError) as refused:
        load(tmp_path / "spec.yaml", [override])
    assert told in str(refused.value)


def test_a_column_that_is_not_there_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment(tmp_path)
    assert run(["validate", str(tmp_path / "spec.yaml"), "dataset.label=[churn,buy,late]"]) == 2
    assert "dataset.label[1]: no column 'buy'" in capsys.readouterr().err
