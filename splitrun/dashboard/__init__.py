"""What a user sees while a run is on: a bar on a terminal, lines elsewhere."""

from splitrun.dashboard.bar import ProgressBar
from splitrun.dashboard.plain import PlainLines
from splitrun.dashboard.state import metrics_text

__all__ = ["PlainLines", "ProgressBar", "metrics_text"]
