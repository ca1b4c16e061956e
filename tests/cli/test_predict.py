"""`splitrun predict` and `splitrun eval --input`: what they print, write and refuse."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from pyarrow import parquet

from splitrun.cli.app import run
from splitrun.plan import EVALUATION_BATCH_ROWS
from tests.cli.trial import ROWS, SPEC, refusal, says, write

NEW = "id,age,job,income,city\n7,31,cook,1200,Ulm\n8,44,pilot,1800,Bonn\n9,52,clerk,900,Rome\n"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("predict")
    write(directory, {"trial.yaml": SPEC, "rows.csv": ROWS})
    quiet = ["--progress", "none", "--runs-dir", str(directory / "runs")]
    assert run(["train", str(directory / "trial.yaml"), *quiet]) == 0
    (path,) = (directory / "runs").iterdir()
    return path


@pytest.fixture(autouse=True)
def _here(
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, {"new.csv": NEW, "rows.csv": ROWS})
    (tmp_path / "run").symlink_to(trained)
    capsys.readouterr()


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[str, str]:
    """stdout and stderr of a command line that ends well."""
    assert run(arguments) == 0
    captured = capsys.readouterr()
    return captured.out, captured.err


def table(text: str) -> Sequence[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def test_predictions_go_to_stdout_and_what_is_odd_to_stderr(
    capsys: pytest.CaptureFixture[str],
) -> None:
    out, err = printed(capsys, "predict", "run", "--input", "new.csv")
    rows = table(out)
    assert list(rows[0]) == ["row", "prediction", "probability_yes"]
    assert [row["row"] for row in rows] == ["0", "1", "2"]
    assert {row["prediction"] for row in rows} <= {"no", "yes"}
    assert err == (
        "warning: alice's job is 'pilot' in 1 row(s), which no training row had; "
        "all such are one to it\n"
        "warning: bob's city is 'Rome' in 1 row(s), which no training row had; "
        "all such are one to it\n"
    )


def test_csv_and_parquet_hold_what_stdout_does(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = printed(capsys, "predict", "run", "--input", "new.csv")
    said, _ = printed(capsys, "predict", "run", "--input", "new.csv", "-o", "out.csv")
    assert said == "out.csv\n  rows     3, 3 of them predicted\n"
    assert Path("out.csv").read_text() == out
    printed(capsys, "predict", "run", "--input", "new.csv", "-o", "out.parquet")
    rows = parquet.read_table("out.parquet").to_pylist()
    assert [{key: str(cell) for key, cell in row.items()} for row in rows] == table(out)


def test_json_tells_what_became_of_the_rows(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("predict", "run", "--input", "new.csv", "-o", "out.csv", "--json")
    out, _ = printed(capsys, *arguments)
    assert json.loads(out) == {
        "run_dir": "run",
        "output": "out.csv",
        "rows": 3,
        "predicted": 3,
        "without_partner": 0,
        "unseen": {
            "alice": {"job": {"rows": 1, "values": ["pilot"]}},
            "bob": {"city": {"rows": 1, "values": ["Rome"]}},
        },
    }


def test_a_file_is_replaced_by_force_alone(capsys: pytest.CaptureFixture[str]) -> None:
    Path("out.csv").write_text("dear\n")
    arguments = ("predict", "run", "--input", "new.csv", "-o", "out.csv")
    text = refusal(capsys, *arguments)
    assert text == "out.csv: is there already; add --force to replace it, or name another\n"
    assert Path("out.csv").read_text() == "dear\n"
    printed(capsys, *arguments, "--force")
    assert Path("out.csv").read_text().startswith("row,prediction")
    assert sorted(path.name for path in Path().iterdir()) == [
        "new.csv",
        "out.csv",
        "rows.csv",
        "run",
    ]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "no rows to predict; add --input FILE, or --input PARTY=FILE for each"),
        (
            ("--input", "new.csv", "--input", "rows.csv"),
            "--input rows.csv: two files for all parties; give one",
        ),
        (
            ("--input", "bob=new.csv", "--input", "bob=rows.csv"),
            "--input bob=rows.csv: bob has two files; give one",
        ),
        (
            ("--input", "bob=new.csv", "--input", "rows.csv"),
            "--input rows.csv: a file for all parties beside one of bob; "
            "give one for all, or PARTY=FILE for each",
        ),
        (
            ("--input", "bob=new.csv"),
            "--input bob=…: the model was trained on one file for all parties; "
            "give one, as --input FILE",
        ),
        (("--input", "old.csv"), "…/old.csv: No such file or directory; give the path of …"),
        (
            ("--input", "new.csv", "--json"),
            "--json: stdout carries the predictions; write these to a file with -o",
        ),
        (
            ("--input", "new.csv", "-o", "out.xlsx"),
            "out.xlsx: predictions are written as CSV or Parquet; end its name in .csv or .parquet",
        ),
        (
            ("--input", "new.csv", "-o", "./new.csv", "--force"),
            "new.csv: holds the new rows themselves; name another file with -o",
        ),
        (
            ("--input", "new.csv", "-o", "nowhere/out.csv"),
            "nowhere/out.csv: cannot be written: No such file or directory; "
            "name a file in a directory that exists",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(
    arguments: Sequence[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = refusal(capsys, "predict", "run", *arguments)
    assert says(text.splitlines()[-1] + "\n", told), text


JOINED = """\
name: joined
dataset: {type: csv, key: id, label: y, batch_size: 8}
parties:
  alice: {path: alice.csv, columns: [age], bottom: {type: mlp, out: 2}}
  bob: {path: bob.csv, columns: "*", bottom: {type: mlp, out: 2}}
top: {party: alice, model: {type: mlp, out: 1}, loss: binary_cross_entropy}
"""


def test_rows_of_several_files_have_their_key_and_lone_ones_the_reason(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = range(40)
    alice = "".join(f"a{row},{row % 9},{row % 2}\n" for row in rows)
    bob = "".join(f"a{row},{row % 5}\n" for row in rows)
    new = "id,age\na7,3\n=2,4\na3,1\n"
    write(
        Path(),
        {
            "joined.yaml": JOINED,
            "alice.csv": "id,age,y\n" + alice,
            "bob.csv": "id,income\n" + bob,
            "new.csv": new,
        },
    )
    printed(capsys, "train", "joined.yaml", "--progress", "none")
    (trained,) = map(str, Path("runs").iterdir())
    arguments = ("predict", trained, "--input", "alice=new.csv", "--input", "bob=bob.csv")
    out, err = printed(capsys, *arguments)
    told = table(out)
    assert list(told[0]) == ["id", "prediction", "probability_1", "reason"]
    assert [row["id"] for row in told] == ["a7", "'=2", "a3"]  # for spreadsheets, no formula
    assert list(told[1].values())[1:] == ["", "", "no row at bob"]
    assert err.startswith("join: 2 in common of 3 rows of alice and 40 rows of bob")
    out, _ = printed(capsys, *arguments, "-o", "out.parquet", "--json")
    counts = json.loads(out)
    assert [counts[name] for name in ("rows", "predicted", "without_partner")] == [3, 2, 1]
    assert parquet.read_table("out.parquet").column("id").to_pylist() == ["a7", "=2", "a3"]


def test_eval_tells_metrics_of_another_file_and_writes_labels_beside_predictions(
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ("eval", "run", "--input", "rows.csv", "--predictions", "out.csv")
    out, _ = printed(capsys, *arguments, "--json")
    told = json.loads(out)
    assert (told["rows"], told["evaluated"], told["unseen"]) == (40, 40, {})
    rows = table(Path("out.csv").read_text())
    assert list(rows[0]) == ["row", "y", "prediction", "probability_yes"]
    right = sum(row["y"] == row["prediction"] for row in rows)
    assert told["metrics"]["input"]["accuracy"] == right / 40
    out, _ = printed(capsys, *arguments)
    assert out.splitlines()[1].startswith("  input    loss ")
    text = refusal(capsys, "eval", "run", "--predictions", "-")
    assert text == "--predictions -: stdout carries the metrics; name a file\n"


def test_the_help_tells_the_default_batch(capsys: pytest.CaptureFixture[str]) -> None:
    """It is written there by hand, for the plan, which knows it, is not imported for a help."""
    assert run(["predict", "--help"]) == 0
    shown = capsys.readouterr().out.replace("│", " ").split()
    assert f"default: {EVALUATION_BATCH_ROWS}, as in the training" in " ".join(shown)
