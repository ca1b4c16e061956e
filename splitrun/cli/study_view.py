"""What a terminal shows of a comparison or a grid while it is measured, as lines of its width.

what it is at, and what is left
a remark
the table, which fills
the dashboard of the training that is on, or was last
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from rich.segment import Segment
from rich.style import Style
from rich.table import Table

from splitrun.cli.console import Console
from splitrun.dashboard.frame import Frame
from splitrun.dashboard.line import DIM, PLAIN, STRONG, Line, fit, line

DrawTable = Callable[[int], Table]
"""Makes a table of at most so many rows."""
_HEADS = 2
"""Lines of a table above its rows."""
_LEAST_FRAME = 8
"""Lines below which no dashboard is shown."""


@dataclass
class StudyView:
    """All there is to show, and how it is laid out."""

    phase: str = ""
    to_go: str = ""
    remark: str = ""
    """What was decided, or is done: the last one."""
    draw_table: DrawTable | None = None
    frame: Frame | None = None
    """Of the training that is on, or was last."""
    _drawn: tuple[DrawTable, int, int, list[Line]] | None = field(default=None, repr=False)
    """A table and the room that it was drawn for: it changes more seldom than the frame."""

    def lines(self, console: Console, width: int, height: int) -> list[Line]:
        """At most `height` lines of exactly `width` columns."""
        lines = [self._phase_line(width)]
        if self.remark:
            lines.append(line([(fit(self.remark, width), DIM)], width))
        blank: Line = [Segment(" " * width)]
        if table := self._table(console, width, height - len(lines) - 1):
            lines += [blank, *table]
        left = height - len(lines) - 1
        if self.frame is not None and left >= _LEAST_FRAME:
            lines += [blank, *self.frame.lines(width, left)]
        return lines[:height]

    def _phase_line(self, width: int) -> Line:
        room = max(0, width - len(self.to_go) - (2 if self.to_go else 0))
        return line([(fit(self.phase, room), STRONG), (f"  {self.to_go}".rstrip(), DIM)], width)

    def _table(self, console: Console, width: int, height: int) -> list[Line]:
        if self.draw_table is None or height <= _HEADS:
            return []
        if self._drawn is None or self._drawn[:3] != (self.draw_table, width, height):
            table = self.draw_table(height - _HEADS)
            options = console.options.update(width=width, height=None)
            drawn = [line(map(_part, each), width) for each in console.render_lines(table, options)]
            self._drawn = (self.draw_table, width, height, drawn[:height])
        return self._drawn[3]


def _part(segment: Segment) -> tuple[str, Style]:
    return segment.text, segment.style or PLAIN


Row = TypeVar("Row")


def window(rows: list[Row], at: int, most: int) -> list[Row]:
    """So many rows around the one that counts now."""
    first = max(0, min(at - most // 2, len(rows) - most))
    return rows[first : first + most]
