from __future__ import annotations

from pathlib import Path

import pytest
import torch

from splitrun.errors import DataError, SpecError
from tests.data.loading import Loaded, load_data, words
from tests.data.specs import csv_spec, write_rows

COLUMNS = {"alice": ["a"], "bob": ["b"]}
GOOD = [f"{row},{-row},{'no' if row % 3 else 'yes'}" for row in range(30)]


def load(directory: Path, **settings: object) -> Loaded:
    return load_data(csv_spec(COLUMNS, scaling="none", **settings), directory)


def refused(directory: Path, message: str, **settings: object) -> None:
    with pytest.raises(DataError, match=message):
        load(directory, **settings)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], r"rows.csv: 0 row\(s\) of data; at least 2"),
        (["1,2,no"], r"rows.csv: 1 row\(s\) of data; at least 2"),
        (["1,2,no,9", *GOOD], "rows.csv:2: 4 cells, but the header has 3; mend"),
        (["1,2,no,"] * 9, "rows.csv:2: 4 cells, but the header has 3; mend"),
        ([*GOOD, "1,2,no,9"], "rows.csv:32: 4 cells, but the header has 3; mend"),
        ([*GOOD, "1,2"], "rows.csv:32: 2 cells, but the header has 3; mend"),
        ([*GOOD, "", "1,2", "3,4,no"], "rows.csv:33: 2 cells, but the header has 3; mend"),
        ([*GOOD, '1,"2,no', *GOOD], "rows.csv:32: a quoted cell does not end; close"),
        ([*GOOD, "n/a,1,no", "1,1,no"], "rows.csv:32: no number in column 'a', as in 1 of 32"),
        ([*GOOD, "x1,1,no", "1,1,no"], "rows.csv:32: 'x1' in column 'a', which holds numbers"),
        (['"1\n",2,no', "1,x,no", *GOOD], "rows.csv:4: 'x' in column 'b', which holds numbers"),
        ([*GOOD, "1,inf,no"], "rows.csv:32: inf in column 'b'; numbers must be finite"),
        ([*GOOD, "1,1e300,no"], "rows.csv:32: column 'b' is beyond 32-bit floats even when"),
        ([*GOOD, "1,,no", "1,,no"], "rows.csv:32: no number in column 'b', as in 2 of 32 rows"),
        (['"1,5",2,no', '"2,5",3,yes'], "rows.csv:2: '1,5' in column 'a' has a decimal comma"),
    ],
)
def test_a_damaged_file_is_refused_with_the_line(
    tmp_path: Path, rows: list[str], message: str
) -> None:
    write_rows(tmp_path, "a,b,y", rows)
    refused(tmp_path, message)


def test_a_line_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    lines = ["a,b,y", *GOOD * 2000, "Köln,2,no"]
    (tmp_path / "rows.csv").write_bytes("\n".join(lines).encode("latin-1"))
    refused(tmp_path, "rows.csv:60002: not UTF-8; set .*dataset.encoding")


def test_columns_that_the_file_lacks_are_all_reported(tmp_path: Path) -> None:
    write_rows(tmp_path, "a,c,label", GOOD)
    with pytest.raises(SpecError) as caught:
        load(tmp_path)
    assert len(caught.value.problems) == 2


def test_a_path_is_relative_to_the_spec_and_a_delimiter_can_be_set(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "rows.tsv").write_text("a\tb\ty\n1\t2\t0\n3\t4\t1\n")
    spec = csv_spec(
        COLUMNS, path="tables/rows.tsv", delimiter="\t", test_fraction=0, scaling="none"
    )
    data = load_data(spec, tmp_path)
    assert data.features["alice"][0].tolist() == [[1], [3]]
    assert data.labels.tolist() == [[0], [1]]


def test_blank_lines_quotes_and_a_byte_order_mark_do_no_harm(tmp_path: Path) -> None:
    text = '\ufeffa,b,y\r\n\r\n"1",2,no\r\n  \r\n3,"4","ye\ns"\r\n5,6,no\r\n7,8,"ye\ns"\r\n'
    (tmp_path / "rows.csv").write_text(text, encoding="utf-8", newline="")
    data = load(tmp_path, test_fraction=0)
    assert data.features["alice"][0].flatten().tolist() == [1, 3, 5, 7]
    assert data.classes == ("no", "ye\ns")


def test_a_nameless_column_such_as_a_saved_index_does_no_harm(tmp_path: Path) -> None:
    write_rows(tmp_path, ",a,b,y", [f"{index},{row}" for index, row in enumerate(GOOD)])
    assert load(tmp_path).features["alice"][0][:3].tolist() == [[0], [1], [2]]


def test_numbers_may_be_read_as_categories_with_their_cells_verbatim(tmp_path: Path) -> None:
    write_rows(tmp_path, "a,b,y", ["007,1,no", "7,2,yes", "007,3,yes", "7.0,4,no"])
    data = load(tmp_path, categorical=["a"], test_fraction=0)
    assert words(data, "alice") == ("007", "7", "7.0")


def test_booleans_are_categories_spelled_as_in_the_file(tmp_path: Path) -> None:
    write_rows(tmp_path, "a,b,y", ["TRUE,1,no", "false,2,yes", ",3,yes", "TRUE,4,no"])
    data = load(tmp_path, test_fraction=0)
    assert words(data, "alice") == ("", "TRUE", "false")


def test_na_is_a_word_among_words_and_an_empty_cell_a_category_of_its_own(tmp_path: Path) -> None:
    write_rows(tmp_path, "a,b,y", ["NA,1,no", "DE,2,yes", ",3,yes", "FR,4,no"])
    data = load(tmp_path, test_fraction=0)
    assert words(data, "alice") == ("", "DE", "FR", "NA")


def test_integers_beyond_64_bits_are_numbers(tmp_path: Path) -> None:
    write_rows(tmp_path, "a,b,y", ["99999999999999999999,1,no", "1,2,yes"])
    features = load(tmp_path, test_fraction=0).features["alice"][0]
    assert torch.equal(features, torch.tensor([[1e20], [1.0]]))


def test_missing_numbers_become_the_training_mean_where_that_is_wanted(tmp_path: Path) -> None:
    rows = [f"{'' if row in (3, 7) else row},{row},{row % 2}" for row in range(20)]
    write_rows(tmp_path, "a,b,y", rows)
    data = load(tmp_path, missing="mean")
    known = [row for row in data.train_ids.tolist() if row not in (3, 7)]
    mean = torch.tensor(sum(known) / len(known))
    assert data.features["alice"][0][[3, 7]].tolist() == [[mean], [mean]]


def test_a_column_without_a_training_value_has_no_mean(tmp_path: Path) -> None:
    write_rows(tmp_path, "a,b,y", [f",{row},{row % 2}" for row in range(20)])
    refused(tmp_path, "'a' is empty in every training row.*; drop the column", missing="mean")


def test_leading_zeros_are_noticed_however_late_they_come(tmp_path: Path) -> None:
    rows = [f"{row + 1000},{row / 7},{row % 2}" for row in range(3000)]
    write_rows(tmp_path, "a,b,y", [*rows, "0123,1.5,0"])
    refused(tmp_path, "rows.csv:3002: '0123' in column 'a' has leading zeros, as ids have")


def test_rows_of_another_length_are_noticed_where_few_columns_are_read(tmp_path: Path) -> None:
    rows = [f"{row},{row},{row % 2},1,2,3" for row in range(500)]
    write_rows(tmp_path, "a,b,y,c,d,e", [*rows, "1,2,0,1,2,3,4", "1,2,0,1,2"])
    refused(tmp_path, "rows.csv:502: 7 cells, but the header has 6; mend")


def test_a_word_far_below_numbers_is_named_with_what_lets_it_be_missing(tmp_path: Path) -> None:
    rows = [f"{row},{row},{row % 2}" for row in range(3000)]
    write_rows(tmp_path, "a,b,y", [*rows, "-,1,0"])
    refused(tmp_path, r"rows.csv:3002: '-' in column 'a', .*dataset.missing_values=\[\"-\"\]")
    assert len(load(tmp_path, missing_values=["-"], missing="mean").features["alice"][0]) == 3001


def test_dates_become_numbers_of_days_and_parts(tmp_path: Path) -> None:
    rows = ["2026-11-28,1,0", "2026-11-30T12:00:00,2,1", ",3,1"]
    write_rows(tmp_path, "a,b,y", rows)
    dates = {"a": {"parts": ["elapsed", "weekday"]}}
    data = load(tmp_path, dates=dates, missing="mean", test_fraction=0)
    first, second, third = data.features["alice"][0].tolist()
    assert second[0] - first[0] == 2.5
    assert (first[1], second[1], third[1]) == (5, 0, 2.5)
