"""Parquet and NumPy files as pandas, Spark and databases write them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from tests.odd.case import ONE_FILE, ROWS, Case, npz, parquet, rows

AS = [row % 7 for row in range(ROWS)]
YS = [row % 2 for row in range(ROWS)]


def arrow(values: Sequence[Any], type_: str) -> Any:
    """An arrow array of a type by its name."""
    import pyarrow as pa

    made = {
        "dictionary": pa.dictionary(pa.int32(), pa.string()),
        "decimal": pa.decimal128(12, 2),
        "list": pa.list_(pa.float64()),
        "struct": pa.struct([("x", pa.int64())]),
        "map": pa.map_(pa.string(), pa.int64()),
        "uint64": pa.uint64(),
        "time": pa.time64("us"),
        "duration": pa.duration("s"),
        "stamp": pa.timestamp("us"),
        "stamp_utc": pa.timestamp("ns", "UTC"),
        "null": pa.null(),
    }
    return pa.array(values, made[type_] if type_ in made else getattr(pa, type_)())


def column(
    values: Any,
    clean: Sequence[Any] | None,
    *told: str,
    remedy: Sequence[str] = (),
    overrides: Sequence[str] = (),
) -> Case:
    """A Parquet file whose column `b` is odd; its twin is a CSV file."""
    twin = None if clean is None else {"rows.csv": rows(lambda row: clean[row])}
    content = parquet(a=AS, b=values, y=YS)
    return Case(
        {"rows.csv": content},
        twin,
        ("rows.csv", "'b'", *told) if told else (),
        tuple(remedy),
        tuple(overrides),
    )


def numpy(*told: str, clean: Sequence[Any] | None = None, **columns: Any) -> Case:
    """The same of a NumPy archive."""
    twin = None if clean is None else {"rows.csv": rows(lambda row: clean[row])}
    content = npz(**{"a": AS, "y": YS, **columns})
    return Case({"rows.csv": content}, twin, ("rows.csv", *told) if told else ())


SMALL = [row * 0.25 - 3 for row in range(ROWS)]
SOME = [None if row % 9 == 4 else value for row, value in enumerate(SMALL)]
EMPTY = ["" if value is None else value for value in SOME]
WORDS = [["Ulm", "Bonn", "Köln"][row % 3] for row in range(ROWS)]
MEAN = ["dataset.missing=mean"]
DAYS = [date(2026, 1, 1) + timedelta(days=row // 4) for row in range(ROWS)]
TIMES = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=row // 4) for row in range(ROWS)]


def dated(content: bytes) -> Case:
    """Typed dates want to be declared like written ones."""
    return Case(
        {"rows.csv": content},
        {"rows.csv": rows(lambda row: row // 4, header=("a", "b.elapsed", "y"))},
        ("rows.csv", "'b'", "dataset.dates"),
        ("dataset.dates={b: {}}",),
        twin_spec=ONE_FILE.replace("[b]", "[b.elapsed]"),
    )


CASES: dict[str, Case] = {
    # --- Parquet ---------------------------------------------------------------------------------
    "floats": column(arrow(SMALL, "float64"), SMALL),
    "narrow floats": column(arrow(SMALL, "float32"), SMALL),
    "whole numbers": column(arrow(list(range(ROWS)), "int64"), list(range(ROWS))),
    "bytes of numbers": column(
        arrow([row % 100 for row in range(ROWS)], "int8"), [row % 100 for row in range(ROWS)]
    ),
    "numbers without a sign": column(arrow(list(range(ROWS)), "uint64"), list(range(ROWS))),
    "decimals": column(
        arrow([Decimal(row) / 4 for row in range(ROWS)], "decimal"),
        [row / 4 for row in range(ROWS)],
    ),
    "nulls among floats": column(arrow(SOME, "float64"), EMPTY, overrides=MEAN),
    "nulls that nobody allowed": column(arrow(SOME, "float64"), None, "row 5", "dataset.missing"),
    "NaN among floats": column(
        arrow([float("nan") if value is None else value for value in SOME], "float64"),
        EMPTY,
        overrides=MEAN,
    ),
    "nulls among whole numbers": column(
        arrow([None if row % 9 == 4 else row for row in range(ROWS)], "int64"),
        ["" if row % 9 == 4 else row for row in range(ROWS)],
        overrides=MEAN,
    ),
    "infinity": column(
        arrow([float("inf") if row == 4 else row for row in range(ROWS)], "float64"), None, "row 5"
    ),
    "ids beyond 2^53": Case(
        {"rows.csv": parquet(a=AS, b=[2**60 + row for row in range(ROWS)], y=YS)},
        told=("rows.csv: row 1", "'b'"),
        remedy=("dataset.categorical=[b]",),
        words=frozenset(str(2**60 + row) for row in range(ROWS)),
    ),
    "words": column(arrow(WORDS, "string"), WORDS),
    "large words": column(arrow(WORDS, "large_string"), WORDS),
    "words from a dictionary": column(arrow(WORDS, "dictionary"), WORDS),
    "nulls among words": column(
        arrow([None if row % 9 == 4 else word for row, word in enumerate(WORDS)], "string"),
        ["" if row % 9 == 4 else word for row, word in enumerate(WORDS)],
    ),
    "numbers in words": column(arrow([str(value) for value in SMALL], "string"), SMALL),
    "money in words": column(
        arrow([f"${value + 4}" for value in SMALL], "string"),
        [value + 4 for value in SMALL],
        "dataset.units",
        remedy=["dataset.units=['$']"],
    ),
    "numbers in words with a mark": column(
        arrow(["?" if value is None else str(value) for value in SOME], "string"),
        EMPTY,
        "'?'",
        "row 5",
        remedy=["dataset.missing_values=['?']"],
        overrides=MEAN,
    ),
    "dates in words": dated(parquet(a=AS, b=[str(day) for day in DAYS], y=YS)),
    "booleans": column(
        arrow([row % 2 == 0 for row in range(ROWS)], "bool_"),
        ["True" if row % 2 == 0 else "False" for row in range(ROWS)],
    ),
    "dates": dated(parquet(a=AS, b=DAYS, y=YS)),
    "times": dated(
        parquet(a=AS, b=arrow([stamp.replace(tzinfo=None) for stamp in TIMES], "stamp"), y=YS)
    ),
    "times with a zone": dated(parquet(a=AS, b=arrow(TIMES, "stamp_utc"), y=YS)),
    "times of day": column(arrow([time(row % 24) for row in range(ROWS)], "time"), None, "time"),
    "durations": column(
        arrow([timedelta(seconds=row) for row in range(ROWS)], "duration"), None, "duration"
    ),
    "lists": column(arrow([[1.0, 2.0]] * ROWS, "list"), None, "list"),
    "structs": column(arrow([{"x": 1}] * ROWS, "struct"), None, "struct"),
    "maps": column(arrow([[("x", 1)]] * ROWS, "map"), None, "map"),
    "binary that is text": column(arrow([word.encode() for word in WORDS], "binary"), WORDS),
    "binary that is none": Case(
        {"rows.csv": parquet(a=AS, b=arrow([b"\xff\xfe"] * ROWS, "binary"), y=YS)},
        told=("rows.csv", "UTF8"),
    ),
    "nothing but nulls": column(arrow([None] * ROWS, "null"), None, "b"),
    "lists in a column that nobody uses": Case(
        {"rows.csv": parquet(a=AS, b=SMALL, y=YS, z=arrow([[1.0]] * ROWS, "list"))},
        {"rows.csv": rows(lambda row: SMALL[row])},
    ),
    "pandas's index": Case(
        {"rows.csv": parquet(a=AS, b=SMALL, y=YS, __index_level_0__=list(range(ROWS)))},
        {"rows.csv": rows(lambda row: SMALL[row])},
    ),
    "labels as booleans": Case(
        {"rows.csv": parquet(a=AS, b=SMALL, y=[row % 2 == 1 for row in range(ROWS)])},
        {"rows.csv": rows(lambda row: SMALL[row], y=lambda row: ["False", "True"][row % 2])},
    ),
    "labels as floats": Case(
        {"rows.csv": parquet(a=AS, b=SMALL, y=[float(row % 2) for row in range(ROWS)])},
        {"rows.csv": rows(lambda row: SMALL[row])},
    ),
    "labels as words": Case(
        {"rows.csv": parquet(a=AS, b=SMALL, y=[["no", "yes"][row % 2] for row in range(ROWS)])},
        {"rows.csv": rows(lambda row: SMALL[row], y=lambda row: ["no", "yes"][row % 2])},
    ),
    "a label missing": Case(
        {
            "rows.csv": parquet(
                a=AS, b=SMALL, y=[None if row == 4 else row % 2 for row in range(ROWS)]
            )
        },
        told=("rows.csv", "row 5", "'y'", "missing"),
    ),
    "no such column": Case(
        {"rows.csv": parquet(a=AS, B=SMALL, y=YS)}, told=("no column 'b'", "'B'")
    ),
    "no rows": Case(
        {"rows.csv": parquet(a=arrow([], "float64"), b=arrow([], "float64"), y=arrow([], "int64"))},
        told=("rows.csv", "0 row"),
    ),
    "cut off": Case({"rows.csv": parquet(a=AS, b=SMALL, y=YS)[:-40]}, told=("rows.csv",)),
    "damaged within": Case(
        {
            "rows.csv": parquet(a=AS, b=SMALL, y=YS)[:8]
            + b"\xff" * 120
            + parquet(a=AS, b=SMALL, y=YS)[128:]
        },
        told=("rows.csv",),
    ),
    "its first four letters alone": Case({"rows.csv": b"PAR1"}, told=("no column 'b'", "PAR1")),
    "a directory of parts": Case(
        {
            "rows/part-0.parquet": parquet(a=AS[:20], b=SMALL[:20], y=YS[:20]),
            "rows/part-1.parquet": parquet(a=AS[20:], b=SMALL[20:], y=YS[20:]),
            "rows/_SUCCESS": "",
        },
        {"rows.csv": rows(lambda row: SMALL[row])},
        more=("dataset.path=rows",),
    ),
    "parts that have not the same columns": Case(
        {
            "rows/part-0.parquet": parquet(a=AS[:20], b=SMALL[:20], y=YS[:20]),
            "rows/part-1.parquet": parquet(a=AS[20:], y=YS[20:]),
        },
        told=("part-1.parquet", "other columns"),
        overrides=("dataset.path=rows",),
    ),
    "named Parquet, but CSV": Case(
        {"rows.parquet": rows(lambda row: SMALL[row])},
        {"rows.csv": rows(lambda row: SMALL[row])},
        more=("dataset.path=rows.parquet",),
    ),
    # --- NumPy -----------------------------------------------------------------------------------
    "NumPy floats": numpy(b=SMALL, clean=SMALL),
    "NumPy words": numpy(b=WORDS, clean=WORDS),
    "NumPy booleans": numpy(
        b=[row % 2 == 0 for row in range(ROWS)],
        clean=["True" if row % 2 == 0 else "False" for row in range(ROWS)],
    ),
    "NumPy of unequal lengths": numpy("'b'", "39", "40", b=SMALL[:-1]),
    "NumPy cubes": numpy("'b'", b=[[[1.0]]] * ROWS),
    "NumPy scalars": numpy("'b'", b=1.0),
    "NumPy complex numbers": numpy("'b'", b=[1j] * ROWS),
    "NumPy without the column": Case({"rows.csv": npz(a=AS, y=YS)}, told=("no column 'b'", "a, y")),
    "NumPy dates": dated(npz(a=AS, y=YS, b=np.array(DAYS, "datetime64[D]"))),
    "NumPy objects, which are pickles": numpy(
        "'b' holds Python objects", b=np.array([{}] * ROWS, object)
    ),
    "a single array of NumPy": Case(
        {"rows.csv": b"\x93NUMPY\x01\x00v\x00" + b" " * 118}, told=("rows.csv",)
    ),
    "NumPy cut off": Case({"rows.csv": npz(a=AS, b=SMALL, y=YS)[:-60]}, told=("rows.csv",)),
}
