"""Dates and times as people and programs write them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tests.odd.case import ONE_FILE, Case, column, rows

START = datetime(2025, 12, 28, 13, 45, 30, tzinfo=UTC)


def day(row: int) -> datetime:
    """Four rows for every day, so that the first day is one of the training rows'."""
    return START + timedelta(days=row // 4)


def like(pattern: str) -> Callable[[int], str]:
    """Those days, written so."""
    return lambda row: day(row).strftime(pattern)


def dated(
    cell: Callable[[int], str],
    pattern: str = "",
    *,
    part: str = "elapsed",
    value: Callable[[int], object] = lambda row: row // 4,
) -> Case:
    """Refused where it is not declared; declared, it is numbers."""
    form = f", format: '{pattern}'" if pattern else ""
    return Case(
        {"rows.csv": rows(cell)},
        {"rows.csv": rows(value, header=("a", f"b.{part}", "y"))},
        ("rows.csv:2", "'b'", "dataset.dates"),
        (f"dataset.dates={{b: {{parts: [{part}]{form}}}}}",),
        twin_spec=ONE_FILE.replace("[b]", f"[b.{part}]"),
    )


def undeclared(cell: Callable[[int], str]) -> Case:
    """Looks like dates, in a form that is not read; never a category for every row."""
    return column(cell, None, told=["rows.csv:2", "'b'"])


def declared(cell: Callable[[int], str], *told: str, pattern: str = "iso") -> Case:
    """Declared as dates, but some cell is none."""
    return Case(
        {"rows.csv": rows(cell)},
        told=("'b'", *told),
        overrides=(f"dataset.dates={{b: {{format: '{pattern}'}}}}",),
    )


CASES: dict[str, Case] = {
    "ISO": dated(like("%Y-%m-%d")),
    "ISO with a T": dated(like("%Y-%m-%dT%H:%M:%S")),
    "ISO with a blank": dated(like("%Y-%m-%d %H:%M:%S")),
    "ISO in UTC": dated(like("%Y-%m-%dT%H:%M:%SZ")),
    "ISO with an offset": dated(like("%Y-%m-%dT%H:%M:%S+02:00")),
    "ISO with microseconds": dated(like("%Y-%m-%d %H:%M:%S.000000")),
    "German": dated(like("%d.%m.%Y"), "%d.%m.%Y"),
    "German, of two digits": dated(like("%d.%m.%y"), "%d.%m.%y"),
    "French": dated(like("%d/%m/%Y"), "%d/%m/%Y"),
    "Dutch": dated(like("%d-%m-%Y"), "%d-%m-%Y"),
    "US": dated(like("%m/%d/%Y"), "%m/%d/%Y"),
    "US with a time": dated(like("%m/%d/%Y %H:%M"), "%m/%d/%Y %H:%M"),
    "US, twelve hours": dated(like("%m/%d/%Y %I:%M %p"), "%m/%d/%Y %I:%M %p"),
    "with slashes, year first": dated(like("%Y/%m/%d"), "%Y/%m/%d"),
    "Oracle": dated(like("%d-%b-%Y"), "%d-%b-%Y"),
    "Oracle in capitals": dated(lambda row: day(row).strftime("%d-%b-%y").upper(), "%d-%b-%y"),
    "SAS": dated(lambda row: day(row).strftime("%d%b%Y").upper(), "%d%b%Y"),
    "in English words": dated(lambda row: f'"{day(row):%B %d, %Y}"', "%B %d, %Y"),
    "with a weekday": dated(lambda row: f'"{day(row):%a, %d %b %Y}"', "%a, %d %b %Y"),
    "the year's weekday": dated(
        like("%Y-%m-%d"), part="weekday", value=lambda row: day(row).weekday()
    ),
    "the month": dated(like("%Y-%m-%d"), part="month", value=lambda row: day(row).month),
    "the day": dated(like("%d.%m.%Y"), "%d.%m.%Y", part="day", value=lambda row: day(row).day),
    "the year": dated(like("%Y-%m-%d"), part="year", value=lambda row: day(row).year),
    "the hour": dated(
        lambda row: (day(row) + timedelta(hours=row)).strftime("%Y-%m-%d %H:%M"),
        part="hour",
        value=lambda row: (day(row) + timedelta(hours=row)).hour,
    ),
    "a time of day": undeclared(like("%H:%M")),
    "a time with seconds": undeclared(lambda row: f"{row % 24:02}:{row:02}:30"),
    "a time, twelve hours": undeclared(lambda row: f"{row % 12 + 1}:{row:02} PM"),
    "durations": undeclared(lambda row: f"{row}:{row + 10}:07"),
    "durations with days": undeclared(lambda row: f"{row} days 03:{row + 10}:07"),
    "ISO durations": undeclared(lambda row: f"PT{row + 1}H"),
    "a month": undeclared(lambda row: f"{2020 + row // 12}-{row % 12 + 1:02}"),
    "a quarter": column(
        lambda row: f"{2020 + row % 5}Q{row % 4 + 1}",
        lambda row: f'"{2020 + row % 5}Q{row % 4 + 1}"',
    ),
    "a weekday": column(lambda row: "MTWFS"[row % 5], lambda row: f'"{"MTWFS"[row % 5]}"'),
    "a month's name": column(
        lambda row: ["Jan", "Feb", "Mar"][row % 3],
        lambda row: f'"{["Jan", "Feb", "Mar"][row % 3]}"',
    ),
    "Japanese": undeclared(like("%Y年%m月%d日")),
    "with a zone's name": undeclared(lambda row: f"{day(row):%Y-%m-%d %H:%M:%S} CET"),
    "half of the days missing": Case(
        {"rows.csv": rows(lambda row: like("%Y-%m-%d")(row) if row % 2 else "")},
        {"rows.csv": rows(lambda row: row // 4 if row % 2 else "", header=("a", "b.elapsed", "y"))},
        ("rows.csv:", "'b'"),
        ("dataset.dates={b: {}}",),
        overrides=("dataset.missing=mean",),
        twin_spec=ONE_FILE.replace("[b]", "[b.elapsed]"),
    ),
    "one cell is no date": declared(
        lambda row: "soon" if row == 7 else like("%Y-%m-%d")(row), "rows.csv:9", "'soon'"
    ),
    "a day that no calendar has": declared(
        lambda row: "2026-02-30" if row == 7 else like("%Y-%m-%d")(row),
        "rows.csv:9",
        "'2026-02-30'",
    ),
    "declared day first, written month first": declared(
        lambda row: f"01/{row % 28 + 1:02}/2026", "rows.csv:14", "'01/13/2026'", pattern="%d/%m/%Y"
    ),
    "declared as ISO, written as German": declared(like("%d.%m.%Y"), "rows.csv:2", "'28.12.2025'"),
    "some with a zone, some without": declared(
        lambda row: like("%Y-%m-%dT%H:%M:%S")(row) + ("Z" if row % 2 else ""), "rows.csv:"
    ),
    "zeros for none, of MySQL": declared(
        lambda row: "0000-00-00" if row == 7 else like("%Y-%m-%d")(row),
        "rows.csv:9",
        "'0000-00-00'",
    ),
    "a column with the name of what is made of the days": Case(
        {"rows.csv": rows(like("%Y-%m-%d"), header=("b.elapsed", "b", "y"))},
        told=("'b.elapsed'", "'b'", "another name"),
        overrides=("dataset.dates={b: {}}", "parties.alice.columns=[b.elapsed]"),
    ),
    "a part of days listed twice": Case(
        {"rows.csv": rows(like("%Y-%m-%d"))},
        told=("dataset.dates", "'month' is listed twice"),
        overrides=("dataset.dates={b: {parts: [month, month]}}",),
    ),
    "numbers declared as dates": declared(lambda row: str(row), "rows.csv:2"),
}
