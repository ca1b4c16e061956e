"""What nobody sees: characters of no width, letters made in two ways, and keys but for marks."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

from tests.odd.case import ROWS, TWO_FILES, Case, parquet, rows
from tests.odd.joins import bank, number, partner, same, two

NUMBERS = [row % 2 for row in range(ROWS)]
TOWNS = ("Köln", "Bonn", "Ulm")
UNSEEN = {
    "a zero-width space": "\u200b",
    "a left-to-right mark": "\u200e",
    "a right-to-left mark": "\u200f",
    "a byte order mark": "\ufeff",
    "a soft hyphen": "\u00ad",
    "a no-break space": "\u00a0",
    "an isolate": "\u2066",
}


def town(row: int) -> str:
    return TOWNS[row % 3]


def decomposed(text: str) -> str:
    return unicodedata.normalize("NFD", text)


def one(cell: Callable[[int], object], clean: Callable[[int], object], *more: str) -> Case:
    return Case({"rows.csv": rows(cell)}, {"rows.csv": rows(clean)}, more=more)


def some(row: int, odd: str, plain: str) -> str:
    """Every third as the one, the rest as the other."""
    return plain if row % 3 else odd


def lookalikes(ids: Callable[[int], object], others: Callable[[int], str]) -> Case:
    """Keys of which every third one is written otherwise by the partner."""
    other = partner(lambda row: some(row, others(row), str(ids(row))))
    return Case(two(bank(ids), other), spec=TWO_FILES, warned=("bank.csv:2", "partner.csv:2"))


def with_unseen(mark: str) -> dict[str, Case]:
    """A character that nobody sees at the end of a number, a word, a name, a key."""
    return {
        "before numbers": one(lambda row: f"{mark}{row}", lambda row: row),
        "behind some words": one(lambda row: some(row, town(row) + mark, town(row)), town),
        "in the header": Case(
            {"rows.csv": rows(town, header=("a", f"b{mark}", "y"))}, {"rows.csv": rows(town)}
        ),
        "behind some keys": same(
            two(bank(), partner(lambda row: some(row, f"{number(row)}{mark}", f"{number(row)}")))
        ),
    }


CASES: dict[str, Case] = {
    **{
        f"{name} {where}": case
        for name, mark in UNSEEN.items()
        for where, case in with_unseen(mark).items()
    },
    "decomposed letters in some words": one(
        lambda row: some(row // 3, decomposed(town(row)), town(row)), town
    ),
    "decomposed letters in the header": Case(
        {"rows.csv": rows(town, header=("a", decomposed("é"), "y"))},
        {"rows.csv": rows(town, header=("a", "é", "y"))},
        overrides=("parties.bob.columns=[é]",),
    ),
    "decomposed letters in the partner's keys": same(
        two(bank(lambda row: f"Ö{row}"), partner(lambda row: decomposed(f"Ö{row}"))),
        twin=two(bank(lambda row: f"Ö{row}"), partner(lambda row: f"Ö{row}")),
    ),
    "decomposed letters in some labels": Case(
        {
            "rows.csv": rows(
                town, y=lambda row: some(row, decomposed("né"), "né") if row % 2 else "à"
            )
        },
        {"rows.csv": rows(town, y=lambda row: "né" if row % 2 else "à")},
    ),
    "a blank in a column's name of Parquet": Case(
        {"rows.csv": parquet(**{"a": NUMBERS, " b ": NUMBERS, "y": NUMBERS})},
        told=("no column 'b'", "did you mean ' b '?"),
    ),
    "words that differ by case": Case(
        {"rows.csv": rows(lambda row: town(row) if row % 2 else town(row).upper())},
        warned=("bob", "'Bonn'", "'BONN'"),
    ),
    "words that differ by blanks": Case(
        {"rows.csv": rows(lambda row: "New York" if row % 2 else "New  York")},
        warned=("bob", "'New York'", "'New  York'"),
    ),
    "some keys with midnight": lookalikes(
        lambda row: f"2026-01-{row + 1:02}" if row < 31 else f"2026-02-{row - 30:02}",
        lambda row: f"2026-01-{row + 1:02} 00:00:00",
    ),
    "some keys with one more zero": lookalikes(lambda row: f"{row}.5", lambda row: f"{row}.50"),
    "some keys with thousands": lookalikes(lambda row: 1000 + row, lambda row: f'"1,{row:03}"'),
    "some keys with two blanks": lookalikes(lambda row: f"C {row}", lambda row: f"C  {row}"),
    "some keys with an apostrophe before": lookalikes(number, lambda row: f"'{number(row)}"),
    "some keys with a number sign": lookalikes(number, lambda row: f"#{number(row)}"),
    "some keys as formulas": lookalikes(number, lambda row: f'"=""{number(row)}"""'),
    "the label in the partner's file, too": same(
        two(
            bank(),
            "id,x0,y\n" + "".join(f"{number(row)},{row % 5}.25,{row % 2}\n" for row in range(ROWS)),
        )
    ),
}
