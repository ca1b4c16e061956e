"""How `splitrun compare` shows that it is getting on, on stderr."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self

from splitrun.cli.output import Progress, echo
from splitrun.study.timing import Watcher

if TYPE_CHECKING:
    from rich.table import Table

    from splitrun.cli.console import Console
    from splitrun.study.timing import TimedArm, Trial


class Lines(Watcher):
    """Writes a line now and then."""

    def tell(self, line: str) -> None:
        """Write it."""
        echo(line, err=True)

    def round(
        self, turns: Mapping[TimedArm, Sequence[Trial]], elapsed_s: float, budget_s: float | None
    ) -> None:
        """Write how many there were."""
        self.tell(f"timing: {_progress(turns, elapsed_s, budget_s)}")


class LiveTable(Watcher):
    """Draws what is known so far, and what is going on below it; gone when it is over."""

    def __init__(self, console: Console) -> None:
        from rich.live import Live

        self._table: Table | None = None
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def tell(self, line: str) -> None:
        """Show it until the next one comes."""
        self._draw(line)

    def round(
        self, turns: Mapping[TimedArm, Sequence[Trial]], elapsed_s: float, budget_s: float | None
    ) -> None:
        """Draw the arms' medians anew."""
        self._table = _table(turns)
        self._draw(f"timing: {_progress(turns, elapsed_s, budget_s)}")

    def _draw(self, status: str) -> None:
        from rich.console import Group
        from rich.text import Text

        parts = [self._table] if self._table else []
        self._live.update(Group(*parts, Text(status, style="dim")), refresh=True)


def watcher_for(progress: Progress) -> Watcher:
    """Where a comparison's progress is seen."""
    if progress is Progress.NONE:
        return Watcher()
    if progress is Progress.PLAIN or (progress is Progress.AUTO and not sys.stderr.isatty()):
        return Lines()
    from splitrun.cli.console import Console

    return LiveTable(Console(stderr=True))


def _progress(
    turns: Mapping[TimedArm, Sequence[Trial]], elapsed_s: float, budget_s: float | None
) -> str:
    rounds = min(len(each) for each in turns.values())
    left = "" if budget_s is None else f" of at most {budget_s:.0f}"
    return f"round {rounds}, {elapsed_s:.0f}{left} s"


def _table(turns: Mapping[TimedArm, Sequence[Trial]]) -> Table:
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
    baseline = rates(turns[baseline_of(turns)])
    for timed_arm, each in turns.items():
        speedup = estimate_speedup(baseline, rates(each))
        ends = speedup.interval.ci95
        within = f" [{ends[0]:.2f}, {ends[1]:.2f}]" if ends else ""
        name = f"{timed_arm.arm} (serial)" if timed_arm.runtime == "serial" else str(timed_arm.arm)
        median = estimate_median(rates(each)).median
        table.add_row(name, f"{median:,.0f}", f"{speedup.median:.2f}{within}")
    return table
