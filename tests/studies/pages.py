"""A study's page: its words are written by hand, its tables from what was found."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

BEGIN, END = "<!-- tables -->", "<!-- end of tables -->"


def fill(page: Path, tables: Iterable[str]) -> None:
    """Write a page's tables, and leave its words as they are; a page that is not there begins."""
    text = page.read_text(encoding="utf-8") if page.exists() else f"{BEGIN}\n{END}\n"
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    lines = "\n".join(tables)
    page.write_text(f"{before}{BEGIN}\n\n{lines}\n{END}{after}", encoding="utf-8")


def row(cells: Iterable[str]) -> str:
    """A line of a table."""
    return "| " + " | ".join(cells) + " |"
