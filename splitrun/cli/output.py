"""What commands show: lines, JSON, a run's progress and a download's.

Nothing that is shown holds what a terminal would take for commands.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from splitrun.cli.streams import holds_status, show_status
from splitrun.units import plain

if TYPE_CHECKING:
    from splitrun.events import Sink


def echo(text: object, *, err: bool = False, nl: bool = True) -> None:
    """Say a line, or several, without what a terminal would take for commands.

    Args:
        err: on stderr.
        nl: whether the line ends.
    """
    typer.echo(plain(str(text)), err=err, nl=nl)


_is_quiet = ContextVar("is_quiet", default=False)


def is_quiet() -> bool:
    """Whether no notes are said and no phases shown."""
    return _is_quiet.get()


@contextmanager
def quieted() -> Iterator[None]:
    """In here no notes are said and no phases shown; warnings and errors are."""
    token = _is_quiet.set(True)
    try:
        yield
    finally:
        _is_quiet.reset(token)


def tell(text: object) -> None:
    """Tell on stderr what is good to know, unless it is to be quiet."""
    if not _is_quiet.get():
        echo(text, err=True)


def note(text: object) -> None:
    """Tell on stderr what may surprise, unless it is to be quiet."""
    tell(f"note: {text}")


def warn(text: object) -> None:
    """Warn on stderr."""
    echo(f"warning: {text}", err=True)


def echo_json(content: object, indent: int | None = None) -> None:
    """Print one JSON object, in ASCII."""
    typer.echo(json.dumps(content, indent=indent))


def followed(output: Path) -> Path:
    """Where a file is written that the user names: what a link leads to."""
    return output.resolve() if output.is_symlink() else output


class Progress(StrEnum):
    """How a run shows that it is getting on."""

    AUTO = "auto"
    BAR = "bar"
    PLAIN = "plain"
    NONE = "none"


_RESULT_LINES = 8
"""Below a run's last frame: what it came to, or why it failed and how to go on."""
LOADING = "loading data and models …"


@dataclass(frozen=True)
class Phases:
    """Says on stderr what a command is at until its run or its result is shown: as a status on a
    terminal; elsewhere, and with `--progress plain`, in lines."""

    progress: Progress = Progress.AUTO

    @property
    def _is_shown(self) -> bool:
        return self.progress is not Progress.NONE and not _is_quiet.get()

    @property
    def _in_lines(self) -> bool:
        return self.progress is Progress.PLAIN or not holds_status(sys.stderr)

    def status(self, text: str) -> None:
        """Say what begins, where there is a status for it."""
        if self._is_shown and not self._in_lines:
            show_status(text)

    def line(self, text: str) -> None:
        """Say what begins, in a line where there is no status for it."""
        if self._is_shown and self._in_lines:
            echo(text, err=True)
        self.status(text)


@contextmanager
def shown(progress: Progress) -> Iterator[list[Sink]]:
    """Sinks that show a run; what they draw is in order again when the context ends."""
    if progress is Progress.NONE:
        yield []
        return
    if progress is Progress.PLAIN:
        yield [_plain_lines()]
        return
    from splitrun.cli.console import Console

    console = Console(stderr=True)
    if progress is Progress.BAR:
        from splitrun.dashboard import ProgressBar

        yield [ProgressBar(console)]
    elif console.is_terminal and not console.is_dumb_terminal:
        from splitrun.dashboard import Dashboard
        from splitrun.dashboard.keys import keyboard_of_stdin

        keyboard = keyboard_of_stdin()
        with Dashboard(console, keyboard=keyboard, lines_below=_RESULT_LINES) as dashboard:
            yield [dashboard]
    else:
        yield [_plain_lines()]


def _plain_lines() -> Sink:
    from splitrun.dashboard import PlainLines

    return PlainLines(sys.stderr)


@contextmanager
def show_download(*, quiet: bool) -> Iterator[Callable[[int, int | None], None]]:
    """A callback `(bytes done, bytes in all, if known)` that draws a bar on stderr once called."""
    with ExitStack() as drawn:
        draw: Callable[[int, int | None], None] | None = None

        def on_download(done: int, total: int | None) -> None:
            nonlocal draw
            draw = draw or drawn.enter_context(_download_bar(quiet=quiet or _is_quiet.get()))
            draw(done, total)

        yield on_download


@contextmanager
def _download_bar(*, quiet: bool) -> Iterator[Callable[[int, int | None], None]]:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from splitrun.cli.console import Console

    bar = Progress(
        TextColumn("downloading"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=Console(stderr=True, quiet=quiet),
    )
    task = bar.add_task("", total=None)
    with bar:
        yield lambda done, total: bar.update(task, completed=done, total=total)
