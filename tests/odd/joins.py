"""Keys as two organisations write them, each in its own file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tests.odd.case import ROWS, TWO_FILES, Case, npz, parquet

Ids = Callable[[int], object]

BANK_ROWS = range(ROWS)


def number(row: int) -> int:
    return 100 + row


def bank(ids: Ids = number, order: Sequence[int] = BANK_ROWS, key: str = "id") -> str:
    """The label holder's file."""
    lines = [f"{key},x0,y", *(f"{ids(row)},{row % 7}.5,{row % 2}" for row in order)]
    return "\n".join(lines) + "\n"


def partner(ids: Ids = number, order: Sequence[int] = BANK_ROWS, key: str = "id") -> str:
    """The other's."""
    lines = [f"{key},x0", *(f"{ids(row)},{row % 5}.25" for row in order)]
    return "\n".join(lines) + "\n"


def two(own: str | bytes, other: str | bytes) -> dict[str, str | bytes]:
    return {"bank.csv": own, "partner.csv": other}


PLAIN = two(bank(), partner())
BACKWARDS = tuple(reversed(range(ROWS)))
SHUFFLED = tuple(row * 7 % ROWS for row in range(ROWS))
SOME = tuple(row for row in range(ROWS) if row % 10)
OTHERS = tuple(row for row in range(ROWS) if row % 9)
BOTH = tuple(row for row in SOME if row in OTHERS)


def same(
    files: Mapping[str, str | bytes], *more: str, twin: Mapping[str, str | bytes] = PLAIN
) -> Case:
    return Case(files, twin, more=more, spec=TWO_FILES)


def refused(
    files: Mapping[str, str | bytes],
    *told: str,
    remedy: Sequence[str] = (),
    twin: Mapping[str, str | bytes] | None = None,
    more: Sequence[str] = (),
) -> Case:
    return Case(
        files,
        (twin or PLAIN) if remedy else None,
        told,
        tuple(remedy),
        more=tuple(more),
        spec=TWO_FILES,
    )


def text(row: int) -> str:
    return f"C{100 + row}"


def with_id(row: int, cell: str, ids: Ids = number) -> Ids:
    """The ids, but in this row, counted from 0, another."""
    return lambda each: cell if each == row else ids(each)


XS = [row % 7 + 0.5 for row in range(ROWS)]
ZS = [row % 5 + 0.25 for row in range(ROWS)]
YS = [str(row % 2) for row in range(ROWS)]

INTEGER = ("dataset.key_type=integer",)

CASES: dict[str, Case] = {
    # --- as they are -----------------------------------------------------------------------------
    "in the same order": same(PLAIN),
    "one backwards": same(two(bank(), partner(order=BACKWARDS))),
    "both in disorder": same(two(bank(order=SHUFFLED), partner(order=BACKWARDS))),
    "each without some": same(
        two(bank(order=SOME), partner(order=OTHERS)),
        twin=two(bank(order=BOTH), partner(order=BOTH)),
    ),
    "the key last": same(
        two(bank(), "x0,id\n" + "".join(f"{row % 5}.25,{number(row)}\n" for row in range(ROWS)))
    ),
    "words": same(two(bank(text), partner(text, BACKWARDS)), twin=two(bank(text), partner(text))),
    "quoted": same(two(bank(lambda row: f'"{number(row)}"'), partner())),
    "another name at the partner's": same(
        two(bank(), partner(key="client")), "parties.partner.key=client"
    ),
    "another name at the label holder's": same(
        two(bank(key="customer"), partner()), "parties.bank.key=customer"
    ),
    "rows that nobody shares are not looked at": same(
        two(bank(), partner() + "7,\n8,\n"), twin=PLAIN
    ),
    "negative": same(
        two(bank(lambda row: -1 - row), partner(lambda row: -1 - row, BACKWARDS)),
        twin=two(bank(lambda row: -1 - row), partner(lambda row: -1 - row)),
    ),
    "beyond 2^53": same(
        two(bank(lambda row: 2**60 + row), partner(lambda row: 2**60 + row, BACKWARDS)),
        twin=two(bank(lambda row: 2**60 + row), partner(lambda row: 2**60 + row)),
    ),
    "leading zeros on both sides": same(
        two(bank(lambda row: f"{row:04}"), partner(lambda row: f"{row:04}", BACKWARDS)),
        twin=two(bank(lambda row: f"{row:04}"), partner(lambda row: f"{row:04}")),
    ),
    "umlauts": same(
        two(bank(lambda row: f"Ö{row}"), partner(lambda row: f"Ö{row}", BACKWARDS)),
        twin=two(bank(lambda row: f"Ö{row}"), partner(lambda row: f"Ö{row}")),
    ),
    "e-mail addresses": same(
        two(bank(lambda row: f"p{row}@a.org"), partner(lambda row: f"p{row}@a.org", BACKWARDS)),
        twin=two(bank(lambda row: f"p{row}@a.org"), partner(lambda row: f"p{row}@a.org")),
    ),
    "dates": same(
        two(
            bank(lambda row: f"2026-01-{row + 1:02}"),
            partner(lambda row: f"2026-01-{row + 1:02}", BACKWARDS),
        ),
        twin=two(
            bank(lambda row: f"2026-01-{row + 1:02}"), partner(lambda row: f"2026-01-{row + 1:02}")
        ),
    ),
    # --- twice -----------------------------------------------------------------------------------
    "twice at the partner's": refused(
        two(bank(), partner() + "100,9.5\n"), "partner.csv:42", "'100'", "partner.csv:2"
    ),
    "twice at the label holder's": refused(
        two(bank() + "100,9.5,1\n", partner()), "bank.csv:42", "'100'", "bank.csv:2"
    ),
    "a whole row twice": refused(
        two(bank(), partner() + partner().splitlines()[-1] + "\n"), "partner.csv:42"
    ),
    "every one the same": refused(two(bank(), partner(lambda _: 100)), "partner.csv:3", "'100'"),
    # --- missing ---------------------------------------------------------------------------------
    "empty at the partner's": refused(two(bank(), partner(with_id(3, ""))), "partner.csv:5"),
    "empty at the label holder's": refused(two(bank(with_id(3, "")), partner()), "bank.csv:5"),
    "blank": refused(two(bank(), partner(with_id(3, "  "))), "partner.csv:5"),
    "NA": refused(two(bank(), partner(with_id(3, "NA"))), "partner.csv:5"),
    "NULL at the label holder's": refused(two(bank(with_id(3, "NULL")), partner()), "bank.csv:5"),
    "nan, of pandas": refused(two(bank(), partner(with_id(3, "nan"))), "partner.csv:5"),
    # --- written otherwise -----------------------------------------------------------------------
    "007 against 7": refused(
        two(bank(lambda row: row), partner(lambda row: f"{row:03}")),
        "bank.csv:2",
        "partner.csv:2",
        "'000'",
        remedy=INTEGER,
        twin=two(bank(lambda row: row), partner(lambda row: row)),
    ),
    "some with zeros": refused(
        two(bank(lambda row: row), partner(lambda row: f"{row:02}")),
        "'00'",
        remedy=INTEGER,
        twin=two(bank(lambda row: row), partner(lambda row: row)),
    ),
    "floats, as pandas writes where some are missing": refused(
        two(bank(), partner(lambda row: f"{number(row)}.0")),
        "partner.csv:2",
        "'100.0'",
        remedy=INTEGER,
    ),
    "floats on both sides": same(
        two(bank(lambda row: f"{number(row)}.0"), partner(lambda row: f"{number(row)}.0"))
    ),
    "Excel's 1.23E+12": refused(
        two(bank(lambda row: 1_230_000_000_000 + row), partner(lambda _: "1.23E+12")),
        "partner.csv:",
    ),
    "with a comma for thousands": refused(
        two(bank(lambda row: 1000 + row), partner(lambda row: f'"{1000 + row:,}"')),
        "partner.csv",
        "9,999",
    ),
    "capitals against small letters": refused(
        two(bank(text), partner(lambda row: text(row).lower())), "'C100'", "'c100'"
    ),
    "blanks within quotes": same(
        two(bank(text), partner(lambda row: f'" {text(row)}"')), twin=two(bank(text), partner(text))
    ),
    "a hyphen within": refused(
        two(bank(text), partner(lambda row: f"C-{100 + row}")), "40 rows", "A999 and A-999"
    ),
    "a prefix": refused(
        two(bank(), partner(lambda row: f"ID{number(row)}")), "40 rows", "999 and AA999"
    ),
    "an apostrophe before, for Excel": refused(
        two(bank(), partner(lambda row: f"'{number(row)}")), "partner.csv"
    ),
    "Excel's formulas": refused(
        two(bank(), partner(lambda row: f'"=""{number(row)}"""')), "partner.csv"
    ),
    "words under key_type integer": refused(
        two(bank(text), partner(text)), "'C100' is no integer", more=INTEGER
    ),
    "zeros under key_type text": Case(
        two(bank(lambda row: row), partner(lambda row: f"{row:02}")),
        two(
            bank(lambda row: row, order=range(10, ROWS)),
            partner(lambda row: row, order=range(10, ROWS)),
        ),
        more=("dataset.key_type=text",),
        spec=TWO_FILES,
    ),
    # --- few or none -----------------------------------------------------------------------------
    "none in common": refused(
        two(bank(), partner(lambda row: 5000 + row)), "40 rows", "none has a partner"
    ),
    "one in common": refused(two(bank(), partner(lambda row: 139 + row)), "1"),
    "a wrong column for a key": refused(
        two(bank(), partner()), "x0", more=["parties.partner.key=x0"]
    ),
    "no such key": refused(
        two(bank(), partner(key="ident")),
        "partner's file",
        "'id'",
        "ident",
        remedy=["parties.partner.key=ident"],
    ),
    "no key, and files of one length": Case(
        two(bank().replace("id,", "q,"), partner().replace("id,", "q,")),
        PLAIN,
        more=(
            "~dataset.key",
            "parties.bank.columns=[x0]",
            "parties.partner.columns=[x0]",
        ),
        spec=TWO_FILES,
    ),
    "no key, and files of other lengths": refused(
        two(bank(), partner(order=SOME)), "40", "36", "dataset.key", more=["~dataset.key"]
    ),
    # --- many to one ------------------------------------------------------------------------------
    "many rows refer to one of the partner's": Case(
        {
            "bank.csv": "id,store,x0,y\n"
            + "".join(f"{number(row)},{row % 4},{row % 7}.5,{row % 2}\n" for row in range(ROWS)),
            "partner.csv": "store,x0\n" + "".join(f"{store},{store}.25\n" for store in range(4)),
        },
        {
            "bank.csv": bank(),
            "partner.csv": "id,x0\n"
            + "".join(f"{number(row)},{row % 4}.25\n" for row in range(ROWS)),
        },
        more=("parties.partner.key=store", "parties.partner.on=store"),
        spec=TWO_FILES,
    ),
    "many to one the wrong way round": refused(
        {
            "bank.csv": bank(lambda row: row, order=range(20)),
            "partner.csv": "id,x0\n" + "".join(f"{row % 20},{row}.25\n" for row in range(ROWS)),
        },
        "partner.csv:22",
        "'0'",
    ),
    "no such column for on": refused(PLAIN, "'store'", "bank", more=["parties.partner.on=store"]),
    # --- other files ------------------------------------------------------------------------------
    "whole numbers in Parquet": same(
        {
            "bank.csv": bank(),
            "partner.csv": parquet(id=[number(row) for row in range(ROWS)], x0=ZS),
        }
    ),
    "text in Parquet": same(
        {
            "bank.csv": bank(),
            "partner.csv": parquet(id=[str(number(row)) for row in range(ROWS)], x0=ZS),
        }
    ),
    "text with zeros in Parquet": refused(
        {
            "bank.csv": bank(lambda row: row),
            "partner.csv": parquet(id=[f"{row:03}" for row in range(ROWS)], x0=ZS),
        },
        "partner.csv",
        "'000'",
        remedy=INTEGER,
        twin=two(bank(lambda row: row), partner(lambda row: row)),
    ),
    "floats in Parquet": same(
        {
            "bank.csv": bank(),
            "partner.csv": parquet(id=[float(number(row)) for row in range(ROWS)], x0=ZS),
        }
    ),
    "a null in Parquet": refused(
        {
            "bank.csv": bank(),
            "partner.csv": parquet(
                id=[None if row == 3 else number(row) for row in range(ROWS)], x0=ZS
            ),
        },
        "partner.csv",
        "row 4",
    ),
    "NumPy": same(
        {
            "bank.csv": bank(),
            "partner.csv": npz(id=[number(row) for row in range(ROWS)], x0=ZS),
        }
    ),
    "NumPy text": same(
        {
            "bank.csv": bank(),
            "partner.csv": npz(id=[str(number(row)) for row in range(ROWS)], x0=ZS),
        }
    ),
    "both in Parquet": same(
        {
            "bank.csv": parquet(id=[number(row) for row in range(ROWS)], x0=XS, y=YS),
            "partner.csv": parquet(id=[number(row) for row in BACKWARDS], x0=ZS[::-1]),
        }
    ),
    # --- files and keys of parties ----------------------------------------------------------------
    "no such file": refused({"bank.csv": bank()}, "partner.csv", "No such file"),
    "a party without a file": refused(PLAIN, "partner", "path", more=["~parties.partner.path"]),
    "a file for all beside one for each": refused(
        PLAIN, "dataset.path", more=["dataset.path=bank.csv"]
    ),
    "a delimiter of the partner's own": same(
        two(bank(), partner().replace(",", ";")), "parties.partner.reading={delimiter: ';'}"
    ),
    "a delimiter of the partner's own, not told": refused(
        two(bank(), partner().replace(",", ";")),
        "partner.csv:1",
        "parties.partner.reading",
        remedy=["parties.partner.reading.delimiter=';'"],
    ),
    "decimal commas of the partner's own": refused(
        two(bank(), partner().replace(",", ";").replace(".", ",")),
        "partner.csv:2",
        "parties.partner.reading",
        remedy=["parties.partner.reading.decimal=','"],
        more=["parties.partner.reading.delimiter=';'"],
    ),
    "the key among the columns": refused(
        PLAIN, "'id'", "key", more=["parties.partner.columns=[id, x0]"]
    ),
    "a column dropped that is not there": refused(
        PLAIN, "'x1'", more=["parties.partner.columns={drop: [x1]}"]
    ),
    "all columns dropped": refused(PLAIN, "partner", more=["parties.partner.columns={drop: [x0]}"]),
    "the label in both files, by another name there": Case(
        two(
            bank(order=range(2 * ROWS)),
            "id,x0,target\n"
            + "".join(f"{number(row)},{row % 5}.25,{row % 2}\n" for row in range(80)),
        ),
        warned=("partner", "'target' tells the label"),
        spec=TWO_FILES,
    ),
}
