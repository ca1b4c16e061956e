"""What a user sees of a run while it is on: a dashboard, a bar, or lines; and again afterwards.

    view, progress, history, roles, links        what there is to show: events, folded
    line, head, values, role_panels, panels,     a view as lines of a terminal's width
    help, frame
    live, keys, watching, bar, lines             what draws it, hears keys, or writes lines

Whatever the run's length, a view's memory grows with roles, channels, depth and metrics alone.

What is offered here is imported when it is first used: lines are written without rich.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from splitrun.lazy import imported_on_use

if TYPE_CHECKING:
    from splitrun.dashboard.bar import ProgressBar
    from splitrun.dashboard.lines import PlainLines
    from splitrun.dashboard.live import Dashboard

__all__ = ["Dashboard", "PlainLines", "ProgressBar"]

__getattr__ = imported_on_use(
    __name__, {"Dashboard": ".live", "PlainLines": ".lines", "ProgressBar": ".bar"}
)
