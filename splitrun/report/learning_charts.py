"""What a run learned and how fast: its throughput, the loss of every step, metrics by epoch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from splitrun import units
from splitrun.records.run import EpochRecord
from splitrun.report.bins import Bin, Bins
from splitrun.report.drawing import axis, beside, layout, text
from splitrun.report.page import Chart, Figure
from splitrun.report.summary import RunSummary
from splitrun.units import PAGE

_BINS = 120
"""About so many in the span of a chart."""
_LOOPS = 4
"""A bin of the throughput has so many batches for each that is in flight: they end in bursts."""
_FEWEST = 3
"""A throughput of fewer bins shows no change over time."""
_HEIGHT = 300


def throughput(summary: RunSummary) -> Figure | None:
    """Samples/s over the run; None where too few steps have ended."""
    width = max(summary.steps / _BINS, _LOOPS * summary.started.depth)
    rows, ends = summary.step_rows.read(width), summary.step_ends.read(width)
    if len(rows) < _FEWEST:
        return None
    x: list[float | None] = []
    y: list[float | None] = []
    before = rows[0].start
    since: float | None = 0.0
    for done, ended in zip(rows, ends, strict=True):
        if done.start > before:  # the recording lacks what came before
            x, y, since = [*x, None], [*y, None], None
        if since is not None and ended.high > since:
            x += [since, ended.high]
            y += 2 * [done.total / (ended.high - since)]
        before, since = done.end, ended.high
    trace = {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "line": {"color": "var(--accent)", "width": 1.5},
        "hovertemplate": "%{y:,.0f} samples/s at %{x:.2f} s<extra></extra>",
    }
    shaded = 0 < summary.evaluated == len(summary.evaluations)
    shape = layout(
        axis("seconds since the start", rangemode="tozero"),
        axis(tickformat=",.0f", rangemode="tozero"),
        height=_HEIGHT,
        unit="samples/s",
        shapes=[_pause(summary, *span) for span in summary.evaluations] if shaded else [],
    )
    steps = PAGE.plural(round(rows[0].end - rows[0].start), "step")
    caption = (
        f"{PAGE.plural(summary.samples, 'sample')} in {PAGE.duration(summary.span_s)}, evaluations "
        f"among them. Each level is the mean of {steps}"
    )
    caption += "; evaluations are shaded." if shaded else "."
    return Figure("Throughput", caption, Chart([trace], shape))


def step_losses(summary: RunSummary) -> Figure | None:
    """The training loss of every step; None where none has ended."""
    bins = summary.losses.read(summary.steps / _BINS)
    if not bins:
        return None
    x = [each.middle for each in bins]
    several = bins[0].end - bins[0].start > 1
    traces: list[dict[str, Any]] = []
    if several:
        traces += spread(
            x, [each.low for each in bins], [each.high for each in bins], "var(--stale-band)"
        )
    traces.append(
        {
            "type": "scatter",
            "mode": "lines+markers" if len(bins) < 3 else "lines",
            "x": x,
            "y": [each.mean for each in bins],
            "line": {"color": "var(--accent)", "width": 1.5},
            "hovertemplate": "%{y:.4f} at step %{x:,.0f}<extra></extra>",
        }
    )
    shape = layout(
        axis("step", tickformat=",.0f", rangemode="tozero"),
        axis(),
        height=_HEIGHT,
        unit="loss of the batch",
    )
    caption = (
        f"From {PAGE.value(bins[0].mean)} in the first to {PAGE.value(bins[-1].mean)} in the "
        "last steps."
    )
    if several:
        steps = PAGE.plural(round(bins[0].end - bins[0].start), "step")
        caption += f" The line is the mean of {steps}, the band their lowest and highest."
    return Figure("Training loss by step", caption, Chart(traces, shape))


def spread(
    x: Sequence[float], low: Sequence[float], high: Sequence[float], colour: str
) -> list[dict[str, Any]]:
    """The area between two lines."""
    edge = {"type": "scatter", "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    return [
        edge | {"x": list(x), "y": list(low)},
        edge | {"x": list(x), "y": list(high), "fill": "tonexty", "fillcolor": colour},
    ]


def _pause(summary: RunSummary, start: float, end: float) -> dict[str, Any]:
    return {
        "type": "rect",
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "x0": start - summary.started.clock,
        "x1": end - summary.started.clock,
        "fillcolor": "var(--wait)",
        "line": {"width": 0},
        "layer": "below",
    }


Values = Mapping[str, float | None]


_STYLES = {"train": "dash", "validation": "dot", "test": "solid"}


def learning(records: Sequence[EpochRecord]) -> list[Figure]:
    """A figure for the loss and one per metric that is known after more than one epoch.

    Args:
        records: of epochs and evaluations.
    """
    parts = {
        rows: _binned((record.epoch, getattr(record, rows)) for record in records)
        for rows in _STYLES
    }
    figures = []
    for name in dict.fromkeys(name for binned in parts.values() for name in binned):
        lines = [
            (rows, binned[name].read(), _STYLES[rows])
            for rows, binned in parts.items()
            if name in binned
        ]
        if any(len(bins) > 1 for _, bins, _ in lines):
            figures.append(_figure(name, lines))
    return figures


def _binned(records: Iterable[tuple[float, Values]]) -> dict[str, Bins]:
    """By metric; an epoch is a bin, or of very many several are."""
    binned: dict[str, Bins] = {}
    for epoch, values in records:
        for name, value in values.items():
            if value is not None:
                binned.setdefault(name, Bins(1.0)).add(epoch, value)
    return binned


def _figure(name: str, lines: Sequence[tuple[str, list[Bin], str]]) -> Figure:
    shown = units.metric_name(name)
    traces: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": text(f"{split} {shown}"),
            "x": [each.start for each in bins],
            "y": [each.mean for each in bins],
            "line": {
                "color": "var(--accent)" if style == "solid" else "var(--ink-3)",
                "dash": style,
            },
            "marker": {"size": 7, "symbol": "circle" if style == "solid" else "circle-open"},
            "hovertemplate": "%{fullData.name} %{y:.4f} after epoch %{x:,.0f}<extra></extra>",
        }
        for split, bins, style in lines
    ]
    most = max(bins[-1].start for _, bins, _ in lines)
    shape = layout(
        axis("epoch", range=[0, most * 1.04], tickformat=",d", nticks=min(round(most) + 1, 8)),
        axis(),
        height=_HEIGHT,
        unit=shown,
        right=110,
        labels=[
            beside(f"{split} {PAGE.value(bins[-1].mean)}", bins[-1].start, bins[-1].mean)
            for split, bins, _ in lines
        ],
    )
    told = "; ".join(f"{split} {_ends(bins)}" for split, bins, _ in lines)
    return Figure(
        f"{shown[:1].upper()}{shown[1:]} by epoch",
        f"{told[:1].upper()}{told[1:]}.",
        Chart(traces, shape),
    )


def _ends(bins: Sequence[Bin]) -> str:
    last = f"{PAGE.value(bins[-1].mean)} after epoch {bins[-1].start:,.0f}"
    return last if len(bins) == 1 else f"from {PAGE.value(bins[0].mean)} to {last}"
