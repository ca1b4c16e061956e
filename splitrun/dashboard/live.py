"""The live dashboard: a view drawn on a terminal, some times a second, while events come."""

from __future__ import annotations

from contextlib import suppress
from math import inf
from pathlib import Path
from time import monotonic
from typing import Self

from msgspec.structs import replace
from rich.console import Console
from rich.control import Control
from rich.live import Live
from rich.segment import ControlType

from splitrun.dashboard.frame import Drawn, Frame
from splitrun.dashboard.stuck import stacks_text
from splitrun.dashboard.view import RunView
from splitrun.errors import RunDirectoryError
from splitrun.events import Event, RunEnded, RunStarted
from splitrun.records.comparison import read_comparison
from splitrun.records.reading import read_record
from splitrun.records.run import BoundRecord, PlanRecord

_EVERY_S = 0.25
_EDGES = (RunStarted, RunEnded)
_LINE_START = Control(ControlType.CARRIAGE_RETURN)
"""What the terminal itself writes, such as the `^C` of an interrupt, is drawn over from there."""


class Dashboard:
    """A sink that draws, in the thread that calls it; the last frame stays on the screen.

    It is a context, too: whatever happens within, the terminal is left as it was.
    """

    def __init__(self, console: Console, view: RunView | None = None) -> None:
        self.view = RunView() if view is None else view
        self._frame = Frame(self.view)
        self._console = console
        self._live = Live(console=console, auto_refresh=False, vertical_overflow="crop")
        self._size = console.size
        self._draw_at = inf

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def __call__(self, event: Event) -> None:
        """Take in one event."""
        self.view.fold(event)
        if monotonic() >= self._draw_at:
            self.draw()
        if isinstance(event, _EDGES):
            self._pass_edge(event)

    def _pass_edge(self, event: RunStarted | RunEnded) -> None:
        if isinstance(event, RunStarted):
            self.start(Path(event.run_dir))
        else:
            self.draw()
            self._live.stop()

    def start(self, directory: Path) -> None:
        """Begin to draw a run, of which the directory may tell more than its events."""
        self._frame.plan = plan_of(directory)
        self._live.start()
        self.draw()

    def draw(self) -> None:
        """Draw a frame."""
        self._frame.stacks = stacks_text(self.view.run_dir) if self.view.has_failed else ""
        size = self._console.size
        if size != self._size:
            self._size = size
            self._console.clear()
        lines = self._frame.lines(size.width, size.height - 1)
        self._live.update(Drawn(lines), refresh=True)
        self._console.control(_LINE_START)
        self._draw_at = monotonic() + _EVERY_S


def plan_of(directory: Path) -> PlanRecord:
    """The plan that a directory's events are of, with a bound if a comparison has found one; empty
    where nothing is known, for whatever other files tell, the events are shown."""
    plan = None
    with suppress(RunDirectoryError):
        plan = read_record(directory / "plan.json", PlanRecord)
    plan = plan or PlanRecord()
    if plan.bound is not None:
        return plan
    with suppress(RunDirectoryError):
        comparison = read_comparison(directory.parent.parent)
        recording = f"{directory.parent.name}/{directory.name}"
        for arm in comparison.arms if comparison else ():
            if arm.recording == recording:
                bound = BoundRecord(samples_per_s=arm.bound_samples_per_s)
                return replace(plan, bound=bound)
    return plan
