"""The timeline: what every role did in a few steady steps, and what was on its way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from splitrun.events import Executed, Sent
from splitrun.report.drawing import SMALL_TICKS, axis, heading, layout, marker, swatch, text
from splitrun.report.page import Chart, Figure, Swatch
from splitrun.report.summary import RunSummary, SteadyWindow
from splitrun.units import PAGE

WAITS = ("RECV", "SEND")
_LABELLED = 0.035
"""A bar from this share of the span on has its step written in it."""
_LANES = 8


@dataclass(frozen=True)
class BarStyle:
    """How the bars of an instruction look."""

    name: str
    colour: str
    pattern: str = ""
    pattern_colour: str = "var(--paper)"
    ink: str = "var(--paper)"
    """The colour of what is written in a bar."""


_STYLES = {
    "FORWARD": BarStyle("forward", "var(--forward)"),
    "BACKWARD": BarStyle("backward", "var(--backward)", "/"),
    "LOSS": BarStyle("loss and top model", "var(--loss)"),
    "UPDATE": BarStyle("update", "var(--update)"),
    "LOAD": BarStyle("load", "var(--load)", ink="var(--on-light)"),
    "RECV": BarStyle("waiting for a message", "var(--wait)", "\\", "var(--wait-ink)"),
    "SEND": BarStyle("sending, or waiting to", "var(--credit)", "|", "var(--credit-ink)"),
    "PREDICT": BarStyle("evaluation", "var(--evaluate)", "\\", ink="var(--on-light)"),
    "EVALUATE": BarStyle("evaluation", "var(--evaluate)", "\\", ink="var(--on-light)"),
    "CHECKPOINT": BarStyle("checkpoint", "var(--ink-3)"),
}
_FLIGHT = BarStyle("message on its way", "var(--flight)")


@dataclass(frozen=True)
class Row:
    """Where bars are drawn, in the units of the vertical axis."""

    y: float
    thickness: float


@dataclass
class _Kind:
    """The bars of one style."""

    width: list[float] = field(default_factory=list)
    base: list[float] = field(default_factory=list)
    y: list[float] = field(default_factory=list)
    thickness: list[float] = field(default_factory=list)
    label: list[str] = field(default_factory=list)
    hover: list[str] = field(default_factory=list)


class Bars:
    """All bars of a timeline; `span_s` is what its axis covers."""

    def __init__(self, span_s: float) -> None:
        self._span_s = span_s
        self._kinds: defaultdict[BarStyle, _Kind] = defaultdict(_Kind)

    def execute(self, event: Executed, window: SteadyWindow, row: Row) -> None:
        """Add an instruction, as far as it is within the window."""
        style = _STYLES.get(event.op)
        if style is None:
            return
        what = f"{text(event.role)}<br>{text(event.op)} of {_of(event)}"
        label = "" if event.op in WAITS else str(event.step)
        self._add(style, (event.start, event.end), window, row, label, what)

    def send(self, event: Sent, window: SteadyWindow, row: Row) -> None:
        """Add a message's flight, as far as it is within the window."""
        what = f"{text(event.channel)}<br>{PAGE.size(event.bytes)} of {_of(event)} on their way"
        self._add(_FLIGHT, (event.start, event.arrive), window, row, "", what)

    def _add(
        self,
        style: BarStyle,
        times: tuple[float, float],
        window: SteadyWindow,
        row: Row,
        label: str,
        what: str,
    ) -> None:
        start = max(times[0], window.start)
        width = min(times[1], window.start + self._span_s) - start
        if width <= 0:
            return
        kind = self._kinds[style]
        kind.width.append(_ms(width))
        kind.base.append(_ms(start - window.start))
        kind.y.append(row.y)
        kind.thickness.append(row.thickness)
        kind.label.append(label if width >= _LABELLED * self._span_s else "")
        kind.hover.append(f"{what}: {PAGE.duration(times[1] - times[0])}")

    @property
    def styles(self) -> list[BarStyle]:
        """Those that there are bars of."""
        known = dict.fromkeys((*_STYLES.values(), _FLIGHT))
        return [style for style in known if style in self._kinds]

    def traces(self) -> list[dict[str, Any]]:
        """For Plotly, one for each style."""
        return [_trace(style, self._kinds[style]) for style in self.styles]

    def swatches(self) -> list[Swatch]:
        """What the styles mean."""
        return [
            swatch(style.name, style.colour, style.pattern, style.pattern_colour)
            for style in self.styles
        ]


def lanes(messages: Iterable[Sent]) -> list[int]:
    """For each message a lane in which no other is on its way, as far as there are lanes."""
    free: list[float] = []
    chosen = []
    for message in messages:
        lane = next((lane for lane, end in enumerate(free) if end <= message.start), len(free))
        if lane == len(free) < _LANES:
            free.append(message.arrive)
        lane = min(lane, len(free) - 1)
        free[lane] = max(free[lane], message.arrive)
        chosen.append(lane)
    return chosen


def _of(event: Executed | Sent) -> str:
    step = f"step {event.step}" + (f", slice {event.micro}" if event.micro else "")
    return step if event.phase == "train" else f"{step} of the evaluation"


def _trace(style: BarStyle, kind: _Kind) -> dict[str, Any]:
    quiet = style is _FLIGHT or style in (_STYLES[op] for op in WAITS)
    return {
        "type": "bar",
        "orientation": "h",
        "name": style.name,
        "x": kind.width,
        "base": kind.base,
        "y": kind.y,
        "width": kind.thickness,
        "text": kind.label,
        "textposition": "inside",
        "insidetextanchor": "middle",
        "textangle": 0,
        "textfont": {"color": style.ink, "size": 11},
        "hovertext": kind.hover,
        "hovertemplate": "%{hovertext}<extra></extra>",
        # A line of its own colour keeps the shortest work visible.
        "marker": marker(style.colour, style.pattern, style.pattern_colour)
        | {"line": {"color": style.colour, "width": 0 if quiet else 1}},
    }


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 4)


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
    summary: RunSummary
    window: SteadyWindow


def timeline(strips: Sequence[Strip]) -> Figure:
    """The strips one above the other, on one scale of time."""
    span_s = max(strip.window.end - strip.window.start for strip in strips)
    bars = Bars(span_s)
    ticks: Ticks = []
    heads: list[dict[str, Any]] = []
    y = 0.0
    for strip in strips:
        steps = PAGE.plural(strip.window.steps, "step")
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
    roles = strip.summary.started.roles
    if len(roles) > _ROLES:  # the first bottoms, and the top, which comes last
        roles = (*roles[: _ROLES - 1], roles[-1])
    rows = {}
    for name in roles:
        rows[name] = Row(y - _ROLE / 2, 0.78 * _ROLE)
        y -= _ROLE
    ticks += [(row.y, name) for name, row in rows.items()]
    for event in strip.summary.start.events:
        if isinstance(event, Executed) and event.role in rows:
            bars.execute(event, strip.window, rows[event.role])
    return y


def _draw_links(strip: Strip, y: float, bars: Bars, ticks: Ticks, span_s: float) -> float:
    window = strip.window
    flights: defaultdict[str, list[Sent]] = defaultdict(list)
    for event in strip.summary.start.events:
        if isinstance(event, Sent) and event.arrive > window.start and event.start < window.end:
            flights[event.channel].append(event)
    links = strip.summary.started.channels
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
    roles = max(len(strip.summary.started.roles) for strip in strips)
    if roles <= _ROLES:
        return ""
    return f" Of {roles} roles {_ROLES} are shown; `splitrun trace` has them all."


def _told(strip: Strip) -> str:
    window = strip.window
    spent: defaultdict[str, float] = defaultdict(float)
    for event in strip.summary.start.events:
        if isinstance(event, Executed) and event.op not in WAITS:
            within = min(event.end, window.end) - max(event.start, window.start)
            spent[event.role] += max(0.0, within)
    span_s = window.end - window.start
    name = f"{strip.name} finishes" if strip.name else "The label holder finishes"
    what = f"{name} {PAGE.plural(window.steps, 'step')} in {PAGE.duration(span_s)}"
    if not spent:
        return f"{what}."
    busiest = max(spent, key=spent.__getitem__)
    return (
        f"{what}; the busiest role, {busiest}, works {PAGE.share(spent[busiest] / span_s)} of it."
    )
