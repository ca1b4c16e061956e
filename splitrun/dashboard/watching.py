"""A recording that is watched: of a run that is over, or of one that another process is at."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from time import monotonic, time

from rich.console import Console

from splitrun.dashboard.keys import Keyboard
from splitrun.dashboard.live import Dashboard
from splitrun.dashboard.view import RunView, moment
from splitrun.errors import RunDirectoryError
from splitrun.events import Event, RunStarted
from splitrun.lock import is_held
from splitrun.records.run import stand
from splitrun.telemetry import Recording
from splitrun.telemetry.jsonl import part_numbers, part_path

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
