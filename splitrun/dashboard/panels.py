"""The lowest parts of the screen: links and the machine."""

from __future__ import annotations

from collections.abc import Sequence

from rich.style import Style

from splitrun.dashboard.line import (
    BUSY,
    CHART,
    DIM,
    FEWEST_ROWS,
    PLAIN,
    STRONG,
    Column,
    Line,
    fit,
    fitting,
    line,
    more_line,
    title_line,
)
from splitrun.dashboard.links import LinkView
from splitrun.dashboard.view import RunView
from splitrun.events import Gpu, Sampled, party_of
from splitrun.records.plan import PlanRecord
from splitrun.units import SCREEN

_LONGEST_LINK_NAME = 40
_LARGEST_LINK_BAR = 40
_LONG_AGO_S = 99.95


def link_lines(view: RunView, plan: PlanRecord, width: int, height: int) -> list[Line]:
    """A title, a line a link, and if there is no room for all, what the others come to."""
    links = view.links.between_parties()
    if not links or height < FEWEST_ROWS:
        return []
    longest = max(len(_name(link)) for link in links.values())
    columns = [
        Column("link", max(4, min(_LONGEST_LINK_NAME, longest)), right=False),
        Column("wire", 5),
        Column("queue", 5),
        Column("peak", 5),
        Column("last", 6),
        Column("in all", 11),
        Column("Mbit/s", 8),
        Column("of", 7),
    ]
    left = width - sum(column.width + 1 for column in columns)
    bandwidths = {name: channel.bandwidth_mbps for name, channel in plan.channels.items()}
    known = any(bandwidths.get(name) for name in links)
    over = "used" if known else ""
    columns.append(Column(over, max(0, min(_LARGEST_LINK_BAR, left)), right=False))
    columns = [*fitting(columns, width)]
    names = list(links)
    shown = names if len(names) < height else names[: max(0, height - 2)]
    lines = [title_line(columns, width)]
    for name in shown:
        bandwidth = bandwidths.get(name)
        lines.append(_link_line(links[name], view, bandwidth, columns, width))
    if others := [links[name] for name in names[len(shown) :]]:
        lines.append(more_line(_other_links(others, view), width))
    return lines


def _link_line(
    link: LinkView,
    view: RunView,
    bandwidth: float | None,
    columns: Sequence[Column],
    width: int,
) -> Line:
    rate = _mbps(link, view)
    texts = [
        _name(link),
        *(_under_way(link, view) if link.ends_here else (SCREEN.unknown,) * 4),
        SCREEN.size(link.bytes),
        f"{rate:,.2f}" if rate < 1000 else f"{rate:,.0f}",
        _bandwidth_text(bandwidth),
    ]
    parts: list[tuple[str, Style]] = [
        (column.cell(text), PLAIN) for column, text in zip(columns, texts, strict=False)
    ]
    bar = columns[len(texts)].width if len(columns) > len(texts) else 0
    if bandwidth is not None:
        used = round(min(1.0, rate / bandwidth) * bar)
        parts += [("█" * used, BUSY), ("░" * (bar - used), DIM)]
    return line(parts, width)


def _under_way(link: LinkView, view: RunView) -> tuple[str, ...]:
    """Messages on the wire, in the queue, and in the longest queue; how long ago one came last."""
    now, came = view.now, link.last_came(view.now)
    ago = SCREEN.unknown if came is None else _ago(view.present - came)
    return f"{link.on_the_wire(now)}", f"{link.queue(now)}", f"{link.peak_queue}", ago


def _ago(seconds: float) -> str:
    """In at most six characters, up to 99 hours."""
    return f"{max(0.0, seconds):.1f} s" if seconds < _LONG_AGO_S else _minutes(seconds)


def _minutes(seconds: float) -> str:
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < _LONG_AGO_S else f"{minutes / 60:.0f} h"


def _bandwidth_text(mbps: float | None) -> str:
    if mbps is None:
        return "--"
    return f"{mbps:,.0f}" if mbps >= 10 else f"{mbps:.2g}"


def _other_links(links: Sequence[LinkView], view: RunView) -> str:
    wire = sum(link.on_the_wire(view.now) for link in links)
    queue = sum(link.queue(view.now) for link in links)
    rate = sum(_mbps(link, view) for link in links)
    size = SCREEN.size(sum(link.bytes for link in links))
    return f"+{len(links)} more: {wire} on the wire, {queue} queued, {size}, {rate:,.2f} Mbit/s"


def _mbps(link: LinkView, view: RunView) -> float:
    """Over the last seconds, or over a whole run that has ended."""
    if view.running:
        return link.mbps(view.present)
    return link.bytes * 8e-6 / view.told_s if view.told_s > 0 else 0.0


def _name(link: LinkView) -> str:
    return f"{party_of(link.source)}->{party_of(link.target)}"


_EIGHTHS = "▁▁▂▃▄▅▆▇█"
_LABEL = 8
_GIB = 1 << 30


def machine_lines(view: RunView, width: int, height: int) -> list[Line]:
    """A line of processor and memory, and one a GPU; those that find no room are summed up."""
    sample = view.machine.last
    if not height:
        return []
    if sample is None:
        return [line([(fit("machine", _LABEL), DIM), ("no samples yet", DIM)], width)]
    peak = SCREEN.size(view.machine.peak_memory_bytes)
    memory = f"{SCREEN.size(sample.memory_bytes)}, peak {peak}"
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
        lines.append(more_line(f"+{len(others)} more GPUs: {_other_gpus(others)}", width))
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


def _other_gpus(gpus: tuple[Gpu, ...]) -> str:
    busy = [gpu.busy_percent for gpu in gpus if gpu.busy_percent is not None]
    return f"{sum(busy) / len(busy):.0f} % busy on average" if busy else "load unknown"
