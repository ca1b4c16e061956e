"""Checkpoints: what a run needs to go on, written while it trains, and found again."""

from splitrun.session.checkpoint.collector import Collector
from splitrun.session.checkpoint.store import Checkpoint, Found, Store

__all__ = ["Checkpoint", "Collector", "Found", "Store"]
