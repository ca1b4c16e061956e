"""How hard the machine works, over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from splitrun.report import words
from splitrun.report.bins import Bin, Bins
from splitrun.report.charts.drawing import axis, layout, text
from splitrun.report.charts.key import End, key
from splitrun.report.page import Chart, Figure
from splitrun.report.summary import GpuUse, RunSummary

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
class Line:
    """A named series."""

    name: str
    bins: Sequence[Bin]
    colour: str = "var(--accent)"
    dash: str = "solid"
    symbol: str = "circle"


def use(title: str, unit: str, lines: Sequence[Line], caption: str, scale: float = 1) -> Figure:
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
    ends = [End(line.name, line.bins[-1].mean / scale, line.colour, line.symbol) for line in lines]
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


def machine(digest: RunSummary) -> list[Figure]:
    """Processor, memory and graphics processors of one run; nothing where none was sampled."""
    figures = []
    cpu, cores = _read(digest.cpu_percent, digest), _read(digest.cores_percent, digest)
    if cpu:
        caption = (
            f"This process used {words.percent(mean(cpu))} of a core on average; 100 % is one "
            "core, whichever."
        )
        if cores:
            caption += (
                f" All of the machine's cores together were {words.percent(mean(cores))} busy, "
                "with whatever else ran."
            )
        figures.append(use("Processor", "% of a core", [Line("this process", cpu)], caption))
    memory = _read(digest.memory_bytes, digest)
    if memory:
        caption = f"Resident memory of this process; at most {words.size(_most(memory))}."
        figures.append(use("Memory", "MiB", [Line("this process", memory)], caption, _MIB))
    busy = [
        Line(f"GPU {index}", _read(gpu.busy_percent, digest), dash=_DASHES[index % len(_DASHES)])
        for index, gpu in sorted(digest.gpus.items())
    ]
    busy = [line for line in busy if line.bins]
    if busy:
        names = words.listed([_gpu(index, gpu) for index, gpu in sorted(digest.gpus.items())])
        caption = (
            f"Share of the time in which a kernel ran, whoever's; "
            f"{words.percent(mean(busy[0].bins))} on average of GPU 0. {names}."
        )
        figures.append(use("Graphics processors", "% of the time", busy, caption))
    return figures


def _gpu(index: int, gpu: GpuUse) -> str:
    memory = gpu.memory_bytes.read()
    used = f" (at most {words.size(_most(memory))} of its memory in use)" if memory else ""
    return f"GPU {index} is {gpu.name}{used}"


def _read(bins: Bins, digest: RunSummary) -> list[Bin]:
    return bins.read(max(digest.span_s / _BINS, _SAMPLED_S))


def mean(bins: Sequence[Bin]) -> float:
    """Of all values."""
    return sum(each.total for each in bins) / sum(each.number for each in bins)


def _most(bins: Sequence[Bin]) -> float:
    return max(each.high for each in bins)
