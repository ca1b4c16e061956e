"""What a run learned: loss and metrics, epoch by epoch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from splitrun.report import words
from splitrun.report.bins import Bin, Bins
from splitrun.report.charts.drawing import axis, beside, layout, text
from splitrun.report.page import Chart, Figure

_HEIGHT = 300

Values = Mapping[str, float | None]


def learning(
    train: Iterable[tuple[float, Values]], test: Iterable[tuple[float, Values]]
) -> list[Figure]:
    """A figure for the loss and one per metric that is known after more than one epoch.

    Args:
        train: epochs, from 1, each with means over its samples.
        test: the epochs after which the model was evaluated, each with the metrics.
    """
    trained, tested = _binned(train), _binned(test)
    figures = []
    for name in dict.fromkeys((*trained, *tested)):
        lines = [
            (split, binned[name].read(), style)
            for split, binned, style in (("train", trained, "dash"), ("test", tested, "solid"))
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
    shown = words.metric_name(name)
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
            beside(f"{split} {words.value(bins[-1].mean)}", bins[-1].start, bins[-1].mean)
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
    last = f"{words.value(bins[-1].mean)} after epoch {bins[-1].start:,.0f}"
    return last if len(bins) == 1 else f"from {words.value(bins[0].mean)} to {last}"
