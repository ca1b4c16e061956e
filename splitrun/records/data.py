"""What was understood of the data of a run, as its manifest and `--json` tell it: counts and
statistics, and no keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from splitrun.records.reading import Record

JoinOrder = Literal["key", "file", "trusted"]
"""By the label holder's key, or as its rows stand in its file; `trusted`: there is no key, and all
files are trusted to have the same rows in the same order."""


class JoinRecord(Record, frozen=True, kw_only=True):
    """How the parties' files were joined: counts, which all of them may know, and no keys."""

    rows: Mapping[str, int]
    """By party, those that it has."""
    common: int
    """Rows of the label holder with a partner at all others: those that are used."""
    order: JoinOrder


class PartySummary(Record, frozen=True, kw_only=True):
    """What was understood of the columns of one party's bottom."""

    numeric: int = 0
    """Columns of numbers."""
    dates: Mapping[str, int] = {}
    """By column of dates or times, the numeric features that are made of it."""
    categorical: Mapping[str, int] = {}
    """By column, its distinct values in the training rows."""
    filled: Mapping[str, int] = {}
    """By column that has any, missing cells that were filled with the training rows' mean."""
    width: int = 0
    """Numbers that the bottom is given of each row."""


class TargetSummary(Record, frozen=True, kw_only=True):
    """A label of numbers, in its own unit, over the training rows."""

    smallest: float | None = None
    largest: float | None = None
    mean: float | None = None
    deviation: float | None = None
    """The standard deviation."""
    distinct: int | None = None
    """Values that differ."""
    standardised: bool = False
    """Whether training, and what it tells of its loss, is in standard deviations from the mean."""


class LabelSummary(Record, frozen=True, kw_only=True):
    """What was understood of the label."""

    column: str = ""
    positive: str | None = None
    """Of two classes under a loss for them, the one that counts as 1."""
    labels: Mapping[str, str] = {}
    """Of several labels, by column, the value that counts as 1."""
    classes: Mapping[str, Mapping[str, int]] = {}
    """By part of the rows, such as `train`, and class, its rows; empty for numbers. Of several
    labels, by their columns, the rows that count as 1."""
    target: TargetSummary | None = None
    """For numbers."""


class DataSummary(Record, frozen=True, kw_only=True):
    """What was understood of the data."""

    rows: Mapping[str, int] = {}
    """By part: `train`, `test` and so on."""
    parties: Mapping[str, PartySummary] = {}
    """Those that have a bottom."""
    label: LabelSummary = LabelSummary()
    join: JoinRecord | None = None
    """Where parties have files of their own, or rows have keys."""
    warnings: tuple[str, ...] = ()
    """What is odd about them, a line each."""
