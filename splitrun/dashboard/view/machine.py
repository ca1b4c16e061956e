"""How hard the machine works."""

from __future__ import annotations

from splitrun.events import Sampled


class MachineView:
    """The last sample, and the most memory of all; `fold` brings it up to date."""

    def __init__(self) -> None:
        self.last: Sampled | None = None
        self.peak_memory_bytes = 0

    def fold(self, event: Sampled) -> None:
        """Take in a sample."""
        self.last = event
        self.peak_memory_bytes = max(self.peak_memory_bytes, event.memory_bytes)
