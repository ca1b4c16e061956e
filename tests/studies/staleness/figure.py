"""A chart of losses against depth, as SVG that reads well on light and dark ground."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 760, 360
LEFT, RIGHT, TOP, BOTTOM = 70, 230, 44, 44
COLOURS = ("#888888", "#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a5195")
MOST_LINES = len(COLOURS)

Points = Sequence[tuple[int, float, float, float]]
"""(depth, mean, low, high), by depth."""


def chart(title: str, unit: str, lines: Mapping[str, Points]) -> str:
    """One line a rule, with bars for its intervals.

    Args:
        lines: at most `MOST_LINES`.
    """
    points = [point for line in lines.values() for point in line]
    depths = sorted({depth for depth, *_ in points})
    low = min(0.0, *(low for *_, low, _ in points))
    high = max(0.0, *(high for *_, high in points))
    step = _step(high - low)
    ticks = [step * index for index in range(math.floor(low / step), math.ceil(high / step) + 1)]

    def across(depth: int, nudge: float = 0) -> float:
        share = depths.index(depth) / max(1, len(depths) - 1)
        return LEFT + 24 + share * (WIDTH - LEFT - RIGHT - 48) + nudge

    def down(value: float) -> float:
        share = (ticks[-1] - value) / (ticks[-1] - ticks[0])
        return TOP + share * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'font-family="sans-serif" font-size="13" fill="#808080">',
        f"<title>{escape(title)}</title>",
        f'<text x="{LEFT}" y="20" font-size="15">{escape(title)}</text>',
        f'<text x="{LEFT}" y="36">{escape(unit)}</text>',
    ]
    for tick in ticks:
        y, wide = down(tick), 1.5 if abs(tick) < step / 2 else 0.4
        parts += [
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#808080" '
            f'stroke-width="{wide}"/>',
            f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:.4g}</text>',
        ]
    for depth in depths:
        parts.append(
            f'<text x="{across(depth):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">'
            f"{depth}</text>"
        )
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">depth</text>')
    for index, ((name, line), colour) in enumerate(zip(lines.items(), COLOURS, strict=False)):
        nudge = 4.0 * (index - (len(lines) - 1) / 2)
        places = [(across(depth, nudge), mean, low, high) for depth, mean, low, high in line]
        path = " ".join(f"{x:.1f},{down(mean):.1f}" for x, mean, *_ in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for x, mean, low, high in places:
            parts += [
                f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{down(low):.1f}" y2="{down(high):.1f}" '
                f'stroke="{colour}"/>',
                f'<circle cx="{x:.1f}" cy="{down(mean):.1f}" r="3.5" fill="{colour}"/>',
            ]
        y = TOP + 18 * index + 12
        parts += [
            f'<circle cx="{WIDTH - RIGHT + 20}" cy="{y - 4}" r="4" fill="{colour}"/>',
            f'<text x="{WIDTH - RIGHT + 30}" y="{y}">{escape(name)}</text>',
        ]
    return "\n".join([*parts, "</svg>\n"])


def _step(span: float) -> float:
    """A round number that divides the span into four to nine."""
    rough = max(span, 1e-9) / 5
    power = 10 ** math.floor(math.log10(rough))
    return float(next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough))
