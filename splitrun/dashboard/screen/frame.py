"""The whole screen: which part gets how many lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console, ConsoleOptions
from rich.segment import Segment

from splitrun.dashboard.screen.head import head_lines, values_count, values_lines
from splitrun.dashboard.screen.line import Line
from splitrun.dashboard.screen.links import link_lines
from splitrun.dashboard.screen.machine import machine_count, machine_lines
from splitrun.dashboard.screen.roles import role_lines
from splitrun.dashboard.screen.strip import strip_lines
from splitrun.dashboard.view import RunView
from splitrun.dashboard.view.plan_file import PlanFile

_FEWEST_VALUES = 2
_HIGHEST_CHART = 6
"""Lines of a chart of throughput or loss."""


class Drawn:
    """A renderable of lines that are there: nobody's printing changes or recomputes them."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for place, drawn in enumerate(self._lines):
            if place:
                yield Segment.line()
            yield from drawn


class Frame:
    """A view, laid out.

    Args:
        view: what is drawn.
    """

    def __init__(self, view: RunView) -> None:
        self.view = view
        self.plan = PlanFile()
        self.stacks = ""
        """What there is to say of where threads were when the run ended."""

    def lines(self, width: int, height: int) -> list[Line]:
        """At most `height` lines of exactly `width` columns."""
        view, plan = self.view, self.plan
        head = head_lines(view, plan, width, self.stacks)
        sizes = _sizes(height - len(head), len(view.roles), len(view.links.between_parties()), view)
        values, roles, strip, links, machine, gaps = sizes
        parts = [
            head,
            values_lines(view, plan, width, values),
            role_lines(view, plan, width, roles),
            strip_lines(view, width, strip),
            link_lines(view, plan, width, links),
            machine_lines(view, width, machine),
        ]
        lines: list[Line] = []
        for part in parts:
            if lines and part and gaps > 0:
                lines.append([Segment(" " * width)])
                gaps -= 1
            lines += part
        return lines[:height]


def _sizes(height: int, roles: int, links: int, view: RunView) -> tuple[int, ...]:
    """Lines of values, roles, timelines, links and machine, their titles included, and gaps.

    Roles and their timelines come first; then links; what is left makes gaps and higher charts.
    """
    machine_most = machine_count(view)
    machine = min(2, machine_most)
    links_most = links + 1 if links else 0
    links_least = min(2 + (links > 1), links_most)
    left = height - _FEWEST_VALUES - machine - links_least
    both = min(2 * (roles + 1), max(0, left))
    left -= both
    more_links = min(left, links_most - links_least) if left > 0 else 0
    left -= more_links
    more_machine = min(left, machine_most - machine) if left > 0 else 0
    left -= more_machine
    count = values_count(view)
    more_values = min(max(0, left), count - _FEWEST_VALUES)
    left -= more_values
    gaps = min(5, max(0, left))
    left -= gaps
    taller = max(0, min(left, 2 * (_HIGHEST_CHART - 1)))
    return (
        _FEWEST_VALUES + more_values + taller,
        both - both // 2,
        both // 2,
        links_least + more_links,
        machine + more_machine,
        gaps,
    )
