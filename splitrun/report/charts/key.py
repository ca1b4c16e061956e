"""Names of lines, beside a plot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from splitrun.report.charts.drawing import BOTTOM_PX, TOP_PX, beside, text

_GLYPHS = {
    "circle": "●",
    "square": "■",
    "diamond": "◆",
    "triangle-up": "▲",
    "star": "★",
    "circle-open": "○",
    "x": "✖",
}
_LABEL_PX = 18
"""From one line's name to the next."""


@dataclass(frozen=True)
class End:
    """Where a line ends, and what it looks like."""

    name: str
    value: float
    colour: str
    symbol: str


def key(ends: Sequence[End], low: float, high: float, height: int) -> list[dict[str, Any]]:
    """The names of lines to the right of a plot, each as near as can be to where its line ends.

    Args:
        low: end of the axis, as is `high`.
        height: of the chart, in pixels.
    """
    gap = _LABEL_PX / (height - TOP_PX - BOTTOM_PX)
    places = apart([(end.value - low) / (high - low) for end in ends], gap, most=1.0)
    return [
        beside(
            f'<span style="color:{end.colour}">{_GLYPHS[end.symbol]}</span> {text(end.name)}', 1, y
        )
        | {"xref": "paper", "yref": "paper"}
        for end, y in zip(ends, places, strict=True)
    ]


def apart(values: Sequence[float], gap: float, most: float) -> list[float]:
    """The same values, moved as little as need be: none closer than `gap`, none above `most`."""
    order = sorted(range(len(values)), key=values.__getitem__)
    groups: list[tuple[float, int]] = []
    for index in order:
        groups.append((values[index], 1))
        while len(groups) > 1 and _overlap(groups[-2], groups[-1], gap):
            (upper, many), (lower, few) = groups.pop(), groups.pop()
            groups.append(((upper * many + lower * few) / (many + few), many + few))
    placed = [
        middle + gap * (place - (count - 1) / 2)
        for middle, count in groups
        for place in range(count)
    ]
    moved = [0.0] * len(values)
    for index, place in reversed(list(zip(order, placed, strict=True))):
        moved[index] = min(place, most)
        most = moved[index] - gap
    return moved


def _overlap(one: tuple[float, int], other: tuple[float, int], gap: float) -> bool:
    return other[0] - one[0] < gap * (one[1] + other[1]) / 2
