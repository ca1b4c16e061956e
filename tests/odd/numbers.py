"""Numbers as people and programs write them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.odd.case import ONE_FILE, Case, column, rows


def amount(row: int) -> float:
    """A sum of money."""
    return 1000.5 + 37 * row


def whole(row: int) -> int:
    """A number of thousands."""
    return 1000 + 371 * row


def small(row: int) -> float:
    """A number around 0."""
    return row * 0.25 - 3


def us(row: int) -> str:
    """`1,234.50`"""
    return f"{amount(row):,.2f}"


def german(row: int) -> str:
    """`1.234,50`"""
    return us(row).translate(str.maketrans(",.", ".,"))


def quoted(text: str) -> str:
    return f'"{text}"'


def grouped(row: int, by: str, decimal: str = ".") -> str:
    """`1 234.50`, with these marks."""
    return us(row).replace(",", by).replace(".", decimal)


def indian(row: int) -> str:
    """`12,34,567.50`"""
    return f"{12 + row},34,567.50"


def money(written: Callable[[int], str], *units: str, more: Sequence[str] = ()) -> Case:
    """Amounts with a unit."""
    listed = ", ".join(f"'{unit}'" for unit in units)
    return column(
        written,
        amount,
        told=["rows.csv:2", "'b'"],
        remedy=[f"dataset.units=[{listed}]", *more],
    )


def unreadable(cell: Callable[[int], str]) -> Case:
    """What a number was meant by, though none is read; never a category for every row."""
    return column(cell, None, told=["rows.csv:2", "'b'", "dataset.categorical"])


MARKS = {
    "a question mark": "?",
    "a hyphen": "-",
    "two hyphens": "--",
    "a dash": "\u2013",
    "a long dash": "\u2014",
    "SAS's point": ".",
    "SAS's special missing .A": ".A",
    "SPSS's #NULL!": "#NULL!",
    "Excel's #DIV/0!": "#DIV/0!",
    "Excel's #VALUE!": "#VALUE!",
    "Excel's #REF!": "#REF!",
    "Excel's #NAME?": "#NAME?",
    "SQL's backslash N": "\\N",
    "n.a.": "n.a.",
    "German k.A.": "k.A.",
    "unknown": "unknown",
    "nil": "nil",
    "missing": "missing",
    "an asterisk": "*",
    "not applicable": "not applicable",
    "undefined, of JavaScript": "undefined",
    "NaT, of pandas": "NaT",
    "two question marks": "??",
    "x": "x",
    "(null), of Hive": "(null)",
    "(blank), of pivot tables": "(blank)",
    "blank in brackets": "[blank]",
}


def with_mark(mark: str) -> Case:
    """Numbers with a word where there is none."""
    typed = mark.replace("'", "''")
    return column(
        lambda row: mark if row % 9 == 4 else small(row),
        lambda row: "" if row % 9 == 4 else small(row),
        told=["rows.csv:6", f"'{mark}'", "'b'"],
        remedy=[f"dataset.missing_values=['{typed}']"],
        overrides=["dataset.missing=mean"],
    )


USUAL_MARKS = ("NA", "N/A", "#N/A", "NaN", "nan", "-nan", "NULL", "null", "None", "none", "<NA>")


def with_usual_mark(mark: str) -> Case:
    """Numbers with a word that everybody knows for none."""
    return column(
        lambda row: mark if row % 9 == 4 else small(row),
        lambda row: "" if row % 9 == 4 else small(row),
        overrides=["dataset.missing=mean"],
    )


CASES: dict[str, Case] = {
    # --- as they are -----------------------------------------------------------------------------
    "scientific": column(lambda row: f"{small(row):.2e}", small),
    "scientific in capitals": column(lambda row: f"{small(row):.2E}", small),
    "with a plus": column(lambda row: f"{small(row):+}", small),
    "without a leading zero": column(lambda row: f".{row + 10}", lambda row: f"0.{row + 10}"),
    "with a final point": column(lambda row: f"{row}.", lambda row: row),
    "quoted": column(lambda row: quoted(str(small(row))), small),
    "padded with blanks": column(lambda row: f"  {small(row)}  ", small),
    "padded with tabs": column(lambda row: f"\t{small(row)}", small),
    "padded with no-break spaces": column(lambda row: f"\u00a0{small(row)}\u00a0", small),
    "padded within quotes": column(lambda row: quoted(f" {small(row)} "), small),
    "whole, written as floats": column(lambda row: f"{row}.0", lambda row: row),
    "of seventeen digits": column(lambda row: repr(0.1 * (row + 1)), lambda row: 0.1 * (row + 1)),
    "-999 is a number": column(
        lambda row: -999 if row % 9 == 4 else row, lambda row: -999.0 if row % 9 == 4 else row
    ),
    "years": column(lambda row: 1980 + row, lambda row: f"{1980 + row}.0"),
    "seconds since 1970": column(
        lambda row: 1_700_000_000 + 86_400 * row, lambda row: f"{1_700_000_000 + 86_400 * row}.0"
    ),
    "zeros and ones": column(lambda row: row % 3 // 2, lambda row: float(row % 3 // 2)),
    "negative zero": column(
        lambda row: "-0" if row % 5 else "1", lambda row: "-0.0" if row % 5 else "1.0"
    ),
    # --- thousands -------------------------------------------------------------------------------
    "US thousands": column(
        lambda row: quoted(us(row)),
        amount,
        told=["rows.csv:2", "1,000.50", "'b'"],
        remedy=["dataset.thousands=','"],
    ),
    "US thousands without cents may be decimal commas": column(
        lambda row: quoted(f"{whole(row):,}"),
        whole,
        told=["rows.csv:2", "'b'", "dataset.thousands", "dataset.decimal"],
        remedy=["dataset.thousands=','"],
    ),
    "three decimals after a comma may be thousands": column(
        lambda row: quoted(f"{whole(row):,}"),
        lambda row: whole(row) / 1000,
        told=["rows.csv:2", "'b'", "dataset.thousands", "dataset.decimal"],
        remedy=["dataset.decimal=','"],
    ),
    "US millions": column(
        lambda row: quoted(f"{whole(row) * 1000:,}"),
        lambda row: whole(row) * 1000,
        told=["rows.csv:2", "'b'"],
        remedy=["dataset.thousands=','"],
    ),
    "some of a thousand, most below": column(
        lambda row: quoted(f"{row * 30:,}"),
        lambda row: row * 30,
        told=["rows.csv:36", "'1,020'", "'b'"],
        remedy=["dataset.thousands=','"],
    ),
    "Indian lakhs": column(
        lambda row: quoted(indian(row)),
        lambda row: indian(row).replace(",", ""),
        told=["rows.csv:2", "'b'"],
        remedy=["dataset.thousands=','"],
    ),
    "German": column(
        german,
        amount,
        told=["rows.csv:2", "'b'"],
        remedy=["dataset.decimal=','", "dataset.thousands=."],
        delimiter=";",
    ),
    "German decimals": column(
        lambda row: str(small(row)).replace(".", ","),
        small,
        told=["rows.csv:2", "'b'"],
        remedy=["dataset.decimal=','"],
        delimiter=";",
    ),
    "German decimals in quotes": column(
        lambda row: quoted(str(small(row)).replace(".", ",")),
        small,
        told=["rows.csv:2", "'b'"],
        remedy=["dataset.decimal=','"],
    ),
    "German millions": column(
        lambda row: f"1.{100 + row}.500",
        lambda row: f"1{100 + row}500",
        told=["rows.csv:2", "'b'"],
        remedy=["dataset.decimal=','", "dataset.thousands=."],
        delimiter=";",
    ),
    "French, with no-break spaces": column(
        lambda row: grouped(row, "\u00a0", ","),
        amount,
        told=["rows.csv:2", "'b'"],
        remedy=["dataset.decimal=','", "dataset.thousands=' '"],
        delimiter=";",
    ),
    "French, with narrow no-break spaces": column(
        lambda row: grouped(row, "\u202f", ","),
        amount,
        told=["rows.csv:2", "'b'"],
        remedy=["dataset.decimal=','", "dataset.thousands=' '"],
        delimiter=";",
    ),
    "Swedish, with blanks": column(
        lambda row: quoted(grouped(row, " ")),
        amount,
        told=["rows.csv:2", "'b'"],
        remedy=["dataset.thousands=' '"],
    ),
    "Swiss": column(
        lambda row: grouped(row, "'"),
        amount,
        told=["rows.csv:2", "'b'"],
        remedy=['dataset.thousands="\'"'],
    ),
    "Swiss, with a typographer's apostrophe": column(
        lambda row: grouped(row, "\u2019"),
        amount,
        told=["rows.csv:2", "'b'"],
        remedy=['dataset.thousands="\'"'],
    ),
    "Ada's underscores": column(
        lambda row: f"{whole(row):_}",
        whole,
        told=["rows.csv:2", "'b'"],
        remedy=["dataset.thousands=_"],
    ),
    "mixed decimal marks": column(
        lambda row: quoted(f"{row},5") if row % 2 else f"{row}.5", None, told=["rows.csv:", "'b'"]
    ),
    # --- signs -----------------------------------------------------------------------------------
    "SAP's trailing minus": column(
        lambda row: f"{row + 0.5}-" if row % 2 else row + 0.5,
        lambda row: -(row + 0.5) if row % 2 else row + 0.5,
    ),
    "an accountant's brackets": column(
        lambda row: f"({row + 0.5})" if row % 2 else row + 0.5,
        lambda row: -(row + 0.5) if row % 2 else row + 0.5,
    ),
    "a mathematician's minus": column(lambda row: f"\u2212{row + 0.5}", lambda row: -row - 0.5),
    "a plus or minus": unreadable(lambda row: f"{row} ± 0.1"),
    # --- units -----------------------------------------------------------------------------------
    "dollars": money(lambda row: f"${amount(row)}", "$"),
    "US dollars": money(lambda row: f"US$ {amount(row)}", "US$"),
    "euros behind": money(lambda row: f"{amount(row)} €", "€"),
    "euros before": money(lambda row: f"€{amount(row)}", "€"),
    "pounds": money(lambda row: f"£{amount(row)}", "£"),
    "yen": money(lambda row: f"¥{amount(row)}", "¥"),
    "rupees": money(lambda row: f"₹{amount(row)}", "₹"),
    "EUR": money(lambda row: f"{amount(row)} EUR", "EUR"),
    "CHF, grouped": money(
        lambda row: f"CHF {grouped(row, chr(39))}", "CHF", more=['dataset.thousands="\'"']
    ),
    "dollars and commas": money(
        lambda row: quoted(f"${us(row)}"), "$", more=["dataset.thousands=','"]
    ),
    "percent": money(lambda row: f"{amount(row)}%", "%"),
    "percent behind a blank": money(lambda row: f"{amount(row)} %", "%"),
    "kilograms": money(lambda row: f"{amount(row)} kg", "kg"),
    "kilograms without a blank": money(lambda row: f"{amount(row)}kg", "kg"),
    "degrees": money(lambda row: f"{amount(row)}°C", "°C"),
    "some dollars, some euros": column(
        lambda row: f"${row}.5" if row % 2 else f"€{row}.5", None, told=["rows.csv:2", "'b'"]
    ),
    "thousands as k and millions as M": column(
        lambda row: f"{row + 1}k" if row % 2 else f"{row + 1}.5M", None, told=["rows.csv:", "'b'"]
    ),
    "bytes in GB and MB": column(
        lambda row: f"{row + 1}GB" if row % 2 else f"{row + 1}MB", None, told=["rows.csv:2", "'b'"]
    ),
    # --- what is nearly a number -----------------------------------------------------------------
    "hexadecimal": column(lambda row: f"0x{row + 17:X}", None, told=["rows.csv:2", "'b'"]),
    "Fortran's D": unreadable(lambda row: f"{row}.5D+01"),
    "full-width digits": unreadable(
        lambda row: str(row + 10).translate({48 + d: 0xFF10 + d for d in range(10)})
    ),
    "Arabic digits": unreadable(
        lambda row: str(row + 10).translate({48 + d: 0x660 + d for d in range(10)})
    ),
    "fractions": unreadable(lambda row: f"{row + 1}/3"),
    "beyond what can be measured": column(
        lambda row: "<0.5" if row % 8 == 3 else row + 0.5,
        None,
        told=["rows.csv:5", "'<0.5'", "'b'"],
    ),
    "a star at some": column(
        lambda row: f"{row}*" if row % 8 == 3 else row, None, told=["rows.csv:5", "'3*'", "'b'"]
    ),
    "about": unreadable(lambda row: f"~{row + 10}"),
    "Excel's formulas for text": unreadable(lambda row: f'"=""{row + 10}"""'),
    "an apostrophe before, for Excel": unreadable(lambda row: f"'{row + 10}"),
    "too narrow a cell of Excel": column(
        lambda row: "####" if row % 9 == 4 else row, None, told=["rows.csv:6", "'####'", "'b'"]
    ),
    "degrees, minutes, seconds": unreadable(lambda row: f'{row + 10}°30\'15""'.join(('"', '"'))),
    "pairs": unreadable(lambda row: quoted(f"({row}, {row + 1})")),
    "lists": unreadable(lambda row: quoted(f"[{row}, {row + 1}]")),
    "complex numbers": unreadable(lambda row: f"{row + 1}+{row}j"),
    # --- not finite ------------------------------------------------------------------------------
    "infinity": column(
        lambda row: "Infinity" if row % 9 == 4 else row, None, told=["rows.csv:6", "'b'", "finite"]
    ),
    "minus infinity, of R": column(
        lambda row: "-Inf" if row % 9 == 4 else row, None, told=["rows.csv:6", "'b'", "finite"]
    ),
    "the sign of infinity": column(
        lambda row: "∞" if row % 9 == 4 else row, None, told=["rows.csv:6", "'b'"]
    ),
    "too large for a float": column(
        lambda row: "1e999" if row % 9 == 4 else row, None, told=["rows.csv:6", "'b'", "finite"]
    ),
    # --- missing ---------------------------------------------------------------------------------
    "empty cells that nobody allowed": Case(
        {"rows.csv": rows(lambda row: "" if row % 9 == 4 else small(row))},
        {"rows.csv": rows(lambda row: "NA" if row % 9 == 4 else small(row))},
        ("rows.csv:6", "'b'"),
        ("dataset.missing=mean",),
        twin_spec=ONE_FILE.replace("label: y", "label: y, missing: mean"),
    ),
    "blank cells": column(
        lambda row: "   " if row % 9 == 4 else small(row),
        lambda row: "" if row % 9 == 4 else small(row),
        overrides=["dataset.missing=mean"],
    ),
    "quoted empty cells": column(
        lambda row: '""' if row % 9 == 4 else small(row),
        lambda row: "" if row % 9 == 4 else small(row),
        overrides=["dataset.missing=mean"],
    ),
    "an empty column": column(lambda _: "", None, told=["rows.csv", "'b'"]),
    "a column of NA": column(lambda _: "NA", None, told=["rows.csv", "'b'"]),
    **{f"missing as {mark}": with_usual_mark(mark) for mark in USUAL_MARKS},
    **{f"missing as {name}": with_mark(mark) for name, mark in MARKS.items()},
    "several marks": column(
        lambda row: ["?", "-", "unknown"][row // 10 % 3] if row % 10 == 4 else small(row),
        lambda row: "" if row % 10 == 4 else small(row),
        told=["rows.csv:6", "'?'", "'-'", "'unknown'", "'b'"],
        remedy=["dataset.missing_values=['?', '-', unknown]"],
        overrides=["dataset.missing=mean"],
    ),
    "marks in nine of ten rows": column(
        lambda row: small(row) if row % 10 == 4 else "?",
        lambda row: small(row) if row % 10 == 4 else "",
        told=["rows.csv:2", "'?'", "'b'"],
        remedy=["dataset.missing_values=['?']"],
        overrides=["dataset.missing=mean"],
    ),
    "few stars, many rows": column(
        lambda row: (
            1 + row % 5 if row % 10 else ["?", "-", "unknown", "n.a.", "nil"][row // 10 % 5]
        ),
        lambda row: 1 + row % 5 if row % 10 else "",
        told=["rows.csv:2", "'b'"],
        remedy=["dataset.missing_values=['?', '-', unknown, n.a., nil]"],
        overrides=["dataset.missing=mean"],
    ),
    # --- categories that hold digits ------------------------------------------------------------
    "grades in words": column(lambda row: f"grade {row % 3}", lambda row: f'"grade {row % 3}"'),
    "age bands": column(
        lambda row: f"{row % 4 * 10}-{row % 4 * 10 + 9}",
        lambda row: quoted(f"{row % 4 * 10}-{row % 4 * 10 + 9}"),
    ),
    "open age bands": column(
        lambda row: ["<18", "18-64", "65+"][row % 3],
        lambda row: quoted(["<18", "18-64", "65+"][row % 3]),
    ),
    "grades": column(lambda row: f"A{row % 4}", lambda row: quoted(f"A{row % 4}")),
    "yes and no": column(
        lambda row: ["yes", "no"][row % 2], lambda row: quoted(["yes", "no"][row % 2])
    ),
    "JSON's booleans": column(
        lambda row: ["true", "false"][row % 2], lambda row: quoted(["true", "false"][row % 2])
    ),
    "Python's booleans": column(
        lambda row: ["True", "False"][row % 2], lambda row: quoted(["True", "False"][row % 2])
    ),
    "Postgres's booleans": column(lambda row: "tf"[row % 2], lambda row: quoted("tf"[row % 2])),
    "yes, and blanks for no": column(
        lambda row: ["Y", ""][row % 2], lambda row: quoted(["Y", ""][row % 2])
    ),
    "Namibia among countries": column(
        lambda row: ["NA", "DE", "FR"][row % 3], lambda row: quoted(["NA", "DE", "FR"][row % 3])
    ),
    "None among answers": column(
        lambda row: ["None", "Mild", "Severe"][row % 3],
        lambda row: quoted(["None", "Mild", "Severe"][row % 3]),
    ),
    "a person called Null": column(
        lambda row: ["Null", "Ng", "Ono"][row % 3],
        lambda row: quoted(["Null", "Ng", "Ono"][row % 3]),
    ),
    "plans with a number": column(
        lambda row: ["Plan 1", "Plan 2"][row % 2], lambda row: quoted(["Plan 1", "Plan 2"][row % 2])
    ),
    "stars": column(lambda row: "*" * (row % 5 + 1), lambda row: quoted("*" * (row % 5 + 1))),
}
