"""Lines of fixed width, made of segments that need no measuring; their colours and glyphs.

The colours are Okabe and Ito's, which can be told apart without red or green vision, on dark and on
light ground; whatever a colour says, a glyph says too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style

from splitrun.dashboard.roles import Kind
from splitrun.records.comparison import Shares

_BLUE, _SKY, _GREEN, _ORANGE = "#0072b2", "#56b4e9", "#009e73", "#e69f00"
_VERMILION, _PURPLE, _GREY = "#d55e00", "#cc79a7", "#808080"

PLAIN = Style()
STRONG = Style(bold=True)
DIM = Style(color=_GREY)
CHART = Style(color=_SKY)
BUSY = Style(color=_SKY)
WAIT = Style(color=_GREY)
DONE, FAILED = Style(color=_GREEN, bold=True), Style(color=_VERMILION, bold=True)

STATUS = {
    "running": STRONG,
    "done": DONE,
    "failed": FAILED,
    "interrupted": FAILED,
    "killed": FAILED,
    "stuck": FAILED,
    "damaged": FAILED,
}

KINDS: dict[Kind, tuple[str, Style]] = {
    Kind.FORWARD: ("F", Style(color="black", bgcolor=_SKY)),
    Kind.BACKWARD: ("B", Style(color="black", bgcolor=_ORANGE)),
    Kind.UPDATE: ("U", Style(color="black", bgcolor=_GREEN)),
    Kind.LOSS: ("L", Style(color="black", bgcolor=_PURPLE)),
    Kind.EVALUATE: ("E", Style(color="white", bgcolor=_BLUE)),
    Kind.OTHER: ("o", Style(color="black", bgcolor=_GREY)),
    Kind.RECEIVE: ("·", WAIT),
    Kind.SEND: (":", WAIT),
    Kind.IDLE: (" ", PLAIN),
    Kind.STUCK: ("!", FAILED),
}
"""What a cell of the timeline looks like."""

LEGEND = {
    Kind.FORWARD: "forward",
    Kind.BACKWARD: "backward",
    Kind.UPDATE: "update",
    Kind.LOSS: "loss",
    Kind.EVALUATE: "eval",
    Kind.OTHER: "other",
    Kind.RECEIVE: "waits",
    Kind.SEND: "credit",
}

_SHARES = (("█", BUSY), ("░", WAIT), ("▒", WAIT))
"""Busy, waiting for a message, waiting for credit."""


def share_runs(shares: Shares, width: int) -> list[tuple[str, Style]]:
    """A bar of a role's time; its ends are rounded so that it never is longer than `width`."""
    runs, end, whole = [], 0, 0.0
    for (glyph, style), share in zip(
        _SHARES, (shares.busy, shares.receive, shares.send), strict=True
    ):
        whole += share
        start, end = end, min(width, round(whole * width))
        runs.append((glyph * (end - start), style))
    runs.append((" " * (width - end), PLAIN))
    return runs


Line = list[Segment]
_Row = TypeVar("_Row")

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_LOWEST = 1
"""The least of a chart is drawn, too."""


def fit(text: str, width: int, *, right: bool = False) -> str:
    """Exactly `width` columns; what is cut off leaves an ellipsis."""
    if not text.isascii() or not text.isprintable():
        text = "".join(letter if letter.isprintable() else " " for letter in text)
        if cell_len(text) > width > 0:
            return set_cell_size(text, width - 1) + "…"
        before = " " * (width - cell_len(text)) if right else ""
        return set_cell_size(before + text, width)
    if len(text) > width:
        return text[: width - 1] + "…" if width else ""
    return text.rjust(width) if right else text.ljust(width)


def wrapped(text: str, width: int, most: int) -> list[str]:
    """At most so many lines of `width` columns; what is cut off leaves an ellipsis."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if lines[-1] and len(lines) < most and cell_len(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return [fit(each, width) for each in lines]


def line(parts: Iterable[tuple[str, Style]], width: int) -> Line:
    """Parts one after the other, of narrow glyphs alone, cut or filled up to `width` columns."""
    segments, left = [], width
    for text, style in parts:
        if not text:
            continue
        if not text.isprintable():  # no name is a command to the terminal
            text = fit(text, len(text))
        if len(text) > left:
            text = fit(text.rstrip(), left)
        left -= len(text)
        segments.append(Segment(text, style))
        if not left:
            break
    if left:
        segments.append(Segment(" " * left, PLAIN))
    return segments


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    title: str
    width: int
    right: bool = True

    def cell(self, text: str) -> str:
        """A text in this column, and the gap that follows."""
        return fit(text, self.width, right=self.right) + " "


FEWEST_ROWS = 2
"""Lines of a table: a title without a row tells nothing."""


def fitting(columns: Sequence[Column], width: int) -> Sequence[Column]:
    """The columns that find room, from the left; the first one in any case."""
    ends = accumulate(column.width + 1 for column in columns)
    count = sum(end <= width + 1 for end in ends)
    return columns[: max(1, count)]


def title_line(columns: Sequence[Column], width: int) -> Line:
    """The titles of a table's columns."""
    titles = "".join(column.cell(column.title) for column in columns)
    return line([(titles.rstrip(), DIM)], width)


def kept(rows: Sequence[_Row], height: int) -> tuple[Sequence[_Row], Sequence[_Row]]:
    """The rows that find room below a title, and the others, which need a line, too.

    If not all find room, the last one, the label holder's top model, goes before others.
    """
    if len(rows) < height:
        return rows, ()
    room = max(0, height - 2)
    first = max(0, room - 1)
    return [*rows[:first], *rows[len(rows) - room + first :]], rows[
        first : len(rows) - room + first
    ]


def more_line(text: str, width: int) -> Line:
    """A line that sums up the rows that found no room."""
    return line([(text, DIM)], width)


def chart(
    columns: Sequence[float | None], height: int, *, from_zero: bool
) -> list[list[tuple[str, Style]]]:
    """Columns of eighths of blocks, `height` rows from the top; blank where nothing is known.

    Args:
        from_zero: the ground is 0 and not the least value.
    """
    known = [value for value in columns if value is not None]
    if not known:
        return [[(" " * len(columns), CHART)] for _ in range(height)]
    least, most = min([*known, *([0.0] if from_zero else [])]), max(known)
    levels = 8 * height - _LOWEST
    scale = levels / (most - least) if most > least else 0.0
    heights = [
        0 if value is None else _LOWEST + round((value - least) * scale) for value in columns
    ]
    return [
        [("".join(_EIGHTHS[max(0, min(8, level - 8 * row))] for level in heights), CHART)]
        for row in range(height - 1, -1, -1)
    ]
