"""Roles: what each is at, how it spends its time, and whom it waits for."""

from __future__ import annotations

from rich.style import Style

from splitrun.dashboard.screen.line import Column, Line, fit, kept, line, more_line, title_line
from splitrun.dashboard.screen.look import FAILED, PLAIN, share_runs
from splitrun.dashboard.view import RunView
from splitrun.dashboard.view.plan_file import PlanFile
from splitrun.dashboard.view.roles import RoleView
from splitrun.dashboard.words import share_text, span_text
from splitrun.telemetry import Shares

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


def name_width(view: RunView) -> int:
    """Columns for the names of roles."""
    return min(_LONGEST_NAME, max((len(name) for name in view.roles), default=4))


def role_lines(view: RunView, plan: PlanFile, width: int, height: int) -> list[Line]:
    """A title, a line a role, and if there is no room for all, what the others do on average."""
    names, steps = name_width(view), f"{view.progress.steps:,}"
    columns = [
        Column("role", names, right=False),
        Column("doing", 8, right=False),
        Column("step", max(4, len(steps))),
        Column("in flight", max(9, 2 * len(str(view.progress.depth)) + 4)),
        Column("stale", 5),
        Column("busy", 5),
    ]
    left = width - sum(column.width + 1 for column in columns)
    waits = min(names + 6, max(0, left - _LEAST_BAR - 1))
    bar = min(_LARGEST_BAR, left - waits - 1)
    window_s = max((role.window_s() for role in view.roles.values()), default=5.0)
    over = f"last {span_text(window_s)}" if view.running else "whole run"
    columns += [Column(over, max(0, bar), right=False), Column("waits for", waits, right=False)]
    shown, others = kept(list(view.roles.values()), height)
    lines = [title_line(columns, width)]
    lines += [_role_line(role, view, plan, columns, width) for role in shown]
    if others:
        busy = sum(_shares(role, view).busy for role in others) / len(others)
        lines.append(more_line(f"+{len(others)} more: busy {share_text(busy)} on average", width))
    return lines


def _role_line(
    role: RoleView, view: RunView, plan: PlanFile, columns: list[Column], width: int
) -> Line:
    shares = _shares(role, view)
    told = view.running and not view.silent_s and not role.is_idle
    doing = role.doing if told else None
    stuck = role.is_stuck
    depth = plan.depths.get(role.name, view.progress.depth)
    bottom = role.name.endswith(".bottom")
    texts = [
        role.name,
        "stuck" if stuck else _DOING.get(doing, doing.lower()) if doing else "",
        f"{role.step:,}",
        f"{role.in_flight} of {depth:>{len(str(view.progress.depth))}}" if bottom else "",
        "--" if role.staleness is None else f"{role.staleness}",
        share_text(shares.busy),
    ]
    parts: list[tuple[str, Style]] = [
        (column.cell(text), FAILED if stuck and column.title in ("role", "doing") else PLAIN)
        for column, text in zip(columns, texts, strict=False)
    ]
    bar, waits = columns[-2], columns[-1]
    parts += [*share_runs(shares, bar.width), (" ", PLAIN)]
    return line([*parts, (fit(_waits_for(role, view, waits.width), waits.width), PLAIN)], width)


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
    return f"{share_text(min(1.0, share)):>5} {fit(source, width - 6)}" if width > 8 else ""
