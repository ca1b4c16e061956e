"""What a user sees of a run while it is on: a dashboard, a bar, or lines; and again afterwards.

    view, progress, roles, links     what there is to show: events, folded; no screen
    line, panels, frame              a view as lines of exactly the width of a terminal
    live, watching, lines, stuck     what draws it, and writes it where there is no terminal

Whatever the run's length, a view's memory grows with roles, channels, depth and metrics alone.
"""

from splitrun.dashboard.lines import PlainLines, ProgressBar
from splitrun.dashboard.live import Dashboard

__all__ = ["Dashboard", "PlainLines", "ProgressBar"]
