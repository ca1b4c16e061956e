"""A grid as small multiples: throughput along one axis, a line for each value of another, and a
chart for each combination of the rest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from splitrun import units
from splitrun.records.bench import BenchRecord, CellRecord
from splitrun.report.drawing import LineEnd, axis, key, layout, text, whiskers
from splitrun.report.page import Chart, Figure
from splitrun.units import PAGE

_LOOKS = (
    ("var(--stale-3)", "circle"),
    ("var(--backward)", "square"),
    ("var(--update)", "diamond"),
    ("var(--loss)", "triangle-up"),
    ("var(--load)", "star"),
    ("var(--evaluate)", "x"),
    ("var(--flight)", "circle-open-dot"),
    ("var(--ink-2)", "square-open-dot"),
)
_BASELINE = ("var(--ink)", "circle-open")
MOST_CHARTS = 24
_HEIGHT = 280
_WIDE_RANGE = 8
"""An axis whose largest value is more times its smallest is logarithmic."""


@dataclass(frozen=True)
class Layout:
    """Which of the grid's axes is drawn how."""

    across: str
    lines: str | None
    charts: tuple[str, ...]

    @classmethod
    def of(cls, bench: BenchRecord) -> Layout:
        """Along the chart goes the axis of most numbers; lines are what cells are compared by."""
        keys = sorted(
            bench.axes, key=lambda each: (_numeric(bench.axes[each]), len(bench.axes[each]))
        )
        across = keys.pop()
        drawn = [each for each in keys if len(bench.axes[each]) <= len(_LOOKS)]
        compared = [each for each in drawn if each in bench.baseline or each == "pipeline"]
        lines = next(iter(compared or drawn[-1:]), None)
        return cls(across, lines, tuple(each for each in bench.axes if each not in (across, lines)))


def _numeric(labels: Sequence[str]) -> bool:
    return len(labels) > 1 and all(map(_is_number, labels))


def _is_number(label: str) -> bool:
    try:
        return math.isfinite(float(label))
    except ValueError:
        return False


def charts(bench: BenchRecord) -> list[Figure]:
    """A chart for each combination of the axes that are not in it; none of a grid without axes."""
    if not bench.axes or not any(cell.samples_per_s for cell in bench.cells):
        return []
    shown = Layout.of(bench)
    combinations = product(*(bench.axes[each] for each in shown.charts))
    figures = []
    for labels in combinations:
        wanted = dict(zip(shown.charts, labels, strict=True))
        cells = [cell for cell in bench.cells if _has(cell, wanted) and cell.samples_per_s]
        if cells:
            figures.append(_chart(bench, shown, wanted, cells))
    return figures[:MOST_CHARTS]


def _has(cell: CellRecord, wanted: Mapping[str, str]) -> bool:
    return all(cell.parameters.get(each) == label for each, label in wanted.items())


def _rate(cell: CellRecord) -> float:
    assert cell.samples_per_s is not None
    assert cell.samples_per_s.median is not None
    return cell.samples_per_s.median


def _chart(
    bench: BenchRecord, shown: Layout, wanted: Mapping[str, str], cells: Sequence[CellRecord]
) -> Figure:
    labels = bench.axes[shown.across]
    names = bench.axes[shown.lines] if shown.lines else ("",)
    traces, ends = [], []
    others = iter(_LOOKS)
    for name in names:
        is_baseline = shown.lines is not None and bench.baseline.get(shown.lines) == name
        colour, symbol = _BASELINE if is_baseline else next(others)
        line = [cell for cell in cells if not shown.lines or cell.parameters[shown.lines] == name]
        if not line:
            continue
        line.sort(key=lambda cell: labels.index(cell.parameters[shown.across]))
        traces.append(_trace(bench, shown, line, name, colour, symbol))
        ends.append(LineEnd(name, _rate(line[-1]), colour, symbol))
    rates = [end for cell in bench.cells if cell.samples_per_s for end in _ends(cell)]
    low, high, many = min(rates), max(rates), max(rates) > _WIDE_RANGE * min(rates)
    bottom, top = (math.log10(low / 1.2), math.log10(high * 1.2)) if many else (0.0, 1.1 * high)
    placed = [
        LineEnd(end.name, math.log10(end.value) if many else end.value, end.colour, end.symbol)
        for end in ends
        if end.name
    ]
    shape = layout(
        axis(text(shown.across), **_across(labels)),
        axis(
            tickformat="~s", range=[bottom, top], **({"type": "log", "dtick": "D2"} if many else {})
        ),
        height=_HEIGHT,
        unit="samples/s",
        labels=key(placed, bottom, top, _HEIGHT),
        right=112 if placed else 16,
    )
    title = ", ".join(f"{each} {label}" for each, label in wanted.items()) or "Throughput"
    best = max(cells, key=_rate)
    caption = f"Fastest: {cell_name(best, wanted)}, {PAGE.rate(_rate(best))}."
    return Figure(title, caption, Chart(traces, shape))


def cell_name(cell: CellRecord, but: Mapping[str, str] | None = None) -> str:
    """`pipeline.depth 4, seed 7`: its values, `but` those that are known already."""
    told = [f"{each} {label}" for each, label in cell.parameters.items() if each not in (but or {})]
    return ", ".join(told) or "the spec as it is"


def _across(labels: Sequence[str]) -> dict[str, Any]:
    """Numbers to scale, logarithmic where they span much; words side by side."""
    if not _numeric(labels):
        return {
            "tickvals": list(range(len(labels))),
            "ticktext": [text(label) for label in labels],
            "range": [-0.3, len(labels) - 0.7],
        }
    values = [float(label) for label in labels]
    ticks = {"tickvals": values, "ticktext": [text(label) for label in labels]}
    if min(values) > 0 and max(values) >= _WIDE_RANGE * min(values):
        margin = 0.08 * math.log10(max(values) / min(values))
        ends = [math.log10(min(values)) - margin, math.log10(max(values)) + margin]
        return ticks | {"type": "log", "range": ends}
    return ticks


def _trace(
    bench: BenchRecord,
    shown: Layout,
    line: Sequence[CellRecord],
    name: str,
    colour: str,
    symbol: str,
) -> dict[str, Any]:
    labels = bench.axes[shown.across]
    numeric = _numeric(labels)
    places = [cell.parameters[shown.across] for cell in line]
    ends = [whiskers(_rate(cell), *_ends(cell), colour) for cell in line]
    spread = ends[0] | {each: [it[each][0] for it in ends] for each in ("array", "arrayminus")}
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": text(name),
        "x": [float(label) if numeric else labels.index(label) for label in places],
        "y": [_rate(cell) for cell in line],
        "error_y": spread,
        "line": {
            "color": colour,
            "width": 1.5,
            "dash": "dash" if colour == _BASELINE[0] else "solid",
        },
        "marker": {"symbol": symbol, "size": 8},
        "hovertext": [_told(cell) for cell in line],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }


def _interval(cell: CellRecord) -> tuple[float, float] | None:
    return cell.samples_per_s.ci95 if cell.samples_per_s else None


def _ends(cell: CellRecord) -> tuple[float, float]:
    """Of its whiskers, which may have none."""
    return _interval(cell) or (_rate(cell), _rate(cell))


def _told(cell: CellRecord) -> str:
    between = units.within(_interval(cell), ",.0f")
    speedup = f", {PAGE.factor(cell.speedup)}" if cell.speedup is not None else ""
    return text(f"{cell_name(cell)}: {PAGE.rate(_rate(cell))} {between}{speedup}".strip())
