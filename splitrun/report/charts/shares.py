"""How roles spend their time, as stacked bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from splitrun.report import words
from splitrun.report.charts.drawing import SMALL_TICKS, axis, heading, layout, marker, swatch, text
from splitrun.report.page import Chart, Figure
from splitrun.telemetry.shares import Shares

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
            f"{text(role)}: {words.percent(each)} {name}"
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
        told.append(f"{prefix}{busiest}, {words.share(roles[busiest].busy)} working")
    what = f"{'The busiest role of each arm. ' if groups[0][0] else ''}{'; '.join(told)}."
    many = max(len(roles) for _, roles in groups)
    return what if many <= _ROLES else f"{what} Of {many} roles the {_ROLES} busiest are shown."
