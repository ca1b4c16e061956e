"""What the arms of a comparison learn: the metric's curves, over all seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from splitrun.report import words
from splitrun.report.charts.arm_look import band, colour, dash, symbol
from splitrun.report.charts.drawing import axis, layout, padded, text, whiskers
from splitrun.report.charts.key import End, key
from splitrun.report.charts.series import spread
from splitrun.report.comparison import Arm, Comparison, Curve, Point
from splitrun.report.page import Chart, Figure

_HEIGHT = 360


def curves(comparison: Comparison) -> list[Figure]:
    """The metric against epochs, and against training time where it is known.

    Where it was evaluated but once, there is no course to show against epochs.
    """
    name = words.metric_name(comparison.metric)
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
_Lines = Sequence[tuple[Arm, Sequence[_Pooled]]]


def _lines(comparison: Comparison, place: Callable[[Point], float | None]) -> _Lines:
    """Of the arms that have any points."""
    lines = [(arm, _pooled(arm.curves, place)) for arm in comparison.arms]
    return [(arm, points) for arm, points in lines if points]


def _pooled(drawn: Sequence[Curve], place: Callable[[Point], float | None]) -> list[_Pooled]:
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


def _figure(comparison: Comparison, title: str, x_title: str, lines: _Lines) -> Figure:
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
        End(arm.name, points[-1][1], colour(arm, arms), symbol(arm, arms)) for arm, points in lines
    ]
    shape = layout(
        axis(x_title, rangemode="tozero"),
        axis(range=[low, high]),
        height=_HEIGHT,
        unit=words.metric_name(comparison.metric),
        labels=key(ends, low, high, _HEIGHT),
        right=112,
        shapes=_target(comparison.target),
    )
    told = "; ".join(f"{end.name} {words.value(end.value)}" for end in ends)
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
