"""Progress on a terminal: one bar with epoch, step, throughput, loss and time to go.

The cursor waits at the start of the bar's line: what the terminal itself writes there, such as the
`^C` of an interrupt, is overwritten by the next drawing and cannot push the bar to another line.
"""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.control import Control
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.segment import ControlType

from splitrun.dashboard.view import RunProgress
from splitrun.dashboard.words import (
    clock_text,
    evaluation_text,
    rate_text,
    value_text,
)
from splitrun.events import Evaluated, Event, RunEnded, RunStarted, StepDone

_EVERY_S = 0.1
_LINE_START = Control(ControlType.CARRIAGE_RETURN)


class ProgressBar:
    """A sink that draws the bar, at most ten times a second, in the thread that calls it.

    Evaluations are lines above the bar.
    """

    def __init__(self, console: Console) -> None:
        self._view = RunProgress()
        self._drawn = 0.0
        self._console = console
        self._progress = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=None),
            TextColumn("step {task.completed:.0f}/{task.total:.0f}"),
            TextColumn("{task.fields[rate]}"),
            TextColumn("loss {task.fields[loss]}"),
            TextColumn("ETA {task.fields[eta]}"),
            console=console,
            auto_refresh=False,
            expand=True,
        )
        self._task: TaskID | None = None

    def __call__(self, event: Event) -> None:
        """Take in one event."""
        self._view.fold(event)
        match event:
            case RunStarted():
                self._task = self._progress.add_task("", total=event.steps, **_fields(self._view))
                self._progress.start()
                self._console.control(_LINE_START)
            case StepDone() if event.end - self._drawn >= _EVERY_S:
                self._drawn = event.end
                self._draw()
            case Evaluated():
                self._draw()
                self._console.print(evaluation_text(event), highlight=False, markup=False)
                self._console.control(_LINE_START)
            case RunEnded():
                self._draw()
                self._progress.stop()

    def _draw(self) -> None:
        if self._task is not None:
            self._progress.update(self._task, completed=self._view.step, **_fields(self._view))
            self._progress.refresh()
            self._console.control(_LINE_START)


def _fields(view: RunProgress) -> dict[str, Any]:
    return {
        "epoch": f"{view.epoch}/{view.epochs}",
        "rate": rate_text(view.samples_per_s),
        "loss": value_text(view.loss),
        "eta": clock_text(view.eta_s),
    }
