"""What a terminal shows of a comparison or a grid while it is measured, as lines of its width.

what it is at, and what is left
a remark
the table, which fills
the dashboard of the training that is on, or was last
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.segment import Segment

from splitrun.dashboard.frame import Frame
from splitrun.dashboard.line import (
    DIM,
    PLAIN,
    STRONG,
    Column,
    Line,
    fit,
    fitting,
    line,
    more_line,
    title_line,
)

_MARK, _INDENT = "▸ ", "  "
"""Before the row that is measured now, and before the others."""
_FEWEST_ROWS = 6
"""Lines of a table that a dashboard leaves it."""
_LEAST_FRAME = 8
"""Lines below which no dashboard is shown."""


@dataclass(frozen=True)
class StudyTable:
    """What is known so far."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    """As long as the heads; what is not known yet is empty."""
    names: int = 1
    """How many columns, from the left, are no figures."""
    at: int = -1
    """The row that is measured now."""

    def lines(self, width: int, height: int) -> list[Line]:
        """The columns that find room, and the rows around the one that is measured now."""
        widths = [
            max(len(cells[place]) for cells in (self.heads, *self.rows)) + 1
            for place in range(len(self.heads))
        ]
        columns = [
            Column(head, each, right=place >= self.names)
            for place, (head, each) in enumerate(zip(self.heads, widths, strict=True))
        ]
        columns = [*fitting([Column("", 1), *columns], width)[1:]]
        most = height - 1 if len(self.rows) < height else height - 2
        first = max(0, min(self.at - most // 2, len(self.rows) - most))
        shown = list(enumerate(self.rows))[first : first + max(0, most)]
        lines = [title_line([Column("", 1), *columns], width)]
        lines += [self._row(place, cells, columns, width) for place, cells in shown]
        if others := len(self.rows) - len(shown):
            lines.append(more_line(f"{_INDENT}+{others} more", width))
        return lines[: max(0, height)]

    def _row(self, place: int, cells: Sequence[str], columns: Sequence[Column], width: int) -> Line:
        mark, style = (_MARK, STRONG) if place == self.at else (_INDENT, PLAIN)
        text = "".join(column.cell(cell) for column, cell in zip(columns, cells, strict=False))
        return line([(mark + text, style)], width)


@dataclass
class StudyView:
    """All there is to show, and how it is laid out."""

    phase: str = ""
    to_go: str = ""
    remark: str = ""
    """What was decided, or is done: the last one."""
    table: StudyTable | None = None
    frame: Frame | None = None
    """Of the training that is on, or was last."""

    def lines(self, width: int, height: int) -> list[Line]:
        """At most `height` lines of exactly `width` columns."""
        lines = self._phase_lines(width)
        if self.remark:
            lines.append(line([(fit(self.remark, width), DIM)], width))
        blank: Line = [Segment(" " * width)]
        if self.table is not None:
            room = height - len(lines) - 1
            if self.frame is not None:
                room = max(min(room, _FEWEST_ROWS), room - _LEAST_FRAME - 1)
            lines += [blank, *self.table.lines(width, room)]
        left = height - len(lines) - 1
        if self.frame is not None and left >= _LEAST_FRAME:
            lines += [blank, *self.frame.lines(width, left)]
        return lines[:height]

    def _phase_lines(self, width: int) -> list[Line]:
        room = width - len(self.to_go)
        if len(self.phase) + 2 <= room or not self.to_go:
            return [line([(fit(self.phase, room), STRONG), (self.to_go, DIM)], width)]
        return [
            line([(fit(self.phase, width), STRONG)], width),
            line([(fit(self.to_go, width), DIM)], width),
        ]
