"""What was understood of the data, in words: a line for each party and one for the label."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from splitrun.cli.output import echo
from splitrun.units import SCREEN, listed

if TYPE_CHECKING:
    from splitrun.records.data import (
        DataSummary,
        JoinRecord,
        LabelSummary,
        PartySummary,
        TargetSummary,
    )

_MOST_CLASSES = 5
"""That are told one by one."""


def tell_data(summary: DataSummary) -> None:
    """Tell on stderr how the data were read."""
    for line in data_lines(summary):
        echo(line, err=True)


def data_lines(summary: DataSummary) -> Iterator[str]:
    """A line for the join, if there is one, one for each party, and one for each label."""
    if summary.join is not None:
        yield join_line(summary.join)
    for name, party in summary.parties.items():
        yield f"{name}: {_party(party)}"
    label = summary.label
    if not label.column:  # it is another party's
        return
    rows = SCREEN.plural(summary.rows.get("train", 0), "training row")
    if label.labels:
        yield from _labels(label, summary.rows.get("train", 0))
        return
    told = _target(label.target, rows) if label.target else _classes(label)
    yield f"label {label.column}: {told}"


def join_line(join: JoinRecord) -> str:
    """How many rows the parties have in common, and in which order these are taken."""
    held = listed([f"{count:,} rows of {party}" for party, count in join.rows.items()])
    order = {
        "key": "in the order of the label holder's key",
        "file": "in the order of the label holder's file",
        "trusted": "trusted to be the same in the same order, for there is no key",
    }
    return f"join: {join.common:,} in common of {held}, {order[join.order]}"


def _party(party: PartySummary) -> str:
    parts = []
    if party.numeric:
        parts.append(SCREEN.plural(party.numeric, "numeric column"))
    if (count := len(party.categorical)) == 1:
        [(name, values)] = party.categorical.items()
        parts.append(f"1 categorical column ({name}: {SCREEN.plural(values, 'value')})")
    elif count:
        widest = max(party.categorical, key=lambda name: party.categorical[name])
        in_all = f"{sum(party.categorical.values()):,} values"
        most = f"{party.categorical[widest]:,} of them in {widest}"
        parts.append(f"{count:,} categorical columns ({in_all}, {most})")
    if party.dates:
        made = SCREEN.plural(sum(party.dates.values()), "number")
        parts.append(f"{SCREEN.plural(len(party.dates), 'column')} of dates (as {made})")
    if party.filled:
        cells = SCREEN.plural(sum(party.filled.values()), "missing number")
        parts.append(f"{cells} filled with means ({_counts(party.filled)})")
    return f"{listed(parts)}; {SCREEN.plural(party.width, 'input')}"


def _counts(counts: Mapping[str, int]) -> str:
    most = sorted(counts, key=lambda name: -counts[name])[:3]
    shown = [f"{counts[name]:,} in {name}" for name in most]
    return ", ".join([*shown, "…"] if len(counts) > len(most) else shown)


def _classes(label: LabelSummary) -> str:
    if label.positive is not None:
        shares = [_share(counts, label.positive, part) for part, counts in label.classes.items()]
        return f"{label.positive!r} counts as 1: {listed([*filter(None, shares)])}"
    train = label.classes.get("train", {})
    most = sorted(train, key=lambda name: -train[name])[:_MOST_CLASSES]
    rows = sum(train.values()) or 1
    shown = [f"{name!r} {SCREEN.share(train[name] / rows)}" for name in most]
    more = ["…"] if len(train) > len(most) else []
    return f"{len(train):,} classes, of the training rows {', '.join([*shown, *more])}"


def _labels(label: LabelSummary, rows: int) -> Iterator[str]:
    """A line for each of several labels."""
    counts = label.classes.get("train", {})
    for column, one in label.labels.items():
        share = f"{100 * counts[column] / (rows or 1):.1f}{SCREEN.space}%"
        of_rows = f"{counts[column]:,} of {rows:,} training rows"
        yield f"label {column}: {one!r} counts as 1: {of_rows} ({share})"


def _share(counts: Mapping[str, int], name: str, part: str) -> str:
    """How many rows of a part are of a class; nothing where the part has no rows."""
    if not (rows := sum(counts.values())):
        return ""
    named = "training rows" if part == "train" else f"{part} rows"
    share = f"{100 * counts[name] / rows:.1f}{SCREEN.space}%"
    return f"{counts[name]:,} of {rows:,} {named} ({share})"


def _target(target: TargetSummary, rows: str) -> str:
    text = (
        f"numbers from {_number(target.smallest)} to {_number(target.largest)} in {rows}, "
        f"mean {_number(target.mean)}, standard deviation {_number(target.deviation)}"
    )
    if not target.standardised:
        return text
    return f"{text}; losses are in variances of it, errors and predictions in its own unit"


def _number(value: float | None) -> str:
    return SCREEN.unknown if value is None else f"{value:,.6g}"
