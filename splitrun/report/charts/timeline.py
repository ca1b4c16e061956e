"""The timeline: what every role did in a few steady steps, and what was on its way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from splitrun.events import Executed, Sent
from splitrun.report import words
from splitrun.report.charts.bars import WAITS, Bars, Row, lanes
from splitrun.report.charts.drawing import SMALL_TICKS, axis, heading, layout, text
from splitrun.report.page import Chart, Figure
from splitrun.report.steady import Window
from splitrun.report.summary import RunSummary

_ROLES = 12
"""Most rows of roles."""
_LINKS = 8
_HEAD, _ROLE, _LANE = 1.1, 1.0, 0.17
"""Heights of rows; a link has several lanes."""
_ROW_PX = 30
_SEEN = 0.002
"""A message that is on its way for a smaller share of the span has no row."""

Ticks = list[tuple[float, str]]


@dataclass(frozen=True)
class Strip:
    """A recording's part of the timeline, under its own heading."""

    name: str
    digest: RunSummary
    window: Window


def timeline(strips: Sequence[Strip]) -> Figure:
    """The strips one above the other, on one scale of time."""
    span_s = max(strip.window.end - strip.window.start for strip in strips)
    bars = Bars(span_s)
    ticks: Ticks = []
    heads: list[dict[str, Any]] = []
    y = 0.0
    for strip in strips:
        steps = words.plural(strip.window.steps, "step")
        heads.append(heading(strip.name, y - _HEAD / 2, steps))
        y = _draw_roles(strip, y - _HEAD, bars, ticks)
        y = _draw_links(strip, y, bars, ticks, span_s)
    shape = layout(
        axis("milliseconds", range=[0, span_s * 1000]),
        axis(
            range=[y - 0.1, 0],
            tickvals=[place for place, _ in ticks],
            ticktext=[text(name) for _, name in ticks],
            showgrid=False,
            fixedrange=True,
        ),
        height=round(-y * _ROW_PX) + 72,
        barmode="overlay",
        labels=heads,
    )
    caption = " ".join(_told(strip) for strip in strips) + _hidden(strips)
    chart = Chart(bars.traces(), shape, SMALL_TICKS, bars.swatches())
    return Figure("A few steady steps", caption, chart)


def _draw_roles(strip: Strip, y: float, bars: Bars, ticks: Ticks) -> float:
    """Add a row for each role from this height downwards; gives where they end."""
    roles = strip.digest.started.roles
    if len(roles) > _ROLES:  # the first bottoms, and the top, which comes last
        roles = (*roles[: _ROLES - 1], roles[-1])
    rows = {}
    for name in roles:
        rows[name] = Row(y - _ROLE / 2, 0.78 * _ROLE)
        y -= _ROLE
    ticks += [(row.y, name) for name, row in rows.items()]
    for event in strip.digest.start.events:
        if isinstance(event, Executed) and event.role in rows:
            bars.execute(event, strip.window, rows[event.role])
    return y


def _draw_links(strip: Strip, y: float, bars: Bars, ticks: Ticks, span_s: float) -> float:
    window = strip.window
    flights: defaultdict[str, list[Sent]] = defaultdict(list)
    for event in strip.digest.start.events:
        if isinstance(event, Sent) and event.arrive > window.start and event.start < window.end:
            flights[event.channel].append(event)
    links = strip.digest.started.channels
    seen = [name for name in links if _longest_s(flights[name]) > _SEEN * span_s]
    for name in seen[:_LINKS]:
        chosen = lanes(flights[name])
        for message, lane in zip(flights[name], chosen, strict=True):
            bars.send(message, window, Row(y - _LANE * (lane + 1.5), 0.6 * _LANE))
        height = _LANE * (max(chosen) + 3)
        ticks.append((y - height / 2, name))
        y -= height
    return y


def _longest_s(flights: Sequence[Sent]) -> float:
    return max((message.arrive - message.start for message in flights), default=0.0)


def _hidden(strips: Sequence[Strip]) -> str:
    roles = max(len(strip.digest.started.roles) for strip in strips)
    if roles <= _ROLES:
        return ""
    return f" Of {roles} roles {_ROLES} are shown; `splitrun trace` has them all."


def _told(strip: Strip) -> str:
    window = strip.window
    spent: defaultdict[str, float] = defaultdict(float)
    for event in strip.digest.start.events:
        if isinstance(event, Executed) and event.op not in WAITS:
            within = min(event.end, window.end) - max(event.start, window.start)
            spent[event.role] += max(0.0, within)
    span_s = window.end - window.start
    name = f"{strip.name} finishes" if strip.name else "The label holder finishes"
    what = f"{name} {words.plural(window.steps, 'step')} in {words.duration(span_s)}"
    if not spent:
        return f"{what}."
    busiest = max(spent, key=spent.__getitem__)
    return (
        f"{what}; the busiest role, {busiest}, works {words.share(spent[busiest] / span_s)} of it."
    )
