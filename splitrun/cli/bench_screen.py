"""What `splitrun bench` shows: its progress on stderr, its report on stdout."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from statistics import median
from typing import TYPE_CHECKING

from splitrun.cli.output import Progress, echo

if TYPE_CHECKING:
    from rich.table import Table

    from splitrun.cli.console import Console
    from splitrun.study.bench.measure import Trial
    from splitrun.study.bench.report import Report
    from splitrun.study.bench.result import Results
    from splitrun.study.bench.soak import SoakSample

_NO_TERMINAL = 140
"""Columns of the table where no screen has another number of them."""
_EVERY_S = 10.0
"""Between two lines about a soak."""


class Silent:
    """Shows nothing of a grid's progress."""

    def turn(self, turns: Sequence[Trial]) -> None:
        """A turn of the next cell is over; these are all of it so far."""

    def cell(self, results: Results) -> None:
        """A cell is done, the last one of these."""

    def close(self, *, kept: bool) -> None:
        """Nothing more comes; `kept` leaves on the screen what is there."""


class Lines(Silent):
    """Writes a line a cell.

    Args:
        count: of all cells.
    """

    def __init__(self, count: int) -> None:
        self._count = count

    def cell(self, results: Results) -> None:
        """Write its line."""
        done = results.cells[-1]
        text = f"[{len(results.cells)}/{self._count}] {done.name}: {done.fate}: "
        if done.measured is None:
            text += done.problem
        else:
            rate, turns = done.measured.samples_per_s, len(done.measured.turns)
            text += f"{rate.median:,.0f} samples/s over {turns} turns"
        echo(text, err=True)


class LiveTable(Silent):
    """Draws a table that grows: after a turn, and never while one is measured.

    Args:
        count: of all cells.
    """

    def __init__(self, count: int, console: Console) -> None:
        from rich.live import Live

        self._count = count
        self._results: Results | None = None
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._live.start()

    def turn(self, turns: Sequence[Trial]) -> None:
        """Tell how the next cell gets on."""
        done = len(self._results.cells) if self._results else 0
        rate = median(turn.samples_per_s for turn in turns)
        self._draw(f"cell {done + 1} of {self._count}, turn {len(turns)}: {rate:,.0f} samples/s")

    def cell(self, results: Results) -> None:
        """Add its row."""
        self._results = results
        self._draw(f"{len(results.cells)} of {self._count} cells")

    def close(self, *, kept: bool) -> None:
        """Make room for the report, if there is to be one."""
        self._live.transient = not kept
        self._live.stop()

    def _draw(self, status: str) -> None:
        from rich.console import Group
        from rich.text import Text

        parts = [_table(self._results.report())] if self._results else []
        self._live.update(Group(*parts, Text(status, style="dim")), refresh=True)


def screen_for(progress: Progress, count: int) -> Silent:
    """Where a grid's progress is seen.

    Args:
        count: of all cells.
    """
    if progress is Progress.NONE:
        return Silent()
    if progress is Progress.PLAIN or (progress is Progress.AUTO and not sys.stderr.isatty()):
        return Lines(count)
    from splitrun.cli.console import Console

    return LiveTable(count, Console(stderr=True))


def soak_lines(*, quiet: bool) -> Callable[[SoakSample, float], None]:
    """Takes a soak's moments, and writes a line now and then."""
    told: SoakSample | None = None

    def tell(moment: SoakSample, share: float) -> None:
        nonlocal told
        if told is not None and moment.time - told.time < _EVERY_S:
            return
        if told is not None and not quiet:
            rate = (moment.samples - told.samples) / (moment.time - told.time)
            memory = f"{moment.memory_bytes / 2**20:,.0f} MiB"
            echo(f"{min(share, 1):4.0%}  {rate:,.0f} samples/s  {memory}", err=True)
        told = moment

    return tell


def show(report: Report) -> None:
    """Print a report on stdout."""
    from splitrun.cli.console import Console

    console = Console() if sys.stdout.isatty() else Console(width=_NO_TERMINAL)
    console.print(_table(report))
    console.print()
    for line in report.lines:
        console.print(line, highlight=False, soft_wrap=True)


def _table(report: Report) -> Table:
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
