"""The dashboard: a view drawn on a terminal, some times a second, while events come."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from copy import deepcopy
from math import inf
from pathlib import Path
from time import monotonic, sleep
from typing import Self

from msgspec.structs import replace
from rich.console import Console
from rich.control import Control
from rich.live import Live
from rich.segment import ControlType

from splitrun.dashboard.frame import Drawn, Frame
from splitrun.dashboard.help import HINT
from splitrun.dashboard.keys import Keyboard
from splitrun.dashboard.lines import PlainLines, stacks_text
from splitrun.dashboard.view import RunView
from splitrun.errors import RunDirectoryError
from splitrun.events import Event, RunEnded, RunStarted
from splitrun.records.comparison import read_comparison
from splitrun.records.plan import BoundRecord, PlanRecord
from splitrun.records.reading import read_record

_EVERY_S = 0.25
_LOOK_EVERY_S = 0.05
"""Between two looks at the keyboard."""
_EDGES = (RunStarted, RunEnded)
_LINE_START = Control(ControlType.CARRIAGE_RETURN)
"""What the terminal itself writes, such as the `^C` of an interrupt, is drawn over from there."""


class Dashboard:
    """A sink that draws, in the thread that calls it; the last frame stays on the screen.

    It is a context, too: whatever happens within, the terminal is left as it was.

    Args:
        console: what is drawn on.
        view: what is drawn; default: a run that is to begin.
        keyboard: what is typed there; None: nobody listens.
        lines_below: so many lines are left below the last frame, for what will be printed there.
    """

    def __init__(
        self,
        console: Console,
        view: RunView | None = None,
        keyboard: Keyboard | None = None,
        lines_below: int = 0,
    ) -> None:
        self.view = RunView() if view is None else view
        self._frame = Frame(self.view)
        self._console = console
        self._live = Live(console=console, auto_refresh=False, vertical_overflow="crop")
        self._size = console.size
        self._draw_at = self._look_at = inf
        self._keyboard = keyboard if console.is_terminal else None
        self._frame.hint = HINT if self._keyboard else ""
        self._lines_below = lines_below
        self._lines: PlainLines | None = None
        """Tell of the run once the view is closed."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def __call__(self, event: Event) -> None:
        """Take in one event."""
        self.take_all((event,))

    def take_all(self, events: Sequence[Event]) -> None:
        """Take in events, one at least, in their order."""
        if self._lines is not None:
            for event in events:
                self._lines(event)
            return
        self.view.fold_all(events)
        if monotonic() >= self._look_at:
            self.look()
        if monotonic() >= self._draw_at:
            self.draw()
        for place in sorted({0, len(events) - 1}):
            event = events[place]
            if isinstance(event, _EDGES):
                self._pass_edge(event)

    def _pass_edge(self, event: RunStarted | RunEnded) -> None:
        if isinstance(event, RunStarted):
            self.start(Path(event.run_dir))
        elif not self.is_closed:
            self._frame.view, self._frame.note = self.view, ""
            self._frame.chosen, self._frame.hint, self._frame.has_help = "", "", False
            self.draw(self._lines_below)
            self._stop()

    def start(self, directory: Path) -> None:
        """Begin to draw a run, of which the directory may tell more than its events."""
        self._frame.plan = plan_of(directory)
        self._live.start()
        self.look()
        self.draw()

    def draw(self, lines_below: int = 0) -> None:
        """Draw a frame.

        Args:
            lines_below: that it leaves.
        """
        frame = self._frame
        frame.stacks = stacks_text(self.view.run_dir) if self.view.has_failed else ""
        size = self._console.size
        if size != self._size:
            self._size = size
            self._console.clear()
        lines = frame.lines(size.width, max(1, size.height - 1 - lines_below))
        self._live.update(Drawn(lines), refresh=True)
        self._console.control(_LINE_START)
        self._draw_at = monotonic() + _EVERY_S

    @property
    def is_closed(self) -> bool:
        """Whether its user has closed it."""
        return self._lines is not None

    @property
    def is_paused(self) -> bool:
        """Whether its user wants to see what is there, and nothing newer."""
        return self._frame.view is not self.view

    def look(self, wait_s: float = 0.0) -> None:
        """Do what keys ask for.

        Args:
            wait_s: how long to wait for one.
        """
        if self._keyboard is None:
            if wait_s:
                sleep(wait_s)
            return
        keys = self._keyboard.pressed(wait_s)
        self._look_at = monotonic() + _LOOK_EVERY_S
        for key in keys:
            if not self.is_closed:
                self._press(key)
        if keys and not self.is_closed:
            self.draw()

    def _press(self, key: str) -> None:
        frame = self._frame
        match key:
            case "q":
                self._close()
            case "p":
                frame.view = self.view if self.is_paused else deepcopy(self.view)
                frame.note = "view paused" if self.is_paused else ""
            case "?":
                frame.has_help = not frame.has_help
            case "escape":
                frame.chosen, frame.has_help = "", False
            case "up" | "down":
                frame.chosen = _next(list(self.view.roles), frame.chosen, key)

    def _close(self) -> None:
        self._stop()
        view = self.view
        self._lines = PlainLines(self._console.file, view.progress, view.run_dir, view.now)

    def _stop(self) -> None:
        self._live.stop()
        if self._keyboard is not None:
            self._keyboard.release()


def _next(roles: Sequence[str], chosen: str, key: str) -> str:
    """The role above or below the chosen one; the first or the last where none is chosen."""
    if not roles:
        return ""
    if chosen not in roles:
        return roles[0] if key == "down" else roles[-1]
    return roles[(roles.index(chosen) + (1 if key == "down" else -1)) % len(roles)]


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
