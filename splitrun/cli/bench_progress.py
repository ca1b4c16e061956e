"""How a grid is getting on: the table of all its cells, which fills."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from time import monotonic

from splitrun import units
from splitrun.cli.screens import Screen
from splitrun.cli.study_view import StudyTable
from splitrun.plan import Plan
from splitrun.study.bench.result import CellResult, Results
from splitrun.study.timing import Trial
from splitrun.study.training import Recorder
from splitrun.study.watcher import BenchWatcher
from splitrun.units import SCREEN


class BenchProgress(BenchWatcher):
    """Shows how a grid is getting on.

    Args:
        cells: the values of every cell's axes, as they are written.
        budget_s: seconds for the trials of a cell, at most.
        clock: seconds.
        at_once: cells that are measured at once, where that is elsewhere.
    """

    def __init__(
        self,
        screen: Screen,
        cells: Sequence[Mapping[str, str]],
        budget_s: float,
        clock: Callable[[], float] = monotonic,
        at_once: int = 1,
    ) -> None:
        self._screen = screen
        self._cells = cells
        self._budget_s = budget_s
        self._clock = clock
        self._at_once = at_once
        self._number, self._began = 0, clock()
        self._took_s: list[float] = []
        """Seconds that every cell has added, of those that were measured."""
        self._results: Results | None = None

    def begin(self, results: Results) -> None:
        """Show all cells, empty."""
        self._results = results
        self._show_table()

    def cell(self, number: int) -> None:
        """Show which one is prepared."""
        self._number = number
        self._show_table()
        if self._at_once > 1:
            self._screen.phase(f"{self._which}: {self._name}, {self._at_once} at once", self._to_go)
            return
        self._began = self._clock()
        self._screen.status(f"{self._which}: loading and warming up …", self._to_go)

    def warming_up(self, plan: Plan) -> Recorder | None:
        """Show the training."""
        return Recorder.showing(self._name, self._screen.watching(plan))

    def timing(self, trials: Sequence[Trial]) -> None:
        """Show the trials so far; nothing more before the next one is done."""
        rate = median(trial.samples_per_s for trial in trials) if trials else None
        so_far = f", {SCREEN.rate(rate)} so far" if rate else ""
        text = f"{self._which}: trial {len(trials) + 1} (not drawn){so_far}"
        self._screen.status(text, self._to_go)

    def done(self, results: Results) -> None:
        """Show the cells that are done; the last one of them is new."""
        self._results = results
        cell = results.cells[-1]
        if cell.measured is not None and not cell.reused:
            self._took_s.append(self._clock() - self._began)
            self._began = self._clock()
        self._number = min(len(results.cells) + 1, len(self._cells))
        self._show_table()
        done = f"[{len(results.cells)}/{len(self._cells)}]"
        self._screen.line(f"{done} {cell.name}: {cell.fate}: {_figures(cell)}", self._to_go)

    @property
    def _which(self) -> str:
        return f"cell {self._number} of {len(self._cells)}"

    @property
    def _name(self) -> str:
        return CellResult(self._cells[self._number - 1]).name

    @property
    def _to_go(self) -> str:
        done = len(self._results.cells) if self._results else 0
        left = len(self._cells) - done
        if not left:
            return ""
        if not self._took_s:
            return f"{self._budget_s:.0f} s of trials a cell at most"
        spent_s = self._clock() - self._began
        cell_s = sum(self._took_s) / len(self._took_s)
        return f"about {units.clock(max(0.0, left * cell_s - spent_s))} to go"

    def _show_table(self) -> None:
        results = self._results
        if results is not None:
            report = results.report()
            labels = [tuple(each.values()) for each in self._cells[len(results.cells) :]]
            done, count = report.shown, len(report.shown.heads)
            rows = (*done.rows, *((*each, *[""] * (count - len(each))) for each in labels))
            self._screen.table(StudyTable(done.heads, rows, report.names, self._number - 1))


def _figures(cell: CellResult) -> str:
    if cell.measured is None:
        return cell.problem
    rate, trials = cell.measured.samples_per_s, len(cell.measured.trials)
    return f"{SCREEN.rate(rate.median)} over {trials} trials"
