"""The whole screen: which part gets how many lines, and on a wide one, which stand side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions
from rich.segment import Segment

from splitrun.dashboard.head import head_lines
from splitrun.dashboard.help import help_lines
from splitrun.dashboard.line import Line
from splitrun.dashboard.panels import link_lines, machine_count, machine_lines
from splitrun.dashboard.role_panels import CHOSEN_LINES, chosen_lines, role_lines, strip_lines
from splitrun.dashboard.values import values_count, values_lines
from splitrun.dashboard.view import RunView
from splitrun.records.plan import PlanRecord

_FEWEST_VALUES = 2
_HIGHEST_CHART, _HIGHEST_WIDE = 6, 10
"""Lines of a chart of throughput or loss; on a wide screen, which leaves more of them."""
_FEWEST_ROLES = 4
"""Lines of roles that come before links and machine."""
_FEWEST_STRIP = 3
"""Lines of timelines below which there are none."""
_WIDE = 160
"""Columns from which on there are two parts side by side."""
_BETWEEN = 2


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
        self.plan = PlanRecord()
        self.stacks = ""
        """What there is to say of where threads were when the run ended."""
        self.note = ""
        """Is said in place of how the run stands."""
        self.chosen = ""
        """The role that is marked, and of which more is told."""
        self.hint = ""
        """What is said of keys, where they are read."""
        self.has_help = False
        """Whether keys and signs are explained instead of the run being shown."""

    def lines(self, width: int, height: int) -> list[Line]:
        """At most `height` lines of exactly `width` columns."""
        has_setting = height > _MOST_WITHOUT_SETTING
        head = head_lines(
            self.view, self.plan, width, self.stacks, has_setting=has_setting, note=self.note
        )
        left = height - len(head)
        if self.has_help:
            parts = [help_lines(width, left - 1)]
            heights = _Heights(gaps=1)
        elif width < _WIDE:
            heights = _stacked(left, self.view, has_chosen=bool(self.chosen))
            parts = self._parts(width, heights)
        else:
            heights = _side_by_side(left, self.view, has_chosen=bool(self.chosen))
            parts = self._wide_parts(width, heights)
        return _spaced(head, parts, heights.gaps, width)[:height]

    def _parts(self, width: int, heights: _Heights) -> list[list[Line]]:
        return [
            self._values(width, heights),
            self._roles(width, heights),
            strip_lines(self.view, width, heights.strip, self.chosen),
            link_lines(self.view, self.plan, width, heights.links),
            machine_lines(self.view, width, heights.machine),
        ]

    def _wide_parts(self, width: int, heights: _Heights) -> list[list[Line]]:
        half = (width - _BETWEEN) // 2
        other = width - _BETWEEN - half
        links = link_lines(self.view, self.plan, half, heights.links)
        machine = machine_lines(self.view, other if links else width, heights.machine)
        return [
            _beside(self._values(half, heights), self._roles(other, heights), half, other),
            strip_lines(self.view, width, heights.strip, self.chosen),
            _beside(links, machine, half, other) if links else machine,
        ]

    def _values(self, width: int, heights: _Heights) -> list[Line]:
        return values_lines(
            *(self.view, self.plan, width, heights.values),
            has_axis=heights.has_axis,
            hint=self.hint,
        )

    def _roles(self, width: int, heights: _Heights) -> list[Line]:
        roles = role_lines(self.view, self.plan, width, heights.roles, self.chosen)
        more = chosen_lines(self.view, self.plan, width, self.chosen)
        return [*roles, *more[: heights.chosen]]


_MOST_WITHOUT_SETTING = 12
"""A terminal of so few lines has none for what the run is about."""


@dataclass(frozen=True, kw_only=True)
class _Heights:
    """Lines of every part, its title included, and gaps between parts."""

    values: int = 0
    has_axis: bool = False
    """Whether one of them is the time."""
    roles: int = 0
    chosen: int = 0
    """What is told of the chosen role."""
    strip: int = 0
    links: int = 0
    machine: int = 0
    gaps: int = 0


def _stacked(height: int, view: RunView, *, has_chosen: bool) -> _Heights:
    """Of parts below each other.

    Roles and their timelines come first, then the time that charts span, then links; what is left
    makes gaps and higher charts.
    """
    roles, links = len(view.roles), len(view.links.between_parties())
    machine_most = machine_count(view)
    machine = min(2, machine_most)
    links_most = links + 1 if links else 0
    links_least = min(2 + (links > 1), links_most)
    left = _Left(height - _FEWEST_VALUES)
    sure = left.take(min(roles + 1, _FEWEST_ROLES))
    links_least, machine = left.take(links_least), left.take(machine)
    chosen = left.take(CHOSEN_LINES) if has_chosen else 0
    role_lines, strip = _split(left, roles + 1, sure)
    has_axis = bool(left.take(1))
    links = links_least + left.take(links_most - links_least)
    machine += left.take(machine_most - machine)
    values = _FEWEST_VALUES + left.take(values_count(view) - _FEWEST_VALUES)
    gaps = left.take(3)
    values += left.take(1)
    gaps += left.take(2)
    values += left.take(2 * (_HIGHEST_CHART - 1) - 1)
    return _Heights(
        values=values + has_axis,
        has_axis=has_axis,
        roles=role_lines,
        chosen=chosen,
        strip=strip,
        links=links,
        machine=machine,
        gaps=gaps,
    )


def _side_by_side(height: int, view: RunView, *, has_chosen: bool) -> _Heights:
    """Of values beside roles, timelines below them, and links beside the machine."""
    roles, links = len(view.roles), len(view.links.between_parties())
    chosen = CHOSEN_LINES if has_chosen else 0
    values_most = values_count(view) + 2 * (_HIGHEST_WIDE - 1) + 1
    links_most, machine_most = links + 1 if links else 0, machine_count(view)
    bottom_most = max(links_most, machine_most)
    bottom = min(2 + (links > 1), bottom_most)
    left = _Left(height - bottom)
    top, strip = _split(left, roles + 1)
    top += left.take(max(roles + 1 + chosen, values_count(view) + 1) - top)
    bottom += left.take(bottom_most - bottom)
    gaps = left.take(3)
    top += left.take(values_most - top)
    values = min(top, values_most)
    chosen = min(chosen, max(0, top - 2))
    return _Heights(
        values=values,
        has_axis=values > _FEWEST_VALUES,
        roles=min(roles + 1, top - chosen),
        chosen=chosen,
        strip=strip,
        links=min(links_most, bottom),
        machine=min(machine_most, bottom),
        gaps=gaps,
    )


def _split(left: _Left, wanted: int, sure: int = 0) -> tuple[int, int]:
    """Lines of roles and of their timelines: all roles, if they find room, or half of it each.

    Args:
        wanted: for all roles.
        sure: those that roles have already.
    """
    both = sure + left.peek(2 * wanted - sure)
    roles = wanted if wanted <= both else max(sure, both - both // 2)
    strip = both - roles if both - roles >= _FEWEST_STRIP else 0
    left.take(roles - sure + strip)
    return roles, strip


class _Left:
    """Lines that are left to be given away."""

    def __init__(self, lines: int) -> None:
        self._lines = max(0, lines)

    def peek(self, wanted: int) -> int:
        """So many, or what is left, which stays."""
        return max(0, min(wanted, self._lines))

    def take(self, wanted: int) -> int:
        """So many, or what is left."""
        taken = self.peek(wanted)
        self._lines -= taken
        return taken


def _beside(left: list[Line], right: list[Line], width: int, other: int) -> list[Line]:
    """Two parts side by side, the shorter one filled up."""
    rows = max(len(left), len(right))
    left = [*left, *[[Segment(" " * width)]] * (rows - len(left))]
    right = [*right, *[[Segment(" " * other)]] * (rows - len(right))]
    between = Segment(" " * _BETWEEN)
    return [[*first, between, *second] for first, second in zip(left, right, strict=True)]


def _spaced(head: list[Line], parts: list[list[Line]], gaps: int, width: int) -> list[Line]:
    """Head and parts; where there are fewer gaps than parts, those below the first have them."""
    filled = [part for part in parts if part]
    order = [*range(1, len(filled)), 0]
    before = set(order[:gaps])
    lines = list(head)
    for place, part in enumerate(filled):
        if place in before and lines:
            lines.append([Segment(" " * width)])
        lines += part
    return lines
