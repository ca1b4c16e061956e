"""What is kept of a run, and what follows from it; knows events and nothing of screens."""

from splitrun.telemetry.jsonl import JsonLines
from splitrun.telemetry.reading import Recording, read_events, shares
from splitrun.telemetry.sampler import Sampler

__all__ = [
    "JsonLines",
    "Recording",
    "Sampler",
    "read_events",
    "shares",
]
