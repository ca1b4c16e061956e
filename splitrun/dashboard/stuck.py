"""What a run is stuck at, and where its threads were in the end, as sentences."""

from __future__ import annotations

import os
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

from splitrun import units
from splitrun.events import Stuck
from splitrun.files import is_regular

_MOST_NAMED = 3
"""Roles that wait for one and the same, by name."""
_LONG_S = 100.0


def stuck_text(event: Stuck, since_s: float | None = 0.0) -> str:
    """`stuck: bob.bottom at FORWARD 120 for 7.2 s; the deadline ends it in 12.8 s; alice.top waits
    for bob.bottom`; when it is over, `bob.bottom went on at FORWARD 120 after 7.2 s`.

    Args:
        since_s: how long ago that was told; None: the run has been stopped since then.
    """
    if event.over:
        return f"{event.role} went on at {event.at} after {_span(event.for_s)}"
    if since_s is None:
        parts = [f"it was stuck: {_place(event)} for {_span(event.for_s)}"]
    else:
        left_s = max(0.0, event.left_s - since_s)
        parts = [
            f"stuck: {_place(event)} for {_span(event.for_s + since_s)}",
            f"the deadline ends it in {_span(left_s)}",
        ]
    return "; ".join(filter(None, [*parts, _waits(event)]))


def stacks_text(run_dir: str) -> str:
    """Where to read what every thread of a run was at when a watchdog ended it; empty if nothing
    is there."""
    if not is_regular(Path(run_dir) / "stacks.txt"):
        return ""
    with suppress(ValueError, OSError):  # another drive, or no directory to be in
        run_dir = min(run_dir, os.path.relpath(run_dir), key=len)
    return f"stacks.txt in {run_dir} tells where threads were"


def _place(event: Stuck) -> str:
    match event.cause:
        case "link":
            return f"{event.peer}->{event.role} is silent, {event.at},"
        case "ended":
            return f"{event.role} at {event.at}, which has ended,"
        case "circle":
            return f"roles wait for each other, {event.role} at {event.at},"
        case _:
            return f"{event.role} at {event.at}"


def _waits(event: Stuck) -> str:
    """Who waits for whom, those that wait for the culprit first."""
    waiting: defaultdict[str, list[str]] = defaultdict(list)
    for wait in event.waits:
        if wait.role != event.role:
            waiting[wait.peer].append(wait.role)
    peers = sorted(waiting, key=lambda peer: peer != event.role)
    return ", ".join(f"{_named(waiting[peer])} for {peer}" for peer in peers)


def _named(roles: list[str]) -> str:
    if len(roles) == 1:
        return f"{roles[0]} waits"
    if len(roles) > _MOST_NAMED:
        return f"{roles[0]} and {len(roles) - 1} more wait"
    return f"{' and '.join(roles)} wait"


def _span(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < _LONG_S else units.clock(seconds)
