from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from splitrun.data import available_columns, column_problems, feature_columns
from splitrun.errors import DataError, dotted
from splitrun.spec.model import Spec
from tests.data.specs import BANK_COLUMNS, csv_spec, make_spec


def header_of(spec: Spec, directory: Path) -> tuple[str, ...]:
    [columns] = set(available_columns(spec, directory).values())
    return columns


def problems_of(spec: Spec, *columns: str) -> dict[str, str]:
    found = column_problems(spec, dict.fromkeys(spec.parties, columns))
    return {dotted(problem.path): f"{problem.what}; {problem.remedy}" for problem in found}


def test_a_header_is_read_without_torch_pandas_or_numpy(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a,b,y\n")
    program = f"""
import sys
from pathlib import Path
from splitrun.data import available_columns
from tests.data.specs import csv_spec
spec = csv_spec({{"alice": ["a"], "bob": ["b"]}})
assert available_columns(spec, Path({str(tmp_path)!r}))["bob"] == ("a", "b", "y")
heavy = {{"torch", "pandas", "numpy", "sklearn"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "rows.csv: the file is empty; it needs a header"),
        (b"\n\n  \n", "rows.csv: the file is empty; it needs a header"),
        (b"1,2,3\n4,5,6\n", "rows.csv:1: only numbers where the header should be; name"),
        (b"a;b;y\n1;2;3\n", "rows.csv:1: one column only when split at ','; set .*delimiter=.;"),
        (b"a\tb\ty\n", r"rows.csv:1: one column only .*delimiter=.tab"),
        ("größe,y\n1,2\n".encode("latin-1"), "rows.csv:1: not UTF-8; set .*encoding=.cp1252"),
        ("a,y\n1,2\n".encode("utf-16"), "rows.csv:1: not UTF-8; set .*encoding=.utf-16"),
        (b'a,"b,y\n' + b"1,2\n" * 50_000, "rows.csv:1: .*quotation mark"),
    ],
)
def test_a_header_that_cannot_be_used_is_refused(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "rows.csv").write_bytes(content)
    with pytest.raises(DataError, match=message):
        header_of(csv_spec({"alice": ["a"], "bob": ["b"]}), tmp_path)


def test_a_file_that_is_not_there_and_a_directory_are_refused(tmp_path: Path) -> None:
    spec = csv_spec({"alice": ["a"], "bob": ["b"]})
    with pytest.raises(DataError, match=r"rows.csv: No such file or directory; give the path"):
        header_of(spec, tmp_path)
    (tmp_path / "row.csv").write_text("a,b,y\n")
    with pytest.raises(
        DataError, match=r"rows.csv: No such file or directory; did you mean .*/row\.csv\?"
    ):
        header_of(spec, tmp_path)
    (tmp_path / "rows.csv").mkdir()
    with pytest.raises(DataError, match=r"rows.csv: a directory without \*.parquet files"):
        header_of(spec, tmp_path)


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a,b,y\n", encoding="utf-8-sig")
    assert header_of(csv_spec({"alice": ["a"], "bob": ["b"]}), tmp_path) == ("a", "b", "y")


def test_every_wrong_column_is_reported_at_its_place() -> None:
    spec = csv_spec(
        {"alice": ["age", "jbo"], "bob": ["balance", "outcome", "zzz"]},
        label="outcome",
        categorical=["dya"],
    )
    assert problems_of(spec, "age", "job", "balance", "day", "outcome") == {
        "dataset.categorical[0]": "no column 'dya' in the data; did you mean 'day'?",
        "parties.alice.columns[1]": "no column 'jbo' in the data; did you mean 'job'?",
        "parties.bob.columns[1]": "'outcome' is the label; take it off the columns",
        "parties.bob.columns[2]": (
            "no column 'zzz' in the data; there are age, job, balance, day, outcome"
        ),
    }


def test_a_label_that_the_file_lacks_is_reported() -> None:
    spec = csv_spec({"alice": ["a"], "bob": ["b"]}, label="labl")
    found = problems_of(spec, "a", "b", "label")
    assert found == {"dataset.label": "no column 'labl' in the data; did you mean 'label'?"}


def test_bank_marketing_knows_its_columns_without_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SPLITRUN_DATA_DIR", raising=False)
    spec = make_spec({"type": "bank_marketing"}, BANK_COLUMNS)
    columns = header_of(spec, tmp_path)
    assert len(columns) == 17
    assert not problems_of(spec, *columns)


def test_synthetic_columns_fall_to_the_party_they_are_named_after() -> None:
    spec = make_spec(
        {"type": "synthetic", "numeric": 2, "categorical": 1}, {"alice": [], "bob": []}
    )
    available = header_of(spec, Path())
    assert {name: feature_columns(spec, name, available) for name in spec.parties} == {
        "alice": ("alice_num0", "alice_num1", "alice_cat0"),
        "bob": ("bob_num0", "bob_num1", "bob_cat0"),
    }
    assert not problems_of(spec, *header_of(spec, Path()))


def test_a_synthetic_party_may_take_anothers_columns_but_not_share_them() -> None:
    taken = {"alice": ["alice_num0", "bob_num0"], "bob": ["bob_num1", "bob_num2"]}
    settings = {"type": "synthetic", "numeric": 2}
    spec = make_spec(settings, taken)
    columns = header_of(spec, Path())
    assert problems_of(spec, *columns) == {
        "parties.bob.columns[1]": "no column 'bob_num2' in the data; did you mean 'bob_num1'?"
    }
    shared = make_spec(settings, taken | {"bob": []})
    assert problems_of(shared, *columns) == {
        "parties.alice.columns[1]": "'bob_num0' is bob's by default; list the columns of bob, too"
    }


def test_synthetic_needs_columns_and_a_label_of_another_name() -> None:
    parties: dict[str, list[str]] = {"alice": [], "bob": []}
    spec = make_spec({"type": "synthetic", "numeric": 0}, parties)
    assert list(problems_of(spec, "label")) == ["dataset.numeric"]
    spec = make_spec({"type": "synthetic", "label": "bob_num0"}, parties)
    assert list(problems_of(spec, *header_of(spec, Path()))) == ["dataset.label"]
