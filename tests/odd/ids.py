"""Numbers and words that tell one row from another, or one place from another."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable

from tests.odd.case import ROWS, Case, column, rows


def kept(cell: Callable[[int], str], line: int = 2) -> Case:
    """Refused, or asked about; `categorical` keeps the cells as they are written."""
    return Case(
        {"rows.csv": rows(cell)},
        told=(f"rows.csv:{line}", "'b'"),
        remedy=("dataset.categorical=[b]",),
        words=frozenset(map(cell, range(ROWS))),
    )


CASES: dict[str, Case] = {
    "postal codes with leading zeros": kept(lambda row: f"0{1000 + row % 5}"),
    "a few leading zeros among postal codes": kept(
        lambda row: f"0{1000 + row}" if row % 8 == 3 else str(11000 + row), 5
    ),
    "account numbers beyond 2^53": kept(lambda row: str(2**60 + row)),
    "card numbers": kept(lambda row: str(4_000_000_000_000_000 * 3 + row)),
    "telephone numbers": kept(lambda row: f"+49 170 {1234500 + row}"),
    "US telephone numbers": column(
        lambda row: f"(555) 010-{1000 + row}", lambda row: f'"(555) 010-{1000 + row}"'
    ),
    "UUIDs": column(
        lambda row: str(uuid.UUID(int=row * 7919)), lambda row: f'"{uuid.UUID(int=row * 7919)}"'
    ),
    "hashes": column(
        lambda row: hashlib.sha256(str(row).encode()).hexdigest(),
        lambda row: f'"{hashlib.sha256(str(row).encode()).hexdigest()}"',
    ),
    "e-mail addresses": column(
        lambda row: f"p{row}@example.org", lambda row: f'"p{row}@example.org"'
    ),
    "customer numbers with letters": column(lambda row: f"C-{row:05}", lambda row: f'"C-{row:05}"'),
    "IBANs": column(
        lambda row: f"DE{89 + row} 3704 0044 0532 0130 {row:02}",
        lambda row: f'"DE{89 + row} 3704 0044 0532 0130 {row:02}"',
    ),
    "IP addresses": column(lambda row: f"10.0.0.{row}", lambda row: f'"10.0.0.{row}"'),
    "versions": column(lambda row: f"1.{row % 4}.2", lambda row: f'"1.{row % 4}.2"'),
    "ISBNs": column(
        lambda row: f"978-3-16-{148410 + row}-0", lambda row: f'"978-3-16-{148410 + row}-0"'
    ),
    "number plates": column(lambda row: f"M-AB {100 + row}", lambda row: f'"M-AB {100 + row}"'),
    "web addresses": column(
        lambda row: f"https://example.org/{row}", lambda row: f'"https://example.org/{row}"'
    ),
    "hashes that look like numbers": column(
        lambda row: f"{row + 1}e{10 + row}" if row % 2 else f"{row:02x}ab",
        None,
        told=["rows.csv:", "'b'"],
    ),
}
