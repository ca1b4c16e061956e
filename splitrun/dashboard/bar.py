"""Progress on a terminal without a dashboard: one bar.

The cursor waits at the start of the bar's line: what the terminal itself writes there, such as the
`^C` of an interrupt, is overwritten by the next drawing and cannot push the bar to another line.
"""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.control import Control
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.segment import ControlType

from splitrun import units
from splitrun.dashboard.lines import outcome_text, stacks_text, stuck_text
from splitrun.dashboard.progress import RunProgress
from splitrun.events import (
    Decided,
    Evaluated,
    Event,
    Executed,
    RunEnded,
    RunStarted,
    Sampled,
    StepDone,
    Stuck,
)
from splitrun.units import SCREEN

_DRAWN_EVERY_S = 0.1
_LINE_START = Control(ControlType.CARRIAGE_RETURN)


class ProgressBar:
    """A sink that draws the bar, at most ten times a second, in the thread that calls it.

    Evaluations are lines above the bar, and so is what the run is stuck at.
    """

    def __init__(self, console: Console) -> None:
        self._view = RunProgress()
        self._drawn = 0.0
        self._run_dir = ""
        self._stuck_at = ""
        self._console = console
        self._progress = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=None),
            TextColumn("step {task.completed:.0f}/{task.total:.0f}"),
            TextColumn("{task.fields[rate]}"),
            TextColumn("{task.fields[loss]}"),
            TextColumn("{task.fields[eta]}"),
            console=console,
            auto_refresh=False,
            expand=True,
        )
        self._task: TaskID | None = None

    def __call__(self, event: Event) -> None:
        """Take in one event."""
        step = self._view.step
        self._view.fold(event)
        match event:
            case RunStarted():
                self._run_dir = event.run_dir
                fields = _fields(self._view, event.clock)
                self._task = self._progress.add_task("", total=event.steps, **fields)
                self._progress.start()
                self._console.control(_LINE_START)
            case StepDone() | Executed() if self._view.step > step:
                if event.end - self._drawn >= _DRAWN_EVERY_S:
                    self._draw(event.end)
            case Sampled() if event.time - self._drawn >= _DRAWN_EVERY_S:
                self._draw(event.time)
            case Evaluated() | Decided():
                self._draw(event.end)
                self._print(outcome_text(event, self._view.steps))
            case Stuck():
                self._draw(event.time)
                if event.over or event.at != self._stuck_at:
                    self._print(stuck_text(event))
                self._stuck_at = "" if event.over else event.at
            case RunEnded():
                self._draw(event.end)
                self._print(stacks_text(self._run_dir) if event.status == "failed" else "")
                self._progress.stop()

    def _print(self, text: str) -> None:
        if text:
            self._console.print(text, highlight=False, markup=False)
            self._console.control(_LINE_START)

    def _draw(self, now: float) -> None:
        self._drawn = now
        if self._task is not None:
            fields = _fields(self._view, now)
            self._progress.update(self._task, completed=self._view.step, **fields)
            self._progress.refresh()
            self._console.control(_LINE_START)


def _fields(view: RunProgress, now: float) -> dict[str, Any]:
    return {
        "epoch": f"{view.epoch}/{view.epochs}",
        "rate": SCREEN.rate(view.samples_per_s_at(now)),
        "loss": f"loss {SCREEN.value(view.loss)}" if view.has_top else "",
        "eta": f"{view.eta_label} {units.clock(view.eta_s_at(now))}",
    }
