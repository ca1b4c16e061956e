"""How `splitrun compare` and `splitrun bench` show that they are getting on, on stderr.

Both tell a `Screen`: lines that are worth keeping, what is going on just now, and a table of what
is known so far. What a screen makes of that depends on `--progress` and on the terminal.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from types import TracebackType
from typing import TYPE_CHECKING, Self

from splitrun.cli.output import Progress, echo
from splitrun.study.timing import Watcher
from splitrun.units import SCREEN

if TYPE_CHECKING:
    from rich.table import Table

    from splitrun.cli.console import Console
    from splitrun.study.bench.result import Results
    from splitrun.study.bench.soak import SoakSample
    from splitrun.study.bench.store import Report
    from splitrun.study.timing import TimedArm, Trial

_NO_TERMINAL = 140
"""Columns of a report's table where no terminal has another number of them."""
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

    def line(self, text: str) -> None:
        """Show something that is worth keeping: what was decided, or is done."""

    def status(self, text: str) -> None:
        """Show what is going on until the next line or status comes."""

    def table(self, draw: Callable[[], Table]) -> None:
        """Show what is known so far; `draw` is called where tables are shown."""


class LineScreen(Screen):
    """Writes lines, for a log: `--progress plain`, and wherever there is no terminal."""

    def line(self, text: str) -> None:
        """Write it."""
        echo(text, err=True)


class TableScreen(Screen):
    """Draws a table and a line below it on a terminal, between measurements and never during one.

    It makes room for the result where there is one, and stays where an error ends the command.
    """

    def __init__(self, console: Console) -> None:
        from rich.live import Live

        self._table: Table | None = None
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.transient = error is None
        self._live.stop()

    def line(self, text: str) -> None:
        """Show it below the table, until the next one comes."""
        self.status(text)

    def status(self, text: str) -> None:
        """Show it below the table, until the next one comes."""
        from rich.console import Group
        from rich.text import Text

        parts = [self._table] if self._table else []
        self._live.update(Group(*parts, Text(text, style="dim")), refresh=True)

    def table(self, draw: Callable[[], Table]) -> None:
        """Draw it with the next line or status."""
        self._table = draw()


def screen_for(progress: Progress) -> Screen:
    """The screen that `--progress` and the terminal ask for."""
    if progress is Progress.NONE:
        return Screen()
    if progress is Progress.PLAIN or (progress is Progress.AUTO and not sys.stderr.isatty()):
        return LineScreen()
    from splitrun.cli.console import Console

    return TableScreen(Console(stderr=True))


class ComparisonProgress(Watcher):
    """Shows how a comparison is getting on."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def tell(self, line: str) -> None:
        """Show the line."""
        self._screen.line(line)

    def round(
        self, trials: Mapping[TimedArm, Sequence[Trial]], elapsed_s: float, budget_s: float | None
    ) -> None:
        """Show the arms' medians, and how many rounds there were in how many seconds."""
        rounds = min(len(each) for each in trials.values())
        left = "" if budget_s is None else f" of at most {budget_s:.0f}"
        self._screen.table(lambda: _arms_table(trials))
        self._screen.line(f"timing: round {rounds}, {elapsed_s:.0f}{left} s")


class BenchProgress:
    """Shows how a grid is getting on.

    Args:
        count: number of all cells.
    """

    def __init__(self, screen: Screen, count: int) -> None:
        self._screen = screen
        self._count = count
        self._done = 0

    def trial(self, trials: Sequence[Trial]) -> None:
        """Show the trials of the next cell so far."""
        rate = median(trial.samples_per_s for trial in trials)
        cell = f"cell {self._done + 1} of {self._count}"
        self._screen.status(f"{cell}, trial {len(trials)}: {SCREEN.rate(rate)}")

    def cell(self, results: Results) -> None:
        """Show the cells that are done; the last one of them is new."""
        self._done = len(results.cells)
        cell = results.cells[-1]
        text = f"[{self._done}/{self._count}] {cell.name}: {cell.fate}: "
        if cell.measured is None:
            text += cell.problem
        else:
            rate, trials = cell.measured.samples_per_s, len(cell.measured.trials)
            text += f"{SCREEN.rate(rate.median)} over {trials} trials"
        self._screen.table(lambda: _report_table(results.report()))
        self._screen.line(text)


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
        console.print(line, highlight=False, soft_wrap=True)


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


def _arms_table(trials: Mapping[TimedArm, Sequence[Trial]]) -> Table:
    from rich import box
    from rich.table import Column, Table

    from splitrun.study.statistics import estimate_median, estimate_speedup
    from splitrun.study.timing import baseline_of, rates

    table = Table(
        Column("arm", no_wrap=True),
        *(Column(name, justify="right", no_wrap=True) for name in ("samples/s", "speedup so far")),
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
    )
    baseline = rates(trials[baseline_of(trials)])
    for timed_arm, each in trials.items():
        speedup = estimate_speedup(baseline, rates(each))
        ends = speedup.interval.ci95
        within = f" [{ends[0]:.2f}, {ends[1]:.2f}]" if ends else ""
        name = f"{timed_arm.arm} (serial)" if timed_arm.runtime == "serial" else str(timed_arm.arm)
        middle = estimate_median(rates(each)).median
        table.add_row(name, SCREEN.whole(middle), f"{speedup.median:.2f}{within}")
    return table
