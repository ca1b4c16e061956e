"""What a user sees of a run while it is on: a dashboard, a bar, or lines; and again afterwards.

    view, progress, roles, links     what there is to show: events, folded; no screen
    line, panels, frame              a view as lines of exactly the width of a terminal
    live, bar, lines                 what draws it, and writes it where there is no terminal

Whatever the run's length, a view's memory grows with roles, channels, depth and metrics alone.

What is offered here is imported when it is first used: lines are written without rich.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from splitrun.dashboard.bar import ProgressBar
    from splitrun.dashboard.lines import PlainLines
    from splitrun.dashboard.live import Dashboard

__all__ = ["Dashboard", "PlainLines", "ProgressBar"]

_IMPORTED_ON_USE = {"Dashboard": "live", "PlainLines": "lines", "ProgressBar": "bar"}


def __getattr__(name: str) -> object:
    if name not in _IMPORTED_ON_USE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_IMPORTED_ON_USE[name]}"), name)
    globals()[name] = value
    return value
