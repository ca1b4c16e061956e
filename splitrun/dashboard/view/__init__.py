"""What there is to show of a run: its events, folded; no screen.

Whatever the run's length, a view's memory grows with roles, channels, depth and metrics alone.
"""

from splitrun.dashboard.view.progress import RunProgress
from splitrun.dashboard.view.run import RunView, moment

__all__ = ["RunProgress", "RunView", "moment"]
