"""The last seconds of every role, as a strip that moves."""

from __future__ import annotations

from itertools import groupby

from rich.style import Style

from splitrun.dashboard.screen.line import Line, fit, kept, line, more_line
from splitrun.dashboard.screen.look import DIM, KINDS, LEGEND, PLAIN
from splitrun.dashboard.screen.roles import name_width
from splitrun.dashboard.view import RunView
from splitrun.dashboard.view.timeline import MOST_CELLS
from splitrun.dashboard.words import span_text


def strip_lines(view: RunView, width: int, height: int) -> list[Line]:
    """A legend, and a line a role; a cell is as much time as the legend says."""
    names = name_width(view)
    shown, others = kept(list(view.roles.values()), height)
    cells = max(0, min(MOST_CELLS, width - names - 1))
    lines = [_legend(view, names, width)]
    for role in shown:
        running = view.running or view.ended_stuck
        drawn = role.row(cells, view.present, view.now, running=running)
        parts: list[tuple[str, Style]] = [(fit(role.name, names) + " ", PLAIN)]
        for kind, run in groupby(drawn):
            glyph, style = KINDS[kind]
            parts.append((glyph * len(list(run)), style))
        lines.append(line(parts, width))
    if others:
        lines.append(more_line(f"+{len(others)} more", width))
    return lines


def _legend(view: RunView, names: int, width: int) -> Line:
    cell_s = next((role.timeline.cell_s for role in view.roles.values()), 0.0)
    cell = f"{span_text(cell_s)}/cell "
    words = sum(len(word) + 3 for word in LEGEND.values())
    gap = " " * min(2, max(1, (width - len(cell) - words) // len(LEGEND) + 1))
    parts = [(fit(cell, max(len(cell), min(names + 1, width - words))), DIM)]
    for kind, word in LEGEND.items():
        glyph, style = KINDS[kind]
        parts += [(glyph, style), (f" {word}{gap}", DIM)]
    return line(parts, width)
