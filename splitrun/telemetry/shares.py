"""How roles spend their time, from what they executed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from splitrun.events import Event, Executed, RunEnded, RunStarted
from splitrun.records.comparison import Shares

_Spent = list[float]
"""Seconds: busy, in RECV, in SEND."""
_BUSY, _RECEIVE, _SEND = range(3)
_KINDS = {"RECV": _RECEIVE, "SEND": _SEND}


def shares(
    events: Iterable[Event], start: float | None = None, end: float | None = None
) -> Mapping[str, Shares]:
    """By role, over the time from `start` to `end`, times of the events' clock.

    By default that is the whole run, or what there is of one that goes on.
    """
    spent: dict[str, _Spent] = {}
    first, last = -math.inf if start is None else start, math.inf if end is None else end
    latest = first
    for event in events:
        match event:
            case Executed():
                seconds = min(event.end, last) - max(event.start, first)
                if seconds > 0:
                    spent.setdefault(event.role, [0.0, 0.0, 0.0])[_kind(event)] += seconds
                latest = max(latest, event.end)
            case RunStarted():
                spent = {role: [0.0, 0.0, 0.0] for role in event.roles}
                if start is None:
                    first = latest = event.clock
            case RunEnded():
                latest = max(latest, event.end)
    span_s = (latest if end is None else end) - first
    return {role: _shares(seconds, span_s) for role, seconds in spent.items()}


def _kind(event: Executed) -> int:
    return _KINDS.get(event.op, _BUSY)


def _shares(spent: _Spent, span_s: float) -> Shares:
    """An empty span was idle."""
    if span_s <= 0:
        return Shares(0.0, 0.0, 0.0, 1.0)
    busy, receive, send = (seconds / span_s for seconds in spent)
    return Shares(busy, receive, send, max(0.0, 1 - busy - receive - send))
