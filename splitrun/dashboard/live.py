"""The dashboard: a view drawn on a terminal, some times a second, while events come.

They come from a run of this process, or from a recording that is watched: of a run that is over,
again, or of one that another process is at.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from copy import deepcopy
from math import inf
from pathlib import Path
from time import monotonic, sleep, time
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
from splitrun.dashboard.view import RunView, moment
from splitrun.errors import RunDirectoryError
from splitrun.events import Event, RunEnded, RunStarted
from splitrun.lock import is_held
from splitrun.records.comparison import read_comparison
from splitrun.records.reading import read_record
from splitrun.records.run import BoundRecord, PlanRecord, stand
from splitrun.telemetry import Recording
from splitrun.telemetry.jsonl import part_numbers, part_path

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


_READ_EVERY_S = 0.2
_WORTH_SLEEPING_S = 0.02


def watch(
    directory: Path,
    console: Console,
    speed: float | None = None,
    keyboard: Keyboard | None = None,
) -> None:
    """Show a run as it is now, and until its end if it goes on; one that ended without a word is
    over once nobody holds its directory.

    Where the console is no terminal, that is one frame.

    Args:
        directory: of the recording.
        console: where it is shown.
        speed: show the run from its beginning, so many times as fast as it was.
        keyboard: what is typed there.

    Raises:
        RunDirectoryError: no recording, or a damaged one.
    """
    view = RunView()
    over = is_held(directory) is False
    with (
        Recording(directory, view.note_gap) as recording,
        Dashboard(console, view, keyboard) as dashboard,
    ):
        events = recording.read()
        first = next(events, None)
        if not isinstance(first, RunStarted):
            message = f"{directory}: its events do not begin with a run's start"
            raise RunDirectoryError(f"{message}; wait if the run begins just now, or train again")
        view.fold(first)
        view.run_dir = str(directory.resolve())
        if speed is None or not console.is_terminal:
            view.fold_all(events)
            if over:
                _conclude(view, directory)
            view.unheard_s = _age_s(directory)
            dashboard.start(directory)
            if console.is_terminal:
                _follow(recording, dashboard, directory, monotonic() - view.unheard_s)
        else:
            dashboard.start(directory)
            _replay(events, dashboard, speed)
            if over and view.running and not dashboard.is_closed:
                _conclude(view, directory)
                dashboard.draw()
    if not console.is_terminal:
        console.line()


def _follow(recording: Recording, dashboard: Dashboard, directory: Path, heard: float) -> None:
    """Show what comes until the run has ended.

    Args:
        heard: when something came last.
    """
    while dashboard.view.running:
        dashboard.look(_READ_EVERY_S)
        if dashboard.is_closed:
            return
        over = is_held(directory) is False  # nothing comes after what is read from here on
        before = dashboard.view.now
        dashboard.view.fold_all(recording.read())
        if over:
            _conclude(dashboard.view, directory)
        if dashboard.view.now > before or not dashboard.view.running:
            heard = monotonic()
        dashboard.view.unheard_s = monotonic() - heard
        dashboard.draw()


def _conclude(view: RunView, directory: Path) -> None:
    """Nobody is at the run: what its events do not tell of its end, its manifest may."""
    if view.running:
        status, message = stand(directory)
        view.end(status, f"killed; {message}" if status == "killed" else message)


def _replay(events: Iterable[Event], dashboard: Dashboard, speed: float) -> None:
    """Show events when it is their time; one that was not kept passes at once."""
    view = dashboard.view
    began, origin, missing = monotonic(), view.now, 0
    for event in events:
        due = began + (moment(event) - origin) / speed
        if view.missing_events > missing:
            missing = view.missing_events
            began += monotonic() - due
        began += _wait(dashboard, due)
        if dashboard.is_closed:
            return
        dashboard(event)


def _wait(dashboard: Dashboard, due: float) -> float:
    """Wait until an event is due, or the view is closed; gives for how long it was paused."""
    paused_s = 0.0
    while not dashboard.is_closed:
        wait_s = due + paused_s - monotonic()
        if dashboard.is_paused:
            before = monotonic()
            dashboard.look(_READ_EVERY_S)
            paused_s += monotonic() - before
        elif wait_s > _WORTH_SLEEPING_S:
            dashboard.look(min(wait_s, _READ_EVERY_S))
        else:
            break
    return paused_s


def _age_s(directory: Path) -> float:
    """How long ago the recording was written to."""
    last = part_path(directory, part_numbers(directory)[-1])
    return max(0.0, time() - last.lstat().st_mtime)
