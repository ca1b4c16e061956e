"""`splitrun init` writes a spec that is valid and trains as it stands, or asks in a comment."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from splitrun.cli.app import run
from splitrun.spec import Spec, load
from tests.cli.trial import refusal, says, write

ROWS = 60
BANK = "customer_id,age,job,note,churned\n" + "".join(
    f"{100 + row},{20 + row % 31},{('cook', 'clerk', '')[row % 3]},n{row}x,"
    f"{('no', 'yes')[row * 7 % 5 % 2]}\n"
    for row in range(ROWS)
)
PARTNER = "customer_id,income,city,empty\n" + "".join(
    f"{100 + row},{'' if row % 9 == 4 else 1000 + 37 * row % 911},{('Ulm', 'Bonn')[row % 2]},\n"
    for row in range(ROWS)
)
FILES = {"bank.csv": BANK, "partner.csv": PARTNER}
GIVEN = ("bank=bank.csv", "partner=partner.csv")


@pytest.fixture(autouse=True)
def _with_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, FILES)


def written(*arguments: str) -> str:
    assert run(["init", *GIVEN, *arguments]) == 0
    return Path("spec.yaml").read_text(encoding="utf-8")


def spec_of(*arguments: str) -> Spec:
    written(*arguments)
    return load(Path("spec.yaml")).spec


def test_what_it_says_to_do_then_trains(capsys: pytest.CaptureFixture[str]) -> None:
    written()
    told = capsys.readouterr().out.strip()
    assert told == "spec.yaml: written; then: splitrun train spec.yaml"
    assert run(["validate", "spec.yaml"]) == 0
    command = shlex.split(told.partition("then: splitrun ")[2])
    assert run([*command, "training.epochs=1", "--progress", "none"]) == 0


def test_key_label_and_columns_are_those_that_are_obvious() -> None:
    spec = spec_of()
    assert spec.dataset.row_key == "customer_id"
    assert (spec.top.party, spec.dataset.label) == ("bank", "churned")
    assert spec.top.loss.type == "binary_cross_entropy"
    assert spec.parties["bank"].dropped == ("note",)
    assert spec.parties["partner"].dropped == ("empty",)


def test_what_was_understood_of_each_column_stands_beside_it() -> None:
    text = written()
    for line in (
        "customer_id: the key",
        "age: numeric",
        "job: 2 categories: clerk, cook; 20 missing",
        f"note: dropped: like an id, {ROWS} values in {ROWS} rows",
        "churned: the label",
        "income: numeric; 7 missing",
        "empty: dropped: empty in every row",
    ):
        assert f"#   {line}\n" in text
    assert (
        f"# another one in every row; {ROWS} in common (bank {ROWS}, partner {ROWS} rows)" in text
    )


def test_a_key_of_another_name_is_found_by_its_values() -> None:
    write(Path.cwd(), {"partner.csv": PARTNER.replace("customer_id", "client")})
    spec = spec_of()
    assert (spec.dataset.row_key, spec.parties["partner"].key) == ("customer_id", "client")


def test_nothing_is_taken_for_a_key_that_most_rows_do_not_share() -> None:
    other = PARTNER.replace("customer_id", "number").replace("\n1", "\n9")
    write(Path.cwd(), {"partner.csv": other})
    text = written()
    assert "  # key: none was found; the files have bank 60, partner 60 rows, which are" in text
    assert load(Path("spec.yaml")).spec.dataset.row_key is None


def test_a_label_that_is_not_obvious_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    write(Path.cwd(), {"bank.csv": BANK.replace("churned", "left")})
    text = written()
    assert "  # label: which column is to be predicted? Of two values: job, left, city." in text
    assert "write dataset.label into it, where a comment asks" in capsys.readouterr().out
    assert "dataset.label: is missing; add it" in refusal(capsys, "validate", "spec.yaml")
    assert run(["validate", "spec.yaml", "dataset.label=left"]) == 0


@pytest.mark.parametrize(
    ("label", "loss", "width"),
    [("city", "binary_cross_entropy", 1), ("income", "mse", 1), ("age", "mse", 1)],
)
def test_the_loss_is_one_that_the_label_fits(label: str, loss: str, width: int) -> None:
    spec = spec_of("--label", label)
    assert spec.top.loss.type == loss
    assert spec.top.model is not None
    assert spec.top.model.width == width


def test_a_label_of_some_classes_has_an_output_for_each() -> None:
    write(Path.cwd(), {"bank.csv": BANK.replace("yes", "maybe", 6)})
    spec = spec_of("--label", "churned")
    assert spec.top.loss.type == "cross_entropy"
    assert spec.top.model is not None
    assert spec.top.model.width == 3


def test_nothing_is_overwritten(capsys: pytest.CaptureFixture[str]) -> None:
    write(Path.cwd(), {"spec.yaml": "mine"})
    text = refusal(capsys, "init", *GIVEN)
    assert text == "spec.yaml: is there already; name another file with -o\n"
    assert Path("spec.yaml").read_text() == "mine"
    assert run(["init", *GIVEN, "-o", "other.yaml"]) == 0


def test_paths_are_relative_to_the_spec() -> None:
    Path("specs").mkdir()
    assert run(["init", *GIVEN, "-o", "specs/bank.yaml"]) == 0
    assert load(Path("specs/bank.yaml")).spec.parties["bank"].path == "../bank.csv"
    assert run(["validate", "specs/bank.yaml"]) == 0


REFUSED = {
    "one party": (["bank=bank.csv"], "bank=bank.csv: one party alone; give two or more, for …"),
    "no party": (["bank.csv"], "bank.csv: is no PARTY=FILE; write a name and a file, for …"),
    "a party twice": (
        ["bank=bank.csv", "bank=partner.csv"],
        "bank=partner.csv: bank has a file already; name each party once",
    ),
    "one file for two": (
        ["bank=bank.csv", "partner=./bank.csv"],
        "./bank.csv: is the file of bank, too; give each party a file of its own; for one file "
        "that all share, write dataset.path, and each party's columns",
    ),
    "no such file": (
        ["bank=bank.csv", "partner=partners.csv"],
        "…partners.csv: No such file or directory; …",
    ),
    "no such label": (
        [*GIVEN, "--label", "churn"],
        "--label churn: no file has this column; did you mean 'churned'?",
    ),
    "a label like an id": (
        [*GIVEN, "--label", "note"],
        "--label note: is like an id in bank.csv; choose another column",
    ),
    "an empty label": (
        [*GIVEN, "--label", "empty"],
        "--label empty: is empty in partner.csv; choose another column",
    ),
    "no such key": (
        [*GIVEN, "--key", "custmer_id"],
        "--key custmer_id: no file has this column; did you mean 'customer_id'?",
    ),
    "a key that repeats": (
        [*GIVEN, "--key", "age"],
        "--key age: is not another one in every row of bank.csv; choose another column, …",
    ),
    "nowhere": (
        [*GIVEN, "-o", "nowhere/spec.yaml"],
        "nowhere/spec.yaml: cannot be written: No such file or directory; name a file in a …",
    ),
}


@pytest.mark.parametrize(("arguments", "told"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_is_refused(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = refusal(capsys, "init", *arguments)
    assert says(text, told), text
    assert not Path("spec.yaml").exists()


EXCEL = "Kundennr;Alter;Betrag;Größe;y\n" + "".join(
    f"{100 + row};{20 + row % 31};{'?' if row % 11 == 3 else f'1.{100 + row},50'};"
    f"{('klein', 'groß')[row % 2]};{row * 7 % 5 % 2}\n"
    for row in range(ROWS)
)


def test_a_file_is_read_as_people_write_it() -> None:
    write(Path.cwd(), {"bank.csv": EXCEL.encode("cp1252")})
    assert run(["init", *GIVEN]) == 0
    reading = load(Path("spec.yaml")).spec.parties["bank"].reading
    assert reading is not None
    assert (reading.delimiter, reading.encoding) == (";", "cp1252")
    assert (reading.decimal, reading.thousands) == (",", ".")
    assert (reading.missing_values, reading.missing) == (("?",), "mean")
    assert run(["train", "spec.yaml", "training.epochs=1", "--progress", "none"]) == 0


def test_a_file_without_a_header_has_numbered_columns() -> None:
    headless = BANK.partition("\n")[2]
    write(Path.cwd(), {"bank.csv": headless})
    assert run(["init", *GIVEN, "--label", "column_5"]) == 0
    spec = load(Path("spec.yaml")).spec
    reading = spec.parties["bank"].reading
    assert reading is not None
    assert reading.header == "none"
    assert (spec.dataset.row_key, spec.parties["partner"].key) == ("column_1", "customer_id")
    assert run(["train", "spec.yaml", "training.epochs=1", "--progress", "none"]) == 0


def test_dates_become_features_and_numbers_with_zeros_words() -> None:
    dated = "customer_id,since,code\n" + "".join(
        f"{100 + row},2024-{1 + row % 12:02}-11,{row % 4:03}\n" for row in range(ROWS)
    )
    write(Path.cwd(), {"partner.csv": dated})
    text = written()
    assert "#   since: dates\n" in text
    assert "#   code: 4 categories: 000, 001, 002, 003\n" in text
    assert run(["train", "spec.yaml", "training.epochs=1", "--progress", "none"]) == 0


def test_a_parquet_file_tells_all_of_itself() -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    pa = pytest.importorskip("pyarrow")
    columns = {
        "customer_id": [100 + row for row in reversed(range(ROWS))],
        "income": [1000.5 + row % 17 for row in range(ROWS)],
        "city": [("Ulm", "Bonn")[row % 2] for row in range(ROWS)],
    }
    pq.write_table(pa.table(columns), "partner.parquet")
    assert run(["init", "bank=bank.csv", "partner=partner.parquet"]) == 0
    spec = load(Path("spec.yaml")).spec
    assert spec.parties["partner"].reading is None
    assert spec.dataset.row_key == "customer_id"
    assert run(["train", "spec.yaml", "training.epochs=1", "--progress", "none"]) == 0


def test_rows_that_only_some_files_have_are_counted_and_joined() -> None:
    fewer = "\n".join(PARTNER.splitlines()[: ROWS - 9]) + "\n"
    write(Path.cwd(), {"partner.csv": fewer})
    assert f"; {ROWS - 10} in common (bank {ROWS}, partner {ROWS - 10} rows)" in written()
    assert run(["train", "spec.yaml", "training.epochs=1", "--progress", "none"]) == 0


def test_rows_that_refer_to_others_are_joined_many_to_one() -> None:
    ratings = "user,film,stars\n" + "".join(
        f"u{row % 12},f{row % 10},{1 + row * 7 % 5}.5\n" for row in range(ROWS)
    )
    users = "user,age\n" + "".join(f"u{row},{20 + row}\n" for row in range(12))
    films = "film,year\n" + "".join(f"f{row},{1990 + row % 7}\n" for row in range(10))
    write(Path.cwd(), {"ratings.csv": ratings, "users.csv": users, "films.csv": films})
    files = ("ratings=ratings.csv", "users=users.csv", "films=films.csv")
    assert run(["init", *files, "--label", "stars"]) == 0
    spec = load(Path("spec.yaml")).spec
    assert (spec.parties["users"].key, spec.parties["users"].on) == ("user", "user")
    assert (spec.parties["films"].key, spec.parties["films"].on) == ("film", "film")
    assert spec.dataset.row_key is None
    assert spec.parties["ratings"].bottom is None
    assert run(["train", "spec.yaml", "training.epochs=1", "--progress", "none"]) == 0
