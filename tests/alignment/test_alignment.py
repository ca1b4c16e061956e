"""Two columns of keys on two machines: the label holder finds what both have, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splitrun.alignment import Answer, Document, Found, PartnerKeys, Question, Samples, ask
from splitrun.alignment.documents import MOST_PART_BYTES, in_parallel
from splitrun.data import KeyColumn, SplitRows
from splitrun.data.table import Categories, Table
from splitrun.errors import DataError
from splitrun.spec.files import Align, KeyType

WAYS: Sequence[Align] = ["hmac", "psi"]
KEYS = st.text("abcäö019 -", min_size=1, max_size=6).map(str.strip).filter(bool)


def column(keys: Sequence[str], key_type: KeyType = "text", name: str = "bank") -> KeyColumn:
    values = tuple(dict.fromkeys(keys))
    codes = np.array([values.index(key) for key in keys], np.int64)
    columns = {"id": Categories(codes, values)}
    table = Table(f"{name}.csv", len(keys), columns, lambda row: f"{name}.csv:{row + 2}")
    return KeyColumn(name, "id", table, key_type)


def talk(question: Question, answer: Answer) -> Found:
    """What a question and its answer come to."""
    for part in _parts(question.document()):
        answer.take(part)
    for part in _parts(answer.document()):
        question.take(part)
    return question.found()


def _parts(document: Document) -> list[bytes]:
    parts = list(document.content)
    assert len(parts) == document.parts
    assert all(len(part) <= MOST_PART_BYTES for part in parts)
    return parts


def found_rows(
    way: Align, mine: Sequence[str], theirs: Sequence[str], key_type: KeyType = "text"
) -> list[int]:
    """For each of the label holder's rows, that of the partner; -1 where there is none."""
    references, keys = column(mine, key_type), column(theirs, key_type, "partner")
    answer = Answer.by(way, PartnerKeys.of(keys))
    found = talk(ask(way, references, "partner"), answer)
    assert found.partner_rows == len(theirs)
    positions = found.positions[references.codes]
    rows = np.full(len(mine), -1)
    rows[positions >= 0] = answer.rows_of(positions[positions >= 0], found.texts)
    return rows.tolist()


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=25, deadline=None)
@given(mine=st.lists(KEYS, min_size=1), theirs=st.lists(KEYS, min_size=1, unique=True))
def test_each_row_finds_the_row_with_its_key_and_no_other(
    way: Align, mine: Sequence[str], theirs: Sequence[str]
) -> None:
    expected = [theirs.index(key) if key in theirs else -1 for key in mine]
    assert found_rows(way, mine, theirs) == expected


@settings(max_examples=25, deadline=None)
@given(keys=st.lists(KEYS, min_size=1, unique=True), data=st.data())
def test_the_same_keys_in_another_order_are_sorted(keys: list[str], data: st.DataObject) -> None:
    theirs = data.draw(st.permutations(keys))
    mine = [*keys, *data.draw(st.lists(st.sampled_from(keys)))]
    assert found_rows("sorted", mine, theirs) == [theirs.index(key) for key in mine]
    with pytest.raises(DataError, match=r"not have the same keys: .*; use dataset\.align"):
        found_rows("sorted", mine, [*theirs, "another"])


@pytest.mark.parametrize("way", ["sorted", *WAYS])
def test_integers_are_compared_as_such_if_the_spec_says_so(way: Align) -> None:
    assert found_rows(way, ["007", "8.0"], ["8", "7"], "integer") == [1, 0]


def test_hashes_tell_keys_that_differ_in_how_they_are_written() -> None:
    with pytest.raises(DataError) as caught:
        found_rows("hmac", ["1", "007"], ["1", "7"], "auto")
    assert "the key '007' has no partner, but partner has one that is written otherwise" in str(
        caught.value
    )
    assert found_rows("hmac", ["007", "1"], ["7", "007"], "text") == [1, -1]


def test_more_keys_than_a_part_has_room_for() -> None:
    count = 5_000
    mine, theirs = [f"k{n}" for n in range(count)], [f"k{2 * n}" for n in range(count)]
    expected = [n // 2 if n % 2 == 0 else -1 for n in range(count)]
    for way in WAYS:
        assert found_rows(way, mine, theirs) == expected


@pytest.mark.parametrize("way", WAYS)
def test_nothing_that_is_sent_holds_a_key_or_its_order(way: Align) -> None:
    keys = [f"customer-{n:06d}" for n in range(40)]
    question = ask(way, column(keys), "partner")
    answer = Answer.by(way, PartnerKeys.of(column(keys, name="partner")))
    sent = _parts(question.document())
    for part in sent:
        answer.take(part)
    sent += _parts(answer.document())
    again = Answer.by(way, PartnerKeys.of(column(keys[::-1], name="partner")))
    for part in _parts(ask(way, column(keys), "partner").document()):
        again.take(part)
    assert not any(b"customer" in part for part in sent)
    assert not set(sent[1:]) & set(_parts(again.document())[1:])


@pytest.mark.parametrize(
    ("way", "parts"),
    [
        ("sorted", [b"x" * 100]),
        ("hmac", [b"x" * 33]),
        ("psi", [b"x"]),
        ("psi", [b"\xff" * 8]),
        ("psi", [(2).to_bytes(8, "little"), b"\x02" + b"x" * 31]),
        ("psi", [(2).to_bytes(8, "little"), b"\x02" * 99]),
        ("psi", [(1).to_bytes(8, "little"), b"\x02" * 33, b"\x05" * 66]),
        ("psi", [(1).to_bytes(8, "little"), b"\x02" * 33]),
    ],
)
def test_answers_that_are_none_are_refused(way: Align, parts: Sequence[bytes]) -> None:
    question = ask(way, column(["a", "b"]), "partner")
    _parts(question.document())

    def take_all() -> None:
        for part in parts:
            question.take(part)
        question.found()

    with pytest.raises(ValueError, match=r"\w"):
        take_all()


@pytest.mark.parametrize(
    ("way", "parts"),
    [
        ("hmac", [b"x"]),
        ("psi", [b"x"]),
        ("psi", [(1).to_bytes(8, "little")]),
        ("psi", [(1).to_bytes(8, "little"), b"\x05" * 33]),
        ("psi", [(1).to_bytes(8, "little"), b"\x02" * 66]),
    ],
)
def test_questions_that_are_none_are_refused(way: Align, parts: Sequence[bytes]) -> None:
    answer = Answer.by(way, PartnerKeys.of(column(["a", "b"])))

    def take_all() -> None:
        for part in parts:
            answer.take(part)
        _parts(answer.document())

    with pytest.raises(ValueError, match=r"\w"):
        take_all()


@pytest.mark.parametrize("way", WAYS)
def test_positions_and_keys_that_there_are_not_are_refused(way: Align) -> None:
    answer = Answer.by(way, PartnerKeys.of(column(["a", "b"])))
    question = ask(way, column(["a", "b"]), "partner")
    talk(question, answer)
    texts = ["a"] if way == "psi" else []
    for positions in ([-1], [2]):
        with pytest.raises(ValueError, match="beyond the keys"):
            answer.rows_of(np.array(positions), texts)
    with pytest.raises(ValueError, match="keys"):
        answer.rows_of(np.array([0]), ["c"])


def test_samples_are_told_as_they_are() -> None:
    train, validation, test = (np.array(each, np.int64) for each in ([0, 3], [1], [2, 4]))
    rows = SplitRows(train, validation, test)
    told = Samples.of(rows, "key", np.array([4, 0, 1, 2, 2]), ["a"])
    heard = Samples.decode(b"".join(_parts(told.document())))
    assert [each.tolist() for each in (heard.split.train, heard.split.test)] == [[0, 3], [2, 4]]
    assert heard.of_keys.tolist() == [4, 0, 1, 2, 2]
    assert (heard.order, heard.texts) == ("key", ["a"])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xc1",
        Samples(b"\1\2").document,
        Samples(b"\0\3").document,
        Samples(b"").document,
        Samples(b"\0\1", positions=b"x" * 8).document,
    ],
)
def test_samples_that_are_none_are_refused(content: bytes | Callable[[], Document]) -> None:
    sent = content if isinstance(content, bytes) else b"".join(content().content)
    with pytest.raises(ValueError, match=r"\w"):
        Samples.decode(sent)


def test_what_is_made_in_parallel_comes_in_order_and_errors_come_through() -> None:
    assert list(in_parallel(lambda n: n * n, range(50))) == [n * n for n in range(50)]
    with pytest.raises(ZeroDivisionError):
        list(in_parallel(lambda n: 1 // n, [1, 0, 1]))
