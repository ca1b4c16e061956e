"""Processor, memory, and graphics processors."""

from __future__ import annotations

from rich.style import Style

from splitrun.dashboard.screen.line import Line, fit, line, more_line
from splitrun.dashboard.screen.look import CHART, DIM, PLAIN, STRONG
from splitrun.dashboard.view import RunView
from splitrun.dashboard.words import size_text
from splitrun.events import Gpu, Sampled

_EIGHTHS = "▁▁▂▃▄▅▆▇█"
_LABEL = 8
_GIB = 1 << 30


def machine_lines(view: RunView, width: int, height: int) -> list[Line]:
    """A line of processor and memory, and one a GPU; those that find no room are summed up."""
    sample = view.machine.last
    if sample is None:
        return [line([(fit("machine", _LABEL), DIM), ("no samples yet", DIM)], width)]
    memory = f"{size_text(sample.memory_bytes)}, peak {size_text(view.machine.peak_memory_bytes)}"
    left: list[tuple[str, Style]] = [
        (fit("cpu", _LABEL), DIM),
        (f"run {sample.cpu_percent:>5,.0f} %", STRONG),
    ]
    right: list[tuple[str, Style]] = [("  memory ", DIM), (memory, PLAIN)]
    room = width - sum(len(text) for text, _ in (*left, *right)) - 2
    lines = [line([*left, ("  ", PLAIN), *_cores(sample, room), *right], width)]
    if not sample.gpus:
        return [*lines, line([(fit("gpu", _LABEL), DIM), ("none seen here", DIM)], width)]
    shown = sample.gpus if len(sample.gpus) < height else sample.gpus[: max(0, height - 2)]
    lines += [_gpu_line(gpu, width) for gpu in shown]
    if others := sample.gpus[len(shown) :]:
        lines.append(more_line(f"+{len(others)} more GPUs: {_summed(others)}", width))
    return lines


def machine_count(view: RunView) -> int:
    """Lines that everything fits on."""
    sample = view.machine.last
    return 1 if sample is None else 1 + max(1, len(sample.gpus))


def _cores(sample: Sampled, width: int) -> list[tuple[str, Style]]:
    """Every core's load, with numbers if there is room, in at most `width` columns."""
    loads = sample.core_percents
    glyphs = [_EIGHTHS[max(0, min(8, round(load * 0.08)))] for load in loads]
    label = f"core{'s' * (len(loads) != 1)} "
    parts: list[tuple[str, Style]] = [(label, DIM)]
    if len(label) + 9 * len(loads) <= width:
        width = len(label) + 9 * len(loads)
        for glyph, load in zip(glyphs, loads, strict=True):
            parts += [(glyph, CHART), (f"{load:>4.0f} %  ", PLAIN)]
    elif len(label) + len(glyphs) <= width:
        width = len(label) + len(glyphs)
        parts.append(("".join(glyphs), CHART))
    else:
        more = f" +{len(glyphs)} more"
        kept = max(0, width - len(label) - len(more))
        parts += [("".join(glyphs[:kept]), CHART), (f" +{len(glyphs) - kept} more", DIM)]
    return [(segment.text, segment.style or PLAIN) for segment in line(parts, max(0, width))]


def _gpu_line(gpu: Gpu, width: int) -> Line:
    busy = "--" if gpu.busy_percent is None else f"{gpu.busy_percent:.0f}"
    used = "--" if gpu.memory_bytes is None else f"{gpu.memory_bytes / _GIB:.1f}"
    whole = "--" if gpu.memory_total_bytes is None else f"{gpu.memory_total_bytes / _GIB:.1f}"
    power = "" if gpu.power_w is None else f"  {gpu.power_w:>4.0f} W"
    text = f"  {used:>6} of {whole} GiB{power}  {gpu.name}"
    return line(
        [(fit("gpu", _LABEL), DIM), (f"{busy:>5} %", STRONG), (fit(text, width - 15), PLAIN)], width
    )


def _summed(gpus: tuple[Gpu, ...]) -> str:
    busy = [gpu.busy_percent for gpu in gpus if gpu.busy_percent is not None]
    return f"{sum(busy) / len(busy):.0f} % busy on average" if busy else "load unknown"
