"""Links between parties: what is under way, and how much of a link is used."""

from __future__ import annotations

from collections.abc import Sequence

from rich.style import Style

from splitrun.dashboard.screen.line import Column, Line, line, more_line, title_line
from splitrun.dashboard.screen.look import BUSY, DIM, PLAIN
from splitrun.dashboard.view import RunView
from splitrun.dashboard.view.links import LinkView, party
from splitrun.dashboard.view.plan_file import PlanFile
from splitrun.dashboard.words import size_text

_LONGEST_NAME = 40
_LARGEST_BAR = 40


def link_lines(view: RunView, plan: PlanFile, width: int, height: int) -> list[Line]:
    """A title, a line a link, and if there is no room for all, what the others come to."""
    links = view.links.between_parties()
    if not links:
        return []
    longest = max(len(_name(link)) for link in links.values())
    columns = [
        Column("link", max(4, min(_LONGEST_NAME, longest)), right=False),
        Column("wire", 5),
        Column("queue", 5),
        Column("peak", 5),
        Column("in all", 11),
        Column("Mbit/s", 8),
        Column("of", 7),
    ]
    left = width - sum(column.width + 1 for column in columns)
    known = any(name in plan.bandwidths_mbps for name in links)
    over = "used" if known else ""
    columns.append(Column(over, max(0, min(_LARGEST_BAR, left)), right=False))
    names = list(links)
    shown = names if len(names) < height else names[: max(0, height - 2)]
    lines = [title_line(columns, width)]
    for name in shown:
        bandwidth = plan.bandwidths_mbps.get(name)
        lines.append(_link_line(links[name], view, bandwidth, columns, width))
    if others := [links[name] for name in names[len(shown) :]]:
        lines.append(more_line(_summed(others, view), width))
    return lines


def _link_line(
    link: LinkView, view: RunView, bandwidth: float | None, columns: Sequence[Column], width: int
) -> Line:
    rate = _mbps(link, view)
    texts = [
        _name(link),
        f"{link.on_the_wire(view.now)}",
        f"{link.queue(view.now)}",
        f"{link.peak_queue}",
        size_text(link.bytes),
        f"{rate:,.2f}" if rate < 1000 else f"{rate:,.0f}",
        _bandwidth_text(bandwidth),
    ]
    parts: list[tuple[str, Style]] = [
        (column.cell(text), PLAIN) for column, text in zip(columns, texts, strict=False)
    ]
    bar = columns[-1].width
    if bandwidth is not None:
        used = min(bar, round(rate / bandwidth * bar))
        parts += [("█" * used, BUSY), ("░" * (bar - used), DIM)]
    return line(parts, width)


def _bandwidth_text(mbps: float | None) -> str:
    if mbps is None:
        return "--"
    return f"{mbps:,.0f}" if mbps >= 10 else f"{mbps:.2g}"


def _summed(links: Sequence[LinkView], view: RunView) -> str:
    wire = sum(link.on_the_wire(view.now) for link in links)
    queue = sum(link.queue(view.now) for link in links)
    rate = sum(_mbps(link, view) for link in links)
    size = size_text(sum(link.bytes for link in links))
    return f"+{len(links)} more: {wire} on the wire, {queue} queued, {size}, {rate:,.2f} Mbit/s"


def _mbps(link: LinkView, view: RunView) -> float:
    """Over the last seconds, or over a whole run that has ended."""
    if view.running:
        return link.mbps(view.present)
    return link.bytes * 8e-6 / view.told_s if view.told_s > 0 else 0.0


def _name(link: LinkView) -> str:
    return f"{party(link.source)}->{party(link.target)}"
