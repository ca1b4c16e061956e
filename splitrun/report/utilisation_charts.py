"""How hard the machine works over time, and how roles spend theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from splitrun import units
from splitrun.records.comparison import Shares
from splitrun.report.bins import Bin, Bins
from splitrun.report.drawing import (
    SMALL_TICKS,
    LineEnd,
    axis,
    heading,
    key,
    layout,
    marker,
    swatch,
    text,
)
from splitrun.report.page import Chart, Figure
from splitrun.report.summary import GpuUse, RunSummary
from splitrun.units import PAGE

_BINS = 120
"""About so many in the span of a chart."""
_SAMPLED_S = 0.25
"""Width of a bin, at least: the last sample of a run may cover next to no time."""
_MARKED = 40
"""A line of fewer points has markers."""
_HEIGHT = 300
_MIB = 2**20
_DASHES = ("solid", "dash", "dot", "dashdot")


@dataclass(frozen=True)
class UsageLine:
    """A named series."""

    name: str
    bins: Sequence[Bin]
    colour: str = "var(--accent)"
    dash: str = "solid"
    symbol: str = "circle"


def use(
    title: str, unit: str, lines: Sequence[UsageLine], caption: str, scale: float = 1
) -> Figure:
    """Samples of the machine over time, each line with its name beside its end."""
    traces = [
        {
            "type": "scatter",
            "mode": "lines+markers" if len(line.bins) < _MARKED else "lines",
            "name": text(line.name),
            "x": [each.middle for each in line.bins],
            "y": [each.mean / scale for each in line.bins],
            "line": {"color": line.colour, "width": 1.75, "dash": line.dash},
            "marker": {"symbol": line.symbol},
            "hovertemplate": f"%{{fullData.name}}: %{{y:,.0f}} {unit}<extra></extra>",
        }
        for line in lines
    ]
    high = 1.06 * max(each.mean / scale for line in lines for each in line.bins) or 1.0
    ends = [
        LineEnd(line.name, line.bins[-1].mean / scale, line.colour, line.symbol) for line in lines
    ]
    several = len(lines) > 1
    shape = layout(
        axis("seconds since the start", rangemode="tozero"),
        axis(range=[0, high]),
        height=_HEIGHT,
        unit=unit,
        labels=key(ends, 0, high, _HEIGHT) if several else (),
        right=112 if several else 16,
    )
    return Figure(title, caption, Chart(traces, shape))


def machine(summary: RunSummary) -> list[Figure]:
    """Processor, memory and graphics processors of one run; nothing where none was sampled."""
    figures = []
    cpu, cores = _read(summary.cpu_percent, summary), _read(summary.cores_percent, summary)
    if cpu:
        caption = (
            f"This process used {PAGE.percent(mean(cpu))} of a core on average; 100 % is one "
            "core, whichever."
        )
        if cores:
            caption += (
                f" All of the machine's cores together were {PAGE.percent(mean(cores))} busy, "
                "with whatever else ran."
            )
        figures.append(use("Processor", "% of a core", [UsageLine("this process", cpu)], caption))
    memory = _read(summary.memory_bytes, summary)
    if memory:
        caption = f"Resident memory of this process; at most {PAGE.size(_most(memory))}."
        figures.append(use("Memory", "MiB", [UsageLine("this process", memory)], caption, _MIB))
    busy = [
        UsageLine(
            f"GPU {index}", _read(gpu.busy_percent, summary), dash=_DASHES[index % len(_DASHES)]
        )
        for index, gpu in sorted(summary.gpus.items())
    ]
    busy = [line for line in busy if line.bins]
    if busy:
        names = units.listed([_gpu(index, gpu) for index, gpu in sorted(summary.gpus.items())])
        caption = (
            f"Share of the time in which a kernel ran, whoever's; "
            f"{PAGE.percent(mean(busy[0].bins))} on average of GPU 0. {names}."
        )
        figures.append(use("Graphics processors", "% of the time", busy, caption))
    return figures


def _gpu(index: int, gpu: GpuUse) -> str:
    memory = gpu.memory_bytes.read()
    used = f" (at most {PAGE.size(_most(memory))} of its memory in use)" if memory else ""
    return f"GPU {index} is {gpu.name}{used}"


def _read(bins: Bins, summary: RunSummary) -> list[Bin]:
    return bins.read(max(summary.span_s / _BINS, _SAMPLED_S))


def mean(bins: Sequence[Bin]) -> float:
    """The mean of all values in the bins."""
    return sum(each.total for each in bins) / sum(each.number for each in bins)


def _most(bins: Sequence[Bin]) -> float:
    return max(each.high for each in bins)


_ROLES = 8
"""Most rows of one group."""
_HEAD = 0.95
_ROW_PX = 28
_KINDS = (
    ("busy", "working", "var(--forward)", "", "var(--paper)"),
    ("receive", "waiting for a message", "var(--wait)", "\\", "var(--wait-ink)"),
    ("send", "sending, or waiting to", "var(--credit)", "|", "var(--credit-ink)"),
    ("idle", "otherwise idle", "var(--raised)", "", "var(--paper)"),
)


Group = tuple[str, Mapping[str, Shares]]
"""A heading, empty for none, and what each role did."""


def shares(groups: Sequence[Group]) -> Figure:
    """A bar per role, group by group."""
    names: list[str] = []
    places: list[float] = []
    spent: list[Shares] = []
    heads: list[dict[str, Any]] = []
    y = 0.0
    for name, roles in groups:
        if name:
            heads.append(heading(name, y - _HEAD / 2))
            y -= _HEAD
        for role, times in _busiest(roles):
            names.append(role)
            places.append(y - 0.5)
            spent.append(times)
            y -= 1
    traces = [_trace(kind, names, places, spent) for kind in _KINDS]
    shape = layout(
        axis("% of the time", range=[0, 100], dtick=25, fixedrange=True),
        axis(
            range=[y - 0.1, 0],
            tickvals=places,
            ticktext=[text(name) for name in names],
            showgrid=False,
            fixedrange=True,
        ),
        height=round(-y * _ROW_PX) + 72,
        barmode="stack",
        labels=heads,
    )
    swatches = [swatch(*look) for _, *look in _KINDS]
    return Figure(
        "How roles spend their time", _caption(groups), Chart(traces, shape, SMALL_TICKS, swatches)
    )


def _busiest(roles: Mapping[str, Shares]) -> list[tuple[str, Shares]]:
    """All of them in their order, or of many the busiest."""
    if len(roles) <= _ROLES:
        return list(roles.items())
    return sorted(roles.items(), key=lambda role: -role[1].busy)[:_ROLES]


def _trace(
    kind: tuple[str, str, str, str, str],
    names: Sequence[str],
    places: Sequence[float],
    spent: Sequence[Shares],
) -> dict[str, Any]:
    key, name, colour, pattern, pattern_colour = kind
    values = [100 * getattr(each, key) for each in spent]
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "x": values,
        "y": list(places),
        "width": 0.7,
        "text": [f"{each:.0f}" if key == "busy" and each >= 4 else "" for each in values],
        "textposition": "inside",
        "textangle": 0,
        "insidetextanchor": "end",
        "textfont": {"color": "var(--paper)"},
        "hovertext": [
            f"{text(role)}: {PAGE.percent(each)} {name}"
            for role, each in zip(names, values, strict=True)
        ],
        "hovertemplate": "%{hovertext}<extra></extra>",
        "marker": marker(colour, pattern, pattern_colour) | {"line": {"width": 0}},
    }


def _caption(groups: Sequence[Group]) -> str:
    told = []
    for name, roles in groups:
        busiest = max(roles, key=lambda role: roles[role].busy)
        prefix = f"{name}: " if name else "The busiest role is "
        told.append(f"{prefix}{busiest}, {PAGE.share(roles[busiest].busy)} working")
    what = f"{'The busiest role of each arm. ' if groups[0][0] else ''}{'; '.join(told)}."
    many = max(len(roles) for _, roles in groups)
    return what if many <= _ROLES else f"{what} Of {many} roles the {_ROLES} busiest are shown."
