"""Files of several organisations come together by key, and samples are a function of their rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from splitrun.errors import DataError, SpecError
from splitrun.party import Parties
from splitrun.spec import loads

Rows = Sequence[Sequence[object]]


def write(path: Path, header: str, rows: Rows) -> None:
    lines = [header, *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def content(**changes: Any) -> dict[str, Any]:
    """A bank with the label and a partner, each with a file of its own."""
    bottom = {"type": "mlp", "hidden": [4], "out": 2}
    parties: dict[str, dict[str, Any]] = {
        "bank": {"path": "bank.csv", "columns": "*", "bottom": bottom},
        "partner": {"path": "partner.csv", "columns": "*", "bottom": bottom},
    }
    for name, keys in changes.pop("parties", {}).items():
        parties[name] = {
            key: value for key, value in {**parties.get(name, {}), **keys}.items() if value
        }
    return {
        "name": "joined",
        "dataset": {"type": "csv", "key": "id", "label": "y", "batch_size": 8} | changes,
        "parties": parties,
        "top": {
            "party": "bank",
            "loss": "binary_cross_entropy",
            "model": {"type": "mlp", "hidden": [4], "out": 1},
        },
    }


def loaded(directory: Path, **changes: Any) -> Parties:
    document = loads(yaml.safe_dump(content(**changes), sort_keys=False), "spec.yaml")
    with document.located():
        return Parties.load(document.spec, directory)


def bank_rows(ids: Sequence[object]) -> list[list[object]]:
    return [[key, index % 2, index * 1.5] for index, key in enumerate(ids)]


def partner_rows(ids: Sequence[object]) -> list[list[object]]:
    return [[key, index * -0.5] for index, key in enumerate(ids)]


def write_both(directory: Path, bank: Rows, partner: Rows) -> None:
    write(directory / "bank.csv", "id,y,x0", bank)
    write(directory / "partner.csv", "id,x0", partner)


def keys_of(parties: Parties, party: str) -> list[str]:
    keys = parties.by_name[party].data.keys
    assert keys is not None
    return [keys.at(row) for row in range(len(keys.codes))]


def assert_same(one: Parties, other: Parties) -> None:
    assert one.digests == other.digests
    for party in one:
        mine, theirs = party.data, other.by_name[party.name].data
        assert mine.encoder == theirs.encoder
        for ids in (mine.train_ids, mine.test_ids):
            assert all(map(torch.equal, mine.batch(ids), theirs.batch(ids)))


IDS = [f"C-{index:02}" for index in range(40)]


@settings(max_examples=20)
@given(
    bank=st.permutations(range(40)),
    partner=st.permutations(range(40)),
    only_bank=st.sets(st.integers(0, 39), max_size=5),
    only_partner=st.sets(st.integers(0, 39), max_size=5),
)
def test_samples_are_a_function_of_the_common_rows_whatever_their_order_and_whatever_else_there_is(
    tmp_path_factory: pytest.TempPathFactory,
    bank: Sequence[int],
    partner: Sequence[int],
    only_bank: set[int],
    only_partner: set[int],
) -> None:
    directory = tmp_path_factory.mktemp("rows")
    every = bank_rows(IDS), partner_rows(IDS)
    common = [index for index in range(40) if index not in only_bank | only_partner]
    write_both(directory, *([rows[index] for index in common] for rows in every))
    apart = loaded(directory)
    write_both(
        directory,
        [every[0][index] for index in bank if index not in only_partner],
        [every[1][index] for index in partner if index not in only_bank],
    )
    mixed = loaded(directory)
    assert_same(apart, mixed)
    assert keys_of(mixed, "bank") == keys_of(mixed, "partner") == [IDS[it] for it in common]


def test_counts_are_told_and_no_key(tmp_path: Path) -> None:
    write_both(tmp_path, bank_rows(IDS[:30]), partner_rows(IDS[10:]))
    join = loaded(tmp_path).join
    assert join is not None
    assert join.record.rows == {"bank": 30, "partner": 30}
    assert (join.record.common, join.record.order) == (20, "key")
    assert [IDS[row] for row in join.lone["partner"].tolist()] == IDS[:10]


def test_what_is_missing_in_rows_without_a_partner_does_not_matter(tmp_path: Path) -> None:
    bank = [[key, label, "" if key == IDS[3] else x] for key, label, x in bank_rows(IDS)]
    write_both(tmp_path, bank, partner_rows(IDS[5:]))
    loaded(tmp_path)
    write_both(tmp_path, bank, partner_rows(IDS))
    with pytest.raises(DataError, match=r"bank\.csv:5: no number in column 'x0'"):
        loaded(tmp_path)


def test_a_party_may_name_the_key_otherwise(tmp_path: Path) -> None:
    write_both(tmp_path, bank_rows(IDS), partner_rows(IDS))
    same = loaded(tmp_path)
    write(tmp_path / "partner.csv", "client,x0", partner_rows(IDS)[::-1])
    assert_same(same, loaded(tmp_path, parties={"partner": {"key": "client"}}))


def test_one_file_with_a_key_gives_the_same_samples(tmp_path: Path) -> None:
    write_both(tmp_path, bank_rows(IDS), partner_rows(IDS))
    apart = loaded(tmp_path)
    joined = [
        [*row, other[1]] for row, other in zip(bank_rows(IDS), partner_rows(IDS), strict=True)
    ]
    write(tmp_path / "all.csv", "id,y,x0,x1", joined[::-1])
    parties = {
        "bank": {"path": None, "columns": ["x0"]},
        "partner": {"path": None, "columns": ["x1"]},
    }
    together = loaded(tmp_path, path="all.csv", parties=parties)
    for name in ("bank", "partner"):
        assert torch.equal(
            apart.by_name[name].data.features[0], together.by_name[name].data.features[0]
        )
    assert keys_of(together, "partner") == IDS


MANY: dict[str, Any] = {
    "key": None,
    "parties": {
        "bank": {"columns": ["x0"]},
        "partner": {"key": "id", "on": "client"},
    },
}


def write_many(directory: Path, clients: Sequence[str], partner: Rows) -> None:
    rows = [[client, row % 2, row * 1.5] for row, client in enumerate(clients)]
    write(directory / "bank.csv", "client,y,x0", rows)
    write(directory / "partner.csv", "id,x0", partner)


@settings(max_examples=20)
@given(
    clients=st.lists(st.sampled_from(IDS[:9]), min_size=20, max_size=30),
    order=st.permutations(range(9)),
)
def test_many_rows_that_refer_to_one_are_encoded_as_the_joined_table_is(
    tmp_path_factory: pytest.TempPathFactory, clients: Sequence[str], order: Sequence[int]
) -> None:
    directory = tmp_path_factory.mktemp("rows")
    partner = partner_rows(IDS[:9])
    write_many(directory, clients, [partner[index] for index in order])
    apart = loaded(directory, **MANY)
    rows = [
        [row % 2, row * 1.5, partner[IDS.index(client)][1]] for row, client in enumerate(clients)
    ]
    write(directory / "all.csv", "y,x0,x1", rows)
    parties = {
        "bank": {"path": None, "columns": ["x0"]},
        "partner": {"path": None, "columns": ["x1"]},
    }
    together = loaded(directory, key=None, path="all.csv", parties=parties)
    for name in ("bank", "partner"):
        mine, theirs = apart.by_name[name].data, together.by_name[name].data
        assert torch.equal(mine.train_ids, theirs.train_ids)
        for ids in (mine.train_ids, mine.test_ids):
            assert all(map(torch.equal, mine.batch(ids), theirs.batch(ids)))
    assert apart.join is not None
    assert apart.join.record.order == "file"
    assert len(apart.by_name["partner"].data.features[0]) == len(set(clients))
    assert keys_of(apart, "partner") == list(clients)


def test_without_keys_rows_are_joined_by_their_order_which_is_told(tmp_path: Path) -> None:
    write(tmp_path / "bank.csv", "y,x0", [row[1:] for row in bank_rows(IDS)])
    write(tmp_path / "partner.csv", "x0", [row[1:] for row in partner_rows(IDS)])
    join = loaded(tmp_path, key=None).join
    assert join is not None
    assert join.record.order == "trusted"
    write(tmp_path / "partner.csv", "x0", [row[1:] for row in partner_rows(IDS[:-1])])
    with pytest.raises(DataError, match=r"has 40 rows, and .*partner.csv 39: .* as dataset\.key"):
        loaded(tmp_path, key=None)


def test_rows_of_test_files_are_held_out_whatever_the_order_of_keys(tmp_path: Path) -> None:
    write(tmp_path / "new.csv", "id,y,x0", bank_rows(IDS[::4]))
    write_both(
        tmp_path, [row for row in bank_rows(IDS) if row[0] not in IDS[::4]], partner_rows(IDS)
    )
    parties = loaded(tmp_path, parties={"bank": {"test_path": "new.csv"}})
    for party in parties:
        assert party.data.test_ids.tolist() == list(range(0, 40, 4))
    assert keys_of(parties, "bank") == IDS
    write(tmp_path / "new.csv", "id,y,x0", bank_rows(IDS[:2]))
    with pytest.raises(DataError, match=r"new\.csv:3: the key 'C-01' .*bank\.csv:2, too; keep"):
        loaded(tmp_path, parties={"bank": {"test_path": "new.csv"}})


Keys = Sequence[object]
REFUSED: Mapping[str, tuple[Keys, Keys, str]] = {
    "twice at the label holder": (
        ["a", "b", "a"],
        ["a", "b"],
        r"bank\.csv:4: the key 'a' in column 'id' is that of .*bank\.csv:2, too; keep one of the "
        r"rows or, if rows may refer to the same one, use ~dataset\.key parties\.partner\.key=id "
        r"parties\.partner\.on=id",
    ),
    "twice at a partner": (
        ["a", "b", "c"],
        ["c", "b", "b"],
        r"partner\.csv:4: the key 'b' in column 'id' is that of .*partner\.csv:3, too; keep one of "
        r"the rows$",
    ),
    "none": (["a", "b"], ["a", " "], r"partner\.csv:3: no key in column 'id', as in 1 row"),
    "zeros": (
        ["7", "8"],
        ["007", "8"],
        r"bank\.csv:2: the key '7', and '007' at .*partner\.csv:2: as numbers they are the same; "
        r"use dataset\.key_type=integer for that, or dataset\.key_type=text",
    ),
    "numbers with a point": (["7", "8"], ["7.0", "8.0"], "as numbers they are the same; use"),
    "case": (["a", "b"], ["A", "b"], "they differ by upper and lower case alone; write them alike"),
    "case in one file": (["a", "b"], ["b", "a", "A"], r"partner\.csv:4: the key 'A', and 'a' at"),
    "nothing in common": (
        ["17", "18"],
        ["C-17", "C-18"],
        r"bank\.csv: of 2 rows, none has a partner among the 2 rows of .*partner\.csv, by id and "
        r"id; those keys look like 99 and A-99; check dataset\.key",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_keys_that_cannot_be_right_are_refused_with_both_places_and_a_remedy(
    case: str, tmp_path: Path
) -> None:
    bank, partner, message = REFUSED[case]
    write_both(tmp_path, bank_rows(bank), partner_rows(partner))
    with pytest.raises(DataError, match=message):
        loaded(tmp_path)


def test_blanks_around_a_key_are_no_part_of_it(tmp_path: Path) -> None:
    write_both(tmp_path, bank_rows(["a", " b", "c"]), partner_rows(['"a "', "b", "c"]))
    assert keys_of(loaded(tmp_path), "bank") == ["a", "b", "c"]


def test_the_remedies_of_keys_work(tmp_path: Path) -> None:
    write_both(tmp_path, bank_rows(["7", "8", "9"]), partner_rows(["009", "007", "8.0"]))
    assert keys_of(loaded(tmp_path, key_type="integer"), "partner") == ["007", "8.0", "009"]
    write_both(tmp_path, bank_rows(["7", "8", "9"]), partner_rows(["007", "8", "9", "08"]))
    assert keys_of(loaded(tmp_path, key_type="text", test_fraction=0), "bank") == ["8", "9"]
    write_both(tmp_path, bank_rows(["7", "x"]), partner_rows(["7", "8"]))
    with pytest.raises(DataError, match=r"bank\.csv:3: the key 'x' is no integer; mend it, or use"):
        loaded(tmp_path, key_type="integer")


def test_rows_of_the_label_holder_may_share_a_partner_as_the_remedy_says(tmp_path: Path) -> None:
    write_both(tmp_path, bank_rows(["a", "b", "a"]), partner_rows(["a", "b"]))
    parties = loaded(tmp_path, key=None, parties={"partner": {"key": "id", "on": "id"}})
    assert keys_of(parties, "partner") == ["a", "b", "a"]


def test_hardly_anything_in_common_is_warned_of(tmp_path: Path) -> None:
    write_both(tmp_path, bank_rows(IDS), partner_rows([*IDS[:3], *(f"D-{it}" for it in IDS)]))
    join = loaded(tmp_path).join
    assert join is not None
    [warning] = join.warnings
    assert "rows, 3 have a partner among the" in warning


UNFIT: Mapping[str, tuple[dict[str, Any], str]] = {
    "a file for all, and one for each": (
        {"path": "all.csv"},
        "dataset.path: parties have files of their own",
    ),
    "one without a file": (
        {"parties": {"partner": {"path": None}}},
        "parties.partner: has no path, and others have; add parties.partner.path",
    ),
    "no file at all": (
        {"parties": {"bank": {"path": None}, "partner": {"path": None}}},
        "dataset: names no file; add dataset.path, or a path for each",
    ),
    "one without a key": (
        {"key": None, "parties": {"bank": {"key": "id"}}},
        "parties.partner: has no key, and others have; add parties.partner.key",
    ),
    "no reference": (
        {"key": None, "parties": {"partner": {"key": "id"}}},
        "parties.partner.key: nothing refers to it: bank has no key; add parties.partner.on",
    ),
    "the label holder refers to itself": (
        {"parties": {"bank": {"on": "id"}}},
        "parties.bank.on: the label holder's rows refer to the keys of others; move it",
    ),
    "a key of its own in one file for all": (
        {"path": "all.csv"}
        | {"parties": {"bank": {"path": None}, "partner": {"path": None, "key": "it"}}},
        "parties.partner.key: is for a party with a file of its own, and all share dataset.path; "
        "use dataset.key",
    ),
    "the label for a reference": (
        {"parties": {"partner": {"on": "y"}}},
        "parties.partner.on: 'y' is the label; name the column of bank that refers to its key",
    ),
    "the label for a key": ({"key": "y"}, "dataset.label: 'y' is the key, too"),
}


@pytest.mark.parametrize("case", UNFIT)
def test_files_that_cannot_belong_together_are_refused_by_the_spec_alone(case: str) -> None:
    changes, message = UNFIT[case]
    with pytest.raises(SpecError) as caught:
        loads(yaml.safe_dump(content(**changes), sort_keys=False), "spec.yaml")
    assert message in str(caught.value)


HEADERS: Mapping[str, tuple[dict[str, Any], str]] = {
    "the key": (
        {"parties": {"partner": {"key": "idd"}}},
        r"parties\.partner\.key: no column 'idd' in partner's file; did you mean 'id'\?",
    ),
    "the dataset's key": (
        {"key": "y_id", "parties": {"bank": {"key": "id"}}},
        r"dataset\.key: no column 'y_id' in partner's file; .* told by parties\.partner\.key",
    ),
    "a reference": (
        {"parties": {"partner": {"on": "idx"}}},
        r"parties\.partner\.on: no column 'idx' in bank's file; did you mean 'id'\?",
    ),
    "a column": (
        {"parties": {"partner": {"columns": ["x00"]}}},
        r"parties\.partner\.columns\[0\]: no column 'x00' in partner's file; did you mean 'x0'\?",
    ),
    "a dropped column": (
        {"parties": {"bank": {"columns": {"drop": ["y1"]}}}},
        r"parties\.bank\.columns\.drop\[0\]: no column 'y1' in bank's file",
    ),
    "a category": (
        {"parties": {"bank": {"reading": {"categorical": ["x1"]}}}},
        r"parties\.bank\.reading\.categorical\[0\]: no column 'x1' in bank's file",
    ),
    "the key as a column": (
        {"parties": {"partner": {"columns": ["id", "x0"]}}},
        r"parties\.partner\.columns\[0\]: 'id' is the key, another one in every row; take it off",
    ),
    "the label": ({"label": "yy"}, r"dataset\.label: no column 'yy' in bank's file"),
}


@pytest.mark.parametrize("case", HEADERS)
def test_headers_that_lack_a_column_are_told_with_the_place_in_the_spec(
    case: str, tmp_path: Path
) -> None:
    changes, message = HEADERS[case]
    write_both(tmp_path, bank_rows(IDS), partner_rows(IDS))
    with pytest.raises(SpecError, match=rf"^spec\.yaml:\d+:\d+: {message}"):
        loaded(tmp_path, **changes)
