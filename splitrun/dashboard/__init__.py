"""What a user sees while a run is on: a bar on a terminal, lines elsewhere."""

from splitrun.dashboard.bar import ProgressBar
from splitrun.dashboard.plain import PlainLines

__all__ = ["PlainLines", "ProgressBar"]
