"""Whatever is wrong with the input, the command line says so in words that help: exit code 2, a
message with file, place and remedy on stderr, nothing on stdout, and no traceback."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from splitrun.cli.app import run
from splitrun.data.sources import bank_marketing
from splitrun.session import RunDirectory
from tests.cli.bad_commands import COMMAND_LINES
from tests.cli.bad_data import CELLS, HEADERS
from tests.cli.bad_models import CLASSES, FAILING, FITS
from tests.cli.bad_runs import DAMAGED, Damage, damaged_json
from tests.cli.bad_specs import CROSS_CHECKS, KEYS, OVERRIDES, VALUES, YAML
from tests.cli.trial import ROWS, SPEC, Bad, refusal, says, spec, write


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SPLITRUN_DATA_DIR", raising=False)


def by_name(cases: dict[str, Any]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases.values(), ids=cases.keys())


def check(case: Bad, capsys: pytest.CaptureFixture[str], *commands: str) -> None:
    """Every command refuses the case, in the same words."""
    case.write(Path.cwd())
    for command in commands:
        quiet = ("--progress", "none") if command == "train" else ()
        allowed = () if command == "validate" else ("--allow-code",)
        text = refusal(capsys, command, "trial.yaml", *case.overrides, *quiet, *allowed)
        assert says(text, case.told), text
        assert all(line.isprintable() for line in text.splitlines())


# --- the spec ------------------------------------------------------------------------------------


@by_name(YAML | KEYS | VALUES | CROSS_CHECKS | OVERRIDES)
def test_validate_refuses_a_spec_at_its_place(
    case: Bad, capsys: pytest.CaptureFixture[str]
) -> None:
    check(case, capsys, "validate")


# --- data ----------------------------------------------------------------------------------------


@by_name(HEADERS)
def test_validate_refuses_a_data_file_by_its_header(
    case: Bad, capsys: pytest.CaptureFixture[str]
) -> None:
    check(case, capsys, "validate")


@by_name(CELLS)
def test_plan_refuses_a_data_file_at_the_line(
    case: Bad, capsys: pytest.CaptureFixture[str]
) -> None:
    check(case, capsys, "plan")


BANK = spec(
    ("type: csv, path: rows.csv, label: y", "type: bank_marketing"),
    ("[age, job]", "[age, education]"),
    ("[income, city]", "[balance, loan]"),
)


def refused_bank(capsys: pytest.CaptureFixture[str], command: str, *arguments: str) -> str:
    write(Path.cwd(), {"trial.yaml": BANK})
    return refusal(capsys, command, "trial.yaml", *arguments)


def test_a_data_directory_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    text = refused_bank(capsys, "validate", "--data-dir", "nowhere")
    assert text == "nowhere: the data directory is not there; create it or name another\n"


def test_a_damaged_published_file_is_named(
    bank_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(Path.cwd(), {"data/bank.csv": (bank_dir / "bank.csv").read_bytes()[:-100]})
    text = refused_bank(capsys, "validate", "--data-dir", "data")
    told = "data/bank.csv: not the published file: SHA-256 …, expected dc8d576e9bda…; delete it …"
    assert says(text, told), text


def test_a_published_file_that_cannot_be_had_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bank_marketing, "ARCHIVE", (tmp_path / "no.zip").as_uri())
    write(tmp_path, {"data/readme": ""})
    text = refused_bank(capsys, "plan", "--data-dir", "data")
    told = (
        "bank.csv is not at data/bank.csv, …/bank.csv, and cannot be downloaded: …; "
        "or get it from https://…, or name its directory with --data-dir"
    )
    assert says(text, told), text


# --- models --------------------------------------------------------------------------------------


@by_name(CLASSES | FITS)
def test_plan_refuses_models_that_cannot_be_built_or_joined(
    case: Bad, capsys: pytest.CaptureFixture[str]
) -> None:
    check(case, capsys, "plan")


@by_name(
    {
        "a misspelt key": KEYS["misspelt"],
        "a bad override": OVERRIDES["a misspelt key"],
        "a wrong delimiter": HEADERS["another delimiter"],
        "an unknown column": CROSS_CHECKS["an unknown column"],
    }
)
def test_validate_plan_and_train_refuse_in_the_same_words(
    case: Bad, capsys: pytest.CaptureFixture[str]
) -> None:
    check(case, capsys, "validate", "plan", "train")
    assert not Path("runs").exists()


@by_name(
    {
        "text among numbers": CELLS["text among numbers"],
        "a constructor that raises": CLASSES["a constructor that raises"],
        "adam for a sparse embedding": FITS["adam for a sparse embedding of one's own"],
        "a depth beyond the steps": FITS["a depth beyond the steps"],
    }
)
def test_plan_and_train_refuse_in_the_same_words(
    case: Bad, capsys: pytest.CaptureFixture[str]
) -> None:
    check(case, capsys, "plan", "train")
    assert not Path("runs").exists()


# --- command lines -------------------------------------------------------------------------------


@by_name(COMMAND_LINES)
def test_a_wrong_command_line_is_explained(
    case: tuple[list[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, told = case
    write(Path.cwd(), {"trial.yaml": SPEC, "rows.csv": ROWS})
    Path("empty").mkdir()
    text = refusal(capsys, *arguments)
    assert says(text, told), text


# --- saved runs ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a run that ended well."""
    directory = tmp_path_factory.mktemp("trained")
    write(directory, {"trial.yaml": SPEC, "rows.csv": ROWS})
    runs = directory / "runs"
    arguments = ["--runs-dir", str(runs), "--progress", "none"]
    assert run(["train", str(directory / "trial.yaml"), *arguments]) == 0
    return next(runs.iterdir())


@pytest.fixture
def copied(trained: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """That directory's copy, named `run`, to be damaged."""
    shutil.copytree(trained, "run")
    capsys.readouterr()
    return Path("run")


@by_name(DAMAGED)
def test_eval_refuses_a_damaged_run_and_names_the_file(
    case: tuple[Damage, str], copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage, told = case
    damage(copied)
    text = refusal(capsys, "eval", str(copied))
    assert says(text, told), text


@pytest.mark.parametrize(
    ("path", "reason"),
    [("nowhere/predictions.csv", "No such file or directory"), (".", "Is a directory")],
)
def test_predictions_that_cannot_be_written_are_named(
    path: str, reason: str, copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = refusal(capsys, "eval", str(copied), "--predictions", path)
    assert text == f"{path}: cannot be written: {reason}; name a file in a directory that exists\n"


def test_a_class_that_was_not_trained_on_is_named_with_its_line(
    trained: Path, copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(Path("data"), {"rows.csv": ROWS + "20,cook,1000,Ulm,maybe\n"})
    damaged_json("manifest.json", directory="data")(copied)
    text = refusal(capsys, "eval", str(copied))
    told = "data/rows.csv:42: label 'maybe' was not seen in training; the model knows 'no', 'yes'\n"
    assert text == told


# --- runs that begin and fail --------------------------------------------------------------------


@by_name(FAILING)
def test_a_run_that_fails_names_role_and_batch_and_leaves_a_run_directory(
    case: Bad, capsys: pytest.CaptureFixture[str]
) -> None:
    case.write(Path.cwd())
    options = ["--progress", "none", "--allow-code"]
    text = refusal(capsys, "train", "trial.yaml", *options, exit_code=1)
    assert says(text, case.told), text
    (path,) = Path("runs").iterdir()
    assert RunDirectory.open(path).manifest().status == "failed"
    assert "Traceback" in (path / "failure.txt").read_text()
