"""The top of the screen: what runs and how it stands, on what, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

from rich.style import Style

from splitrun import units
from splitrun.dashboard.line import (
    CHART,
    DIM,
    FAILED,
    PLAIN,
    STATUS,
    STRONG,
    Line,
    fit,
    line,
    wrapped,
)
from splitrun.dashboard.lines import stuck_text
from splitrun.dashboard.view import RunView
from splitrun.events import Stuck
from splitrun.records.plan import PlanRecord
from splitrun.records.setting import setting_parts
from splitrun.units import SCREEN

_MOST_LINES = 3
"""For a reason."""
_LONG_S = 600.0
_NARROW = 60
"""Columns below which there is no room for a run's name, and little for a bar."""


def head_lines(
    view: RunView, plan: PlanRecord, width: int, stacks: str, *, has_setting: bool, note: str = ""
) -> list[Line]:
    """Name and state, the bar, and what it is about; what it is stuck at, or why the run ended, if
    it is not done.

    Args:
        stacks: what there is to say of where threads were.
        has_setting: whether there is a line for what it is about.
        note: is said in the state's place.
    """
    progress = view.progress
    state, style = (note, STRONG) if note else _state(view)
    elapsed = units.clock(view.elapsed_s)
    is_narrow = width < _NARROW
    right = f" {state} {elapsed}" if is_narrow else f"{state:>11}  {elapsed:>8}"
    depth = f", depth {progress.depth}" if progress.depth > 1 else ""
    slices = plan.micro_batches
    micro = f", {slices} micro-batches" if slices > 1 else ""
    what = f"{view.schedule}{depth}{micro}" if is_narrow else f"  {view.schedule}{depth}{micro}"
    room = max(0, width - len(what) - len(right) - 1)
    name = "" if is_narrow else Path(view.run_dir).name or "run"
    lines = [
        line(
            [
                (fit(name, min(room, len(name))), STRONG),
                (fit(what, max(0, width - min(room, len(name)) - len(right))), PLAIN),
                (right, style),
            ],
            width,
        ),
        _bar_line(view, width),
    ]
    if has_setting and (about := _setting(plan, width)):
        lines.append(line([(fit(about, width), DIM)], width))
    if view.missing_events:
        missing = f"{view.missing_events:,} events of the run's middle are not kept"
        lines.append(line([(fit(missing, width), DIM)], width))
    reasons = [progress.message] if progress.message else []
    if (stuck := progress.stuck) is not None and not view.has_failed:
        since_s = max(0.0, view.now - stuck.time) if view.running else None
        reasons += filter(None, [stuck_text(stuck, since_s), _untaken(view, stuck)])
    for reason in reasons:
        lines += [line([(text, FAILED)], width) for text in wrapped(reason, width, _MOST_LINES)]
    if stacks:
        lines += [line([(text, PLAIN)], width) for text in wrapped(stacks, width, _MOST_LINES)]
    return lines


def _untaken(view: RunView, stuck: Stuck) -> str:
    """What speaks against a silent link: its messages have come, and nobody takes them."""
    link = view.links.by_name.get(f"{stuck.peer}->{stuck.role}")
    waiting = link.queue(view.now) if link is not None and link.ends_here else 0
    if stuck.cause != "link" or not (waiting and view.running):
        return ""
    come = f"{SCREEN.plural(waiting, 'message')} came to {stuck.role}"
    return f"{come}, which takes none: is its process stopped?"


def _setting(plan: PlanRecord, width: int) -> str:
    """Rows, batches and links; who takes part, too, if there is room: roles are named below."""
    parts = setting_parts(plan, SCREEN)
    about = ", ".join(parts)
    return about if len(about) <= width or len(parts) < 2 else ", ".join(parts[1:])


def _state(view: RunView) -> tuple[str, Style]:
    status = view.progress.status
    if silent_s := view.silent_s:
        span = f"{silent_s:.0f} s" if silent_s < _LONG_S else units.clock(silent_s)
        return f"silent for {span}", FAILED
    if view.running and view.progress.stuck is not None:
        return "stuck", FAILED
    return status, STATUS[status]


def _bar_line(view: RunView, width: int) -> Line:
    progress = view.progress
    steps, epochs = f"{progress.steps:,}", f"{progress.epochs}"
    epoch = f"epoch {progress.epoch:>{len(epochs)}}/{epochs}  "
    left = f"step {progress.step:>{len(steps)},}/{steps}  "
    if width >= _NARROW:
        left = epoch + left
    share = progress.step / progress.steps if progress.steps else 1.0
    eta = progress.eta_s_at(view.now) if view.running and not view.silent_s else None
    to_go = units.clock(eta) if width < _NARROW else f"{units.clock(eta):>8}"
    right = f" {SCREEN.rounded_share(share):>5}  {progress.eta_label} {to_go}"
    room = max(0, width - len(left) - len(right))
    done = int(share * room)
    return line(
        [(left, PLAIN), ("━" * done, CHART), ("─" * (room - done), DIM), (right, PLAIN)], width
    )
