"""A sink: how many steps a run made, in one file of its directory."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from splitrun.extend import Event, RunEnded, RunStarted, Sink, SinkSection, StepDone


class Tally(SinkSection):
    """Writes the number of steps into `tally.txt` in the run directory."""

    api = 1

    type: Literal["tally"]

    def build(self) -> Sink:
        """One that begins at 0."""
        return _Counter()


class _Counter:
    def __init__(self) -> None:
        self.steps = 0
        self.directory = Path()

    def __call__(self, event: Event) -> None:
        match event:
            case RunStarted():
                self.directory = Path(event.run_dir)
            case StepDone():
                self.steps += 1
            case RunEnded():
                (self.directory / "tally.txt").write_text(f"{self.steps}\n")
