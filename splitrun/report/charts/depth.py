"""Throughput against depth: measured, possible, and predicted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from splitrun.report import words
from splitrun.report.charts.arm_look import colour, symbol
from splitrun.report.charts.drawing import axis, beside, layout, text, whiskers
from splitrun.report.comparison import Arm, Comparison
from splitrun.report.page import Chart, Figure

_HEIGHT = 360


def by_depth(comparison: Comparison) -> Figure | None:
    """Measured throughput at each depth, with what the probed costs allow and predict."""
    arms = [arm for arm in comparison.arms if arm.samples_per_s.median is not None]
    if not arms:
        return None
    deepest = max(arm.depth for arm in arms)
    shown = min(
        (each.depth for each in comparison.forecast if each.depth >= deepest), default=deepest
    )
    forecast = [each for each in comparison.forecast if each.depth <= shown]
    bounds = [(each.depth, each.bound_samples_per_s) for each in forecast]
    predictions = [(each.depth, each.predicted_samples_per_s) for each in forecast]
    traces = [
        *_forecast("bound", "solid", "var(--ink-3)", bounds),
        *_forecast("predicted", "dot", "var(--ink-2)", predictions),
    ]
    traces += [_measured(arm, comparison.arms) for arm in arms]
    shape = layout(
        axis("depth: batches in flight per bottom", **_logarithmic([arm.depth for arm in arms])),
        axis(type="log", tickformat=",.0f", dtick=_ticks(arms)),
        height=_HEIGHT,
        unit="samples/s",
        labels=_names(arms),
        right=88,
        showlegend=True,
        legend={"x": 0.02, "y": 0.98, "yanchor": "top"},
    )
    return Figure("Throughput by depth", _caption(comparison, arms), Chart(traces, shape))


def _logarithmic(depths: Sequence[int]) -> dict[str, Any]:
    ticks = sorted(set(depths))
    low, high = math.log10(ticks[0]), math.log10(ticks[-1])
    margin = 0.06 * (high - low) or 0.1
    return {
        "type": "log",
        "range": [low - margin, high + margin],
        "tickvals": ticks,
        "ticktext": [str(depth) for depth in ticks],
    }


def _ticks(arms: Sequence[Arm]) -> str | None:
    """1, 2 and 5 of each decade, where the arms are far enough apart to have some of them."""
    rates = [_rate(arm) for arm in arms]
    return "D2" if max(rates) > 4 * min(rates) else None


def _names(arms: Sequence[Arm]) -> list[dict[str, Any]]:
    """Beside the markers, below the line that they follow; of one depth one below the other."""
    labels = []
    for depth in {arm.depth for arm in arms}:
        here = sorted((arm for arm in arms if arm.depth == depth), key=_rate, reverse=True)
        # On a logarithmic axis an annotation stands at the logarithm.
        x, y = math.log10(depth), math.log10(_rate(here[0]))
        for place, arm in enumerate(here):
            labels.append(beside(text(arm.name), x, y) | {"yshift": -12 - 16 * place})
    return labels


def _forecast(
    name: str, style: str, shade: str, points: Sequence[tuple[int, float | None]]
) -> list[dict[str, Any]]:
    known = [(depth, rate) for depth, rate in points if rate is not None]
    if not known:
        return []
    trace = {
        "type": "scatter",
        "mode": "lines" if len(known) > 1 else "markers",
        "name": name,
        "x": [depth for depth, _ in known],
        "y": [rate for _, rate in known],
        "line": {"color": shade, "width": 1.5, "dash": style},
        "marker": {"color": shade, "symbol": "line-ew-open", "size": 14},
        "hovertemplate": f"{name} at depth %{{x}}: %{{y:,.0f}} samples/s<extra></extra>",
    }
    return [trace]


def _measured(arm: Arm, arms: Sequence[Arm]) -> dict[str, Any]:
    rate, ends = _rate(arm), arm.samples_per_s.ci95
    between = f"<br>95 % interval {words.within(ends, ',.0f')}" if ends else ""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": text(arm.name),
        "showlegend": False,
        "x": [arm.depth],
        "y": [rate],
        "error_y": whiskers(rate, *(ends or (rate, rate)), colour(arm, arms)),
        "marker": {"color": colour(arm, arms), "symbol": symbol(arm, arms), "size": 10},
        "hovertemplate": f"%{{fullData.name}}: {words.rate(rate)}{between}<extra></extra>",
    }


def _rate(arm: Arm) -> float:
    """Of an arm that has one."""
    assert arm.samples_per_s.median is not None
    return arm.samples_per_s.median


def _caption(comparison: Comparison, arms: Sequence[Arm]) -> str:
    measured = "; ".join(f"{arm.name} {words.whole(arm.samples_per_s.median)}" for arm in arms)
    what = (
        f"Median samples/s: {measured}. Whiskers are 95 % intervals, and both axes are "
        "logarithmic: speed in proportion to depth is a straight line"
    )
    if comparison.forecast:
        what += (
            "; the lines are what the probed costs allow at most (bound) and what the simulated "
            "programs come to (predicted)"
        )
    return what + "."
