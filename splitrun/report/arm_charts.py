"""A comparison's charts: curves of the metric, throughput by depth, and time to the target.

An arm looks the same in all of them; symbols and dashes tell it without its colour.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from splitrun import units
from splitrun.records.comparison import ArmRecord, ComparisonRecord, CurveRecord, PointRecord
from splitrun.report.drawing import (
    LineEnd,
    axis,
    beside,
    key,
    layout,
    padded,
    text,
    whiskers,
)
from splitrun.report.learning_charts import spread
from splitrun.report.page import Chart, Figure
from splitrun.units import PAGE

_STALE = 5
"""Shades of a stale arm, from shallow to deep."""
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "star")


def colour(arm: ArmRecord, arms: Sequence[ArmRecord]) -> str:
    """An arm's colour: ink for the baseline, one for micro-batches, a shade of blue a depth."""
    if arm.schedule != "stale":
        return "var(--microbatch)" if arm.schedule == "microbatch" else "var(--ink)"
    return f"var(--stale-{_rank(arm, arms) + 1})"


def band(arm: ArmRecord) -> str:
    """The colour of an arm's spread over the seeds."""
    known = arm.schedule if arm.schedule in ("stale", "microbatch") else "sequential"
    return f"var(--{known}-band)"


def symbol(arm: ArmRecord, arms: Sequence[ArmRecord]) -> str:
    """The marker that tells an arm without its colour; one with a codec of its own has a dot."""
    if arm.schedule != "stale":
        plain = "x" if arm.schedule == "microbatch" else "circle-open"
    else:
        plain = _SYMBOLS[_rank(arm, arms)]
    return f"{plain.removesuffix('-open')}-open-dot" if arm.codec else plain


def dash(arm: ArmRecord) -> str:
    """The line that tells a schedule, or an arm with a codec of its own, without its colour."""
    if arm.codec:
        return "dashdot"
    return {"stale": "solid", "microbatch": "dot"}.get(arm.schedule, "dash")


def _rank(arm: ArmRecord, arms: Sequence[ArmRecord]) -> int:
    """The rank of a stale arm's depth among the others', spread over the shades."""
    depths = sorted({each.depth for each in arms if each.schedule == "stale"})
    last = max(len(depths) - 1, 1)
    return round(depths.index(arm.depth) * (_STALE - 1) / last) if len(depths) > 1 else 2


_HEIGHT = 360


def curves(comparison: ComparisonRecord) -> list[Figure]:
    """The metric against epochs, and against training time where it is known.

    Where it was evaluated but once, there is no curve to show against epochs.
    """
    name = units.metric_name(comparison.metric)
    figures = []
    by_epoch = _lines(comparison, lambda point: point.epoch)
    if any(len(points) > 1 for _, points in by_epoch):
        figures.append(_figure(comparison, f"{name} by epoch", "epoch", by_epoch))
    by_time = _lines(comparison, lambda point: point.train_s)
    if by_time:
        title = f"{name} by training time"
        figures.append(_figure(comparison, title, "seconds of training", by_time))
    return figures


_Pooled = tuple[float, float, float, float]
"""Place, mean, lowest and highest over the seeds."""
_Place = Callable[[PointRecord], float | None]
"""Where a point is on the horizontal axis, if that is known."""
_Lines = Sequence[tuple[ArmRecord, Sequence[_Pooled]]]


def _lines(comparison: ComparisonRecord, place: _Place) -> _Lines:
    """The curves of the arms that have any points."""
    lines = [(arm, _pooled(arm.curves, place)) for arm in comparison.arms]
    return [(arm, points) for arm, points in lines if points]


def _pooled(drawn: Sequence[CurveRecord], place: _Place) -> list[_Pooled]:
    """Over the seeds, epoch by epoch."""
    epochs: dict[float, list[tuple[float, float]]] = {}
    for curve in drawn:
        for point in curve.points:
            at = place(point)
            if at is not None and point.value is not None:
                epochs.setdefault(point.epoch, []).append((at, point.value))
    pooled = []
    for _, points in sorted(epochs.items()):
        values = [value for _, value in points]
        at = sum(each for each, _ in points) / len(points)
        pooled.append((at, sum(values) / len(values), min(values), max(values)))
    return pooled


def _figure(comparison: ComparisonRecord, title: str, x_title: str, lines: _Lines) -> Figure:
    arms = comparison.arms
    traces: list[dict[str, Any]] = []
    for arm, points in lines:
        x, means, lowest, highest = (list(each) for each in zip(*points, strict=True))
        if comparison.seeds > 1 and len(points) > 1:
            traces += spread(x, lowest, highest, band(arm))
        trace = {
            "type": "scatter",
            "mode": "lines+markers",
            "name": text(arm.name),
            "x": x,
            "y": means,
            "line": {"color": colour(arm, arms), "width": 2, "dash": dash(arm)},
            "marker": {"symbol": symbol(arm, arms), "size": 8},
            "hovertemplate": "%{fullData.name}: %{y:.4f} at %{x:.4~g}<extra></extra>",
        }
        if len(points) == 1:
            trace["error_y"] = whiskers(means[0], lowest[0], highest[0], colour(arm, arms))
        traces.append(trace)
    low, high = padded(
        [value for _, points in lines for point in points for value in point[1:]]
        + ([comparison.target] if comparison.target is not None else [])
    )
    ends = [
        LineEnd(arm.name, points[-1][1], colour(arm, arms), symbol(arm, arms))
        for arm, points in lines
    ]
    shape = layout(
        axis(x_title, rangemode="tozero"),
        axis(range=[low, high]),
        height=_HEIGHT,
        unit=units.metric_name(comparison.metric),
        labels=key(ends, low, high, _HEIGHT),
        right=112,
        shapes=_target(comparison.target),
    )
    told = "; ".join(f"{end.name} {PAGE.value(end.value)}" for end in ends)
    caption = f"At the end: {told}."
    if comparison.seeds > 1:
        caption += f" Means over {comparison.seeds} seeds; "
        several = any(len(points) > 1 for _, points in lines)
        caption += f"{'bands' if several else 'whiskers'} are their lowest and highest."
    if comparison.target is not None:
        caption += f" The dotted line is the target, {comparison.target:g}."
    return Figure(title, caption, Chart(traces, shape))


def _target(target: float | None) -> list[dict[str, Any]]:
    if target is None:
        return []
    line = {"color": "var(--ink-3)", "width": 1, "dash": "dot"}
    place = {"xref": "paper", "x0": 0, "x1": 1, "y0": target, "y1": target}
    return [{"type": "line", "line": line} | place]


def by_depth(comparison: ComparisonRecord) -> Figure | None:
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


def _ticks(arms: Sequence[ArmRecord]) -> str | None:
    """1, 2 and 5 of each decade, where the arms are far enough apart to have some of them."""
    rates = [_rate(arm) for arm in arms]
    return "D2" if max(rates) > 4 * min(rates) else None


def _names(arms: Sequence[ArmRecord]) -> list[dict[str, Any]]:
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


def _measured(arm: ArmRecord, arms: Sequence[ArmRecord]) -> dict[str, Any]:
    rate, ends = _rate(arm), arm.samples_per_s.ci95
    between = f"<br>95 % interval {units.within(ends, ',.0f')}" if ends else ""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": text(arm.name),
        "showlegend": False,
        "x": [arm.depth],
        "y": [rate],
        "error_y": whiskers(rate, *(ends or (rate, rate)), colour(arm, arms)),
        "marker": {"color": colour(arm, arms), "symbol": symbol(arm, arms), "size": 10},
        "hovertemplate": f"%{{fullData.name}}: {PAGE.rate(rate)}{between}<extra></extra>",
    }


def _rate(arm: ArmRecord) -> float:
    """The median throughput, in samples/s, of an arm that has one."""
    assert arm.samples_per_s.median is not None
    return arm.samples_per_s.median


def _caption(comparison: ComparisonRecord, arms: Sequence[ArmRecord]) -> str:
    measured = "; ".join(f"{arm.name} {PAGE.whole(arm.samples_per_s.median)}" for arm in arms)
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


def time_to_target(comparison: ComparisonRecord) -> Figure | None:
    """Training time until the metric reaches its target, as bars; None without a target."""
    if comparison.target is None:
        return None
    arms = list(comparison.arms)
    seconds = [arm.time_to_target_s for arm in arms]
    told = [_reached(comparison, arm) for arm in arms]
    trace = {
        "type": "bar",
        "orientation": "h",
        "x": seconds,
        "y": [-place for place in range(len(arms))],
        "width": 0.55,
        "marker": {"color": [colour(arm, arms) for arm in arms]},
        "hovertext": [f"{text(arm.name)}: {what}" for arm, what in zip(arms, told, strict=True)],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }
    labels = [
        beside(what, second or 0, -place)
        for place, (what, second) in enumerate(zip(told, seconds, strict=True))
    ]
    longest = max((second for second in seconds if second), default=1.0)
    shape = layout(
        axis("seconds of training", range=[0, 1.3 * longest], fixedrange=True),
        axis(
            tickvals=[-place for place in range(len(arms))],
            ticktext=[text(arm.name) for arm in arms],
            showgrid=False,
            fixedrange=True,
        ),
        height=90 + 38 * len(arms),
        labels=labels,
    )
    name = units.metric_name(comparison.metric)
    caption = (
        f"Median over the seeds of the training time until {name} is at its target. "
        + "; ".join(f"{arm.name}: {what}" for arm, what in zip(arms, told, strict=True))
        + "."
    )
    narrow = {"xaxis": {"range": [0, 2.5 * longest]}}
    title = f"Time until {name} is {comparison.target:g}"
    return Figure(title, caption, Chart([trace], shape, narrow))


def _reached(comparison: ComparisonRecord, arm: ArmRecord) -> str:
    of = f"{arm.reached} of {comparison.seeds} seeds" if arm.reached is not None else ""
    if arm.time_to_target_s is None:
        return f"not reached ({of})" if of else "not reached"
    return PAGE.duration(arm.time_to_target_s) + (f" ({of})" if of else "")
