"""Where `splitrun compare` and `splitrun bench` show that they are getting on: on stderr.

Both tell a `Screen`: what they are at and what is left, what was decided, a table of what is known
so far, and trainings that may be looked at. What a screen makes of that depends on `--progress` and
on the terminal.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Self

from splitrun.cli.output import Progress, echo
from splitrun.cli.streams import holds_status
from splitrun.events import Event, Sink
from splitrun.units import SCREEN

if TYPE_CHECKING:
    from rich.table import Table

    from splitrun.cli.console import Console
    from splitrun.cli.study_view import StudyTable
    from splitrun.dashboard.frame import Frame
    from splitrun.plan import Plan
    from splitrun.study.bench.soak import SoakSample
    from splitrun.study.bench.store import Report

_NO_TERMINAL = 140
"""Columns of a report's table where no terminal has another number of them."""
_DRAWN_EVERY_S = 0.25
_SOAK_LINE_EVERY_S = 10.0
"""Seconds between two lines about a soak."""


class Screen:
    """Shows nothing: `--progress none`. A context manager."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Show nothing more."""

    def line(self, text: str, to_go: str = "") -> None:
        """Show something that is worth keeping: what was decided, or is done, and what is left."""

    def phase(self, text: str, to_go: str = "") -> None:
        """Show what begins, and what is left."""

    def status(self, text: str, to_go: str = "") -> None:
        """Show how what has begun is getting on, where that can take another's place."""

    def table(self, table: StudyTable) -> None:
        """Show what is known so far, with what is said next."""

    def watching(self, plan: Plan) -> Sequence[Sink]:  # noqa: ARG002
        """Who is to see the events of a training of this plan, so that its dashboard is shown."""
        return ()


class LineScreen(Screen):
    """Writes lines, for a log: `--progress plain`, and wherever there is no terminal."""

    def line(self, text: str, to_go: str = "") -> None:
        """Write it."""
        echo(f"{text}; {to_go}" if to_go else text, err=True)

    def phase(self, text: str, to_go: str = "") -> None:
        """Write it."""
        self.line(text, to_go)


class StudyScreen(Screen):
    """Draws on a terminal: between measurements, and while something runs that is not timed.

    It makes room for the result where there is one, and stays where an error ends the command.
    """

    def __init__(self, console: Console) -> None:
        from rich.live import Live

        from splitrun.cli.study_view import StudyView
        from splitrun.dashboard.keys import keyboard_of_stdin

        self.view = StudyView()
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._size = console.size
        self._draw_at = 0.0
        self._keyboard = keyboard_of_stdin()

    def __enter__(self) -> Self:
        self._live.start()
        self._pass_keys()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.transient = error is None
        self._live.stop()
        if self._keyboard is not None:
            self._pass_keys()
            self._keyboard.release()

    def _pass_keys(self) -> None:
        """No key means anything here: none is shown, nor left for the shell."""
        if self._keyboard is not None:
            self._keyboard.pressed()

    def line(self, text: str, to_go: str = "") -> None:
        """Show it above the table, until the next one comes; what is left stands over it."""
        self.view.remark, self.view.to_go = text, to_go
        self.draw()

    def phase(self, text: str, to_go: str = "") -> None:
        """Show it above the table, until the next one comes."""
        self.view.phase, self.view.to_go = text, to_go
        self.draw()

    def status(self, text: str, to_go: str = "") -> None:
        """Show it above the table, until the next one comes."""
        self.phase(text, to_go)

    def table(self, table: StudyTable) -> None:
        """Draw it from now on."""
        self.view.table = table

    def watching(self, plan: Plan) -> Sequence[Sink]:
        """A sink that shows the training below the table; its last frame stays."""
        from splitrun.dashboard.frame import Frame
        from splitrun.dashboard.view import RunView
        from splitrun.plan.explain import describe

        frame = Frame(RunView())
        frame.plan = describe(plan)
        return (_Shown(frame, self),)

    def draw(self) -> None:
        """Draw all there is."""
        from splitrun.dashboard.frame import Drawn

        size = self._console.size
        if size != self._size:
            self._size = size
            self._console.clear()
        lines = self.view.lines(size.width, max(1, size.height - 1))
        self._live.update(Drawn(lines), refresh=True)
        self._draw_at = monotonic() + _DRAWN_EVERY_S

    def draw_if_due(self) -> None:
        """Draw if the last time is some time ago."""
        if monotonic() >= self._draw_at:
            self.draw()


class _Shown:
    """A sink: the dashboard of one training on a screen that shows other things, too."""

    def __init__(self, frame: Frame, screen: StudyScreen) -> None:
        self._frame = frame
        self._screen = screen

    def __call__(self, event: Event) -> None:
        """Take in one event."""
        self.take_all((event,))

    def take_all(self, events: Sequence[Event]) -> None:
        """Take in events, in their order."""
        self._frame.view.fold_all(events)
        self._screen.view.frame = self._frame
        self._screen.draw_if_due()


def screen_for(progress: Progress) -> Screen:
    """The screen that `--progress` and the terminal ask for."""
    if progress is Progress.NONE:
        return Screen()
    if progress is Progress.PLAIN or (progress is Progress.AUTO and not holds_status(sys.stderr)):
        return LineScreen()
    from splitrun.cli.console import Console

    return StudyScreen(Console(stderr=True))


def soak_progress(screen: Screen) -> Callable[[SoakSample, float], None]:
    """Takes a soak's samples, and shows a line now and then."""
    told: SoakSample | None = None

    def tell(sample: SoakSample, share: float) -> None:
        nonlocal told
        if told is not None and sample.time - told.time < _SOAK_LINE_EVERY_S:
            return
        if told is not None:
            rate = (sample.samples - told.samples) / (sample.time - told.time)
            memory = SCREEN.size(sample.memory_bytes)
            screen.line(f"{min(share, 1):4.0%}  {SCREEN.rate(rate)}  {memory}")
        told = sample

    return tell


def print_report(report: Report) -> None:
    """Print a bench's report on stdout."""
    from splitrun.cli.console import Console

    console = Console() if sys.stdout.isatty() else Console(width=_NO_TERMINAL)
    console.print(_report_table(report))
    console.print()
    for line in report.lines:
        console.say(line)


def _report_table(report: Report) -> Table:
    from rich import box
    from rich.table import Column, Table
    from rich.text import Text

    heads, names = report.shown.heads, report.names
    table = Table(
        *(Column(Text(head), no_wrap=True) for head in heads[:names]),
        *(Column(head, justify="right", no_wrap=True) for head in heads[names:]),
        box=box.SIMPLE_HEAD,
        collapse_padding=True,
        pad_edge=False,
        show_edge=False,
    )
    for row in report.shown.rows:
        table.add_row(*(Text(text) for text in row))
    return table
