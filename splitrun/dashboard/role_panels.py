"""The parts of the screen about roles: a table, what is told of a chosen one, and timelines."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rich.style import Style

from splitrun import units
from splitrun.dashboard.line import (
    DIM,
    FAILED,
    FEWEST_ROWS,
    KINDS,
    LEGEND,
    PLAIN,
    Column,
    Line,
    fit,
    fitting,
    kept,
    line,
    more_line,
    share_runs,
    title_line,
    wrapped,
)
from splitrun.dashboard.roles import MOST_CELLS, RoleView
from splitrun.dashboard.view import RunView
from splitrun.records.comparison import Shares
from splitrun.records.plan import PlanRecord
from splitrun.units import SCREEN

_DOING = {
    "LOAD": "load",
    "FORWARD": "forward",
    "SEND": "send",
    "RECV": "receive",
    "LOSS": "loss",
    "BACKWARD": "backward",
    "UPDATE": "update",
    "DRAIN": "drain",
    "PREDICT": "predict",
    "EVALUATE": "evaluate",
    "CHECKPOINT": "save",
}
_LONGEST_NAME = 24
_LEAST_BAR, _LARGEST_BAR = 8, 60


_CHOSEN = "▸"
_NO_COLUMNS = (Column("", 0), Column("", 0))


def name_width(view: RunView) -> int:
    """Columns for the names of roles."""
    return min(_LONGEST_NAME, max((len(name) for name in view.roles), default=4))


def _marked(name: str, chosen: str) -> str:
    """A role's name; where one is chosen, all make room for its mark."""
    mark = _CHOSEN if name == chosen else " "
    return f"{mark}{name}" if chosen else name


def _kept_roles(
    view: RunView, height: int, chosen: str
) -> tuple[Sequence[RoleView], Sequence[RoleView]]:
    """The roles that find room, the chosen one among them, and the others."""
    shown, others = kept(list(view.roles.values()), height)
    if any(role.name == chosen for role in others) and shown:
        replaced = shown[max(0, len(shown) - 2)]
        shown = [view.roles[chosen] if role is replaced else role for role in shown]
        others = [replaced if role.name == chosen else role for role in others]
    return shown, others


def role_lines(
    view: RunView, plan: PlanRecord, width: int, height: int, chosen: str = ""
) -> list[Line]:
    """A title, a line a role, and if there is no room for all, what the others do on average.

    Args:
        chosen: the role that is marked.
    """
    if height < FEWEST_ROWS:
        return []
    names, steps = name_width(view) + bool(chosen), f"{view.progress.steps:,}"
    columns = [
        Column("role", names, right=False),
        Column("doing", 8, right=False),
        Column("step", max(4, len(steps))),
        Column("in flight", max(9, 2 * len(str(view.progress.depth)) + 4)),
        Column("stale", 5),
        Column("busy", 5),
    ]
    left = width - sum(column.width + 1 for column in columns)
    waits = min(name_width(view) + 6, max(0, left - _LEAST_BAR - 1))
    bar = min(_LARGEST_BAR, left - waits - 1)
    window_s = max((role.window_s() for role in view.roles.values()), default=5.0)
    over = f"last {units.span(window_s)}" if view.running else "whole run"
    columns += [
        Column(over, max(0, bar), right=False),
        Column("waits for", waits, right=False),
    ]
    columns = [*fitting(columns, width)]
    shown, others = _kept_roles(view, height, chosen)
    lines = [title_line(columns, width)]
    lines += [_role_line(role, view, plan, columns, width, chosen) for role in shown]
    if others:
        busy = sum(_shares(role, view).busy for role in others) / len(others)
        summed = f"+{len(others)} more: busy {SCREEN.rounded_share(busy)} on average"
        lines.append(more_line(summed, width))
    return lines


def _role_line(
    role: RoleView,
    view: RunView,
    plan: PlanRecord,
    columns: list[Column],
    width: int,
    chosen: str,
) -> Line:
    shares = _shares(role, view)
    told = view.running and not view.silent_s and not role.is_idle
    doing = role.doing if told else None
    stuck = role.is_stuck
    planned = plan.roles.get(role.name)
    depth = planned.depth if planned else view.progress.depth
    bottom = role.name.endswith(".bottom")
    texts = [
        _marked(role.name, chosen),
        "stuck" if stuck else _DOING.get(doing, doing.lower()) if doing else "",
        f"{role.step:,}",
        f"{role.in_flight} of {depth:>{len(str(view.progress.depth))}}" if bottom else "",
        "--" if role.staleness is None else f"{role.staleness}",
        SCREEN.rounded_share(shares.busy),
    ]
    parts: list[tuple[str, Style]] = [
        (column.cell(text), FAILED if stuck and column.title in ("role", "doing") else PLAIN)
        for column, text in zip(columns, texts, strict=False)
    ]
    bar, waits = (column.width for column in (*columns[len(texts) :], *_NO_COLUMNS)[:2])
    parts += [*share_runs(shares, bar), (" ", PLAIN)]
    return line([*parts, (fit(_waits_for(role, view, waits), waits), PLAIN)], width)


def _shares(role: RoleView, view: RunView) -> Shares:
    if view.running:
        return role.recent(view.present, view.now)
    return role.whole(view.told_s, view.now if view.ended_stuck else None)


def _waits_for(role: RoleView, view: RunView, width: int) -> str:
    """Whose messages the role waits for most, and for which share of its time."""
    if view.silent_s or role.is_stuck or role.is_idle:
        return ""
    if role.awaits:
        shares = _shares(role, view)
        return _share_of(role.awaits, shares.receive + shares.send, width)
    links = view.links.to(role.name)
    if view.running:
        waited = {link.source: link.waiting(view.now) for link in links}
    else:
        waited = {link.source: link.waited_s / max(view.told_s, 1e-9) for link in links}
    source = max(waited, key=lambda name: waited[name], default="")
    if not source or waited[source] < 0.005:
        return ""
    return _share_of(source, waited[source], width)


def _share_of(source: str, share: float, width: int) -> str:
    shown = SCREEN.rounded_share(min(1.0, share))
    return f"{shown:>5} {fit(source, width - 6)}" if width > 8 else ""


CHOSEN_LINES = 3
"""That tell of a chosen role at most."""


def chosen_lines(view: RunView, plan: PlanRecord, width: int, chosen: str) -> list[Line]:
    """All there is to know of one role: what it is at and since when, its wait, its depth, how
    stale its gradients are, and its weights."""
    role = view.roles.get(chosen)
    if role is None:
        return []
    told = [_at(role, view), _wait_text(role, view)]
    planned = plan.roles.get(chosen)
    if chosen.endswith(".bottom"):
        depth = planned.depth if planned else view.progress.depth
        told.append(f"{role.in_flight} of {depth} batches in flight")
    if role.staleness is not None:
        most = f" of at most {planned.staleness}" if planned else ""
        told.append(f"staleness {role.staleness}{most}")
    if planned:
        size, versions = SCREEN.size(planned.version_bytes), planned.versions
        held = f" in up to {versions} versions, {size}" if versions > 1 else ""
        told.append(f"{planned.parameters:,} weights{held}")
    text = f"{chosen}: {'; '.join(filter(None, told))}"
    return [line([(each, PLAIN)], width) for each in wrapped(text, width, CHOSEN_LINES)]


def _at(role: RoleView, view: RunView) -> str:
    """`at receive from alice.top for 6.2 s, after FORWARD 120`."""
    last, stuck = role.told, view.progress.stuck
    if last is None:
        return "nothing heard of it yet"
    after = f"{last.op} {last.step:,}"
    since = units.span(role.silent_since(view.present))
    if stuck is not None and role.is_stuck:
        return f"stuck at {stuck.at} for {since}, after {after}"
    following = role.following
    if not view.running or view.silent_s or role.is_idle or following is None:
        return f"last heard of at {after}, {since} ago"
    peer = f" from {following.peer}" if following.op == "RECV" else ""
    doing = _DOING.get(following.op, following.op.lower())
    return f"at {doing}{peer} for {since}, after {after}"


def _wait_text(role: RoleView, view: RunView) -> str:
    waits = _waits_for(role, view, len(role.name) + _LONGEST_NAME)
    share, _, source = waits.strip().rpartition(" ")
    return f"waits {share} of the time for {source}" if source else "waits for nobody"


def strip_lines(view: RunView, width: int, height: int, chosen: str = "") -> list[Line]:
    """A legend, and a line a role; a cell is as much time as the legend says.

    Args:
        chosen: the role that is marked.
    """
    if height < FEWEST_ROWS:
        return []
    names = name_width(view) + bool(chosen)
    shown, others = _kept_roles(view, height, chosen)
    cells = max(0, min(MOST_CELLS, width - names - 1))
    lines = [_legend(view, names, width)]
    for role in shown:
        running = view.running or view.ended_stuck
        drawn = role.row(cells, view.present, view.now, running=running)
        parts: list[tuple[str, Style]] = [(fit(_marked(role.name, chosen), names) + " ", PLAIN)]
        for kind, run in groupby(drawn):
            glyph, style = KINDS[kind]
            parts.append((glyph * len(list(run)), style))
        lines.append(line(parts, width))
    if others:
        lines.append(more_line(f"+{len(others)} more", width))
    return lines


def _legend(view: RunView, names: int, width: int) -> Line:
    cell_s = next((role.timeline.cell_s for role in view.roles.values()), 0.0)
    cell = f"{units.span(cell_s)}/cell "
    words = sum(len(word) + 3 for word in LEGEND.values())
    gap = " " * min(2, max(1, (width - len(cell) - words) // len(LEGEND) + 1))
    parts = [(fit(cell, max(len(cell), min(names + 1, width - words))), DIM)]
    for kind, word in LEGEND.items():
        glyph, style = KINDS[kind]
        parts += [(glyph, style), (f" {word}{gap}", DIM)]
    return line(parts, width)
