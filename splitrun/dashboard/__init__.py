"""What a user sees of a run while it is on: a dashboard, a bar, or lines; and again afterwards."""

from splitrun.dashboard.bar import ProgressBar
from splitrun.dashboard.live import Dashboard
from splitrun.dashboard.plain import PlainLines
from splitrun.dashboard.words import metrics_text

__all__ = ["Dashboard", "PlainLines", "ProgressBar", "metrics_text"]
