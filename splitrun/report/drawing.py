"""What charts have in common: axes, labels, fills, and the names of lines beside a plot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from splitrun.report.page import Swatch

_SIZE = 13
TOP_PX, BOTTOM_PX = 36, 48
"""Margins of a chart with a unit above it."""
_ANGLES = {"/": 135, "\\": 45, "|": 90}


SMALL_TICKS = {"yaxis": {"tickfont": {"size": 10}}}
"""What is different on a phone where rows have long names."""


def text(name: str) -> str:
    """A stranger's words as Plotly shows them unchanged: it reads some HTML."""
    return escape(name, quote=False)


def layout(
    x: dict[str, Any],
    y: dict[str, Any],
    *,
    height: int,
    unit: str = "",
    labels: Sequence[dict[str, Any]] = (),
    right: int = 16,
    **more: Any,
) -> dict[str, Any]:
    """A layout with these two axes.

    Args:
        unit: of the vertical axis; written above it, where it is easy to read.
        labels: annotations.
        right: margin in pixels, for labels that stand there.
        more: goes beside all this.
    """
    return {
        "height": height,
        "margin": {"l": _left_px(y), "r": right, "t": TOP_PX if unit else 16, "b": BOTTOM_PX},
        "annotations": [*labels, *([_above(unit)] if unit else [])],
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"size": _SIZE, "color": "var(--ink-2)", "family": "var(--font)"},
        "hoverlabel": {
            "bgcolor": "var(--raised)",
            "bordercolor": "var(--line)",
            "font": {"color": "var(--ink)"},
            "align": "left",
        },
        "modebar": {
            "bgcolor": "rgba(0,0,0,0)",
            "color": "var(--ink-3)",
            "activecolor": "var(--ink)",
        },
        "showlegend": False,
        "uirevision": "kept",
        "xaxis": x,
        "yaxis": y,
    } | more


def axis(title: str = "", **more: Any) -> dict[str, Any]:
    """An axis with quiet lines."""
    return {
        "title": {"text": title, "standoff": 10, "font": {"size": _SIZE}},
        "gridcolor": "var(--line)",
        "linecolor": "var(--line)",
        "zeroline": False,
        "fixedrange": False,
    } | more


def _left_px(y: dict[str, Any]) -> int:
    """Room for the words of the vertical axis. Plotly would find it by drawing everything twice."""
    return 12 + round(_CHARACTER_PX * max(map(len, y.get("ticktext", ())), default=_NUMBER))


_CHARACTER_PX = 6.8
_NUMBER = 7
"""Characters of a number on an axis."""


def _above(unit: str) -> dict[str, Any]:
    place = {"xref": "paper", "x": 0, "xanchor": "left", "yref": "paper", "y": 1}
    look = {"yanchor": "bottom", "yshift": 8, "showarrow": False, "font": {"color": "var(--ink-3)"}}
    return {"name": "unit", "text": text(unit), **place, **look}


def beside(label: str, x: float, y: float) -> dict[str, Any]:
    """A direct label to the right of a place in the data."""
    return {
        "text": label,
        "x": x,
        "y": y,
        "xanchor": "left",
        "yanchor": "middle",
        "xshift": 8,
        "showarrow": False,
        "font": {"color": "var(--ink)"},
    }


def heading(name: str, y: float, more: str = "") -> dict[str, Any]:
    """A heading within a plot whose rows it stands above."""
    parts = [f"<b>{text(name)}</b>"] if name else []
    return {
        "text": "   ".join([*parts, *([more] if more else [])]),
        "x": 0,
        "xref": "paper",
        "xanchor": "left",
        "y": y,
        "showarrow": False,
        "font": {"color": "var(--ink)"},
    }


def marker(colour: str, pattern: str, pattern_colour: str) -> dict[str, Any]:
    """The fill of bars: a colour, and lines across it where there is a pattern."""
    lines = {
        "shape": pattern,
        "fillmode": "overlay",
        "fgcolor": pattern_colour,
        "bgcolor": colour,
        "size": 6,
        "solidity": 0.15,
    }
    return {"color": colour, "pattern": lines}


def swatch(name: str, colour: str, pattern: str, pattern_colour: str) -> Swatch:
    """The same fill in a list of what colours mean."""
    return Swatch(name, colour, pattern_colour if pattern else "", _ANGLES.get(pattern, 0))


def whiskers(middle: float, low: float, high: float, colour: str) -> dict[str, Any]:
    """From `low` to `high` around a marker."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [high - middle],
        "arrayminus": [middle - low],
        "color": colour,
        "thickness": 1.5,
        "width": 5,
    }


def padded(values: Sequence[float]) -> tuple[float, float]:
    """The ends of an axis on which all values have some air."""
    low, high = min(values), max(values)
    air = 0.06 * ((high - low) or abs(high) or 1.0)
    return low - air, high + air


_GLYPHS = {
    "circle": "●",
    "square": "■",
    "diamond": "◆",
    "triangle-up": "▲",
    "star": "★",
    "circle-open": "○",
    "x": "✖",
    "circle-open-dot": "⊙",
    "square-open-dot": "⊡",
    "diamond-open-dot": "◈",
    "triangle-up-open-dot": "◬",
    "star-open-dot": "✪",
    "x-open-dot": "⊗",
}
_LABEL_PX = 18
"""From one line's name to the next."""


@dataclass(frozen=True)
class LineEnd:
    """Where a line ends, and what it looks like."""

    name: str
    value: float
    colour: str
    symbol: str


def key(ends: Sequence[LineEnd], low: float, high: float, height: int) -> list[dict[str, Any]]:
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
