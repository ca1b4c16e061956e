"""What `splitrun compare` prints of the arms of an experiment, or of runs made before."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from splitrun.cli.output import echo, echo_json
from splitrun.cli.streams import deliver
from splitrun.errors import GateFailed, UsageError
from splitrun.files import is_regular
from splitrun.units import SCREEN

if TYPE_CHECKING:
    from rich.table import Table

    from splitrun.records.comparison import ArmRecord, ComparisonRecord
    from splitrun.study.runs import Changes, PastRun, RunComparison


_NO_TERMINAL = 100
"""Columns of the table where no screen has another number of them."""
_NO_CUT = 10_000
"""Columns where there is a column for each run, and no screen."""
_GAP = 2
"""Between two columns of the table."""
_LEFT_OUT_FIRST = ("predicted", "of bound")
"""Where the screen is narrow; the report has them all."""


def show_comparison(comparison: ComparisonRecord) -> None:
    """Print a comparison for a person."""
    from splitrun.cli.console import Console

    console = Console() if sys.stdout.isatty() else Console(width=_NO_TERMINAL)
    figures = ("samples/s", "predicted", "of bound", "speedup", f"Δ {comparison.metric}")
    rows = [_row(arm, comparison) for arm in comparison.arms]
    console.print(fitted(console.width, figures, rows))
    console.print()
    for line in _said(comparison):
        console.say(line)


def _said(comparison: ComparisonRecord) -> list[str]:
    """What is to be said below the table; of the baseline, if it took part."""
    lines = []
    baseline, found = comparison.sequential, comparison.baseline
    if baseline is not None:
        runtimes = (arm.runtime for arm in comparison.arms if not arm.sequential)
        other = next(runtimes, "serial") if baseline.runtime == "serial" else "serial"
        gain = SCREEN.factor(found.gain if found else None)
        lines.append(
            f"{SCREEN.plural(len(baseline.trials), 'round')}; "
            f"sequential is on the {baseline.runtime} runtime, "
            f"{gain} the {other} one; [] and ± are 95 % intervals"
        )
        on = " on the validation rows" if comparison.decided_on == "validation" else ""
        margin = comparison.settings.get("margin")
        within = f"; margin: {margin:g}" if isinstance(margin, int | float) else ""
        lines.append(
            f"{comparison.metric}: {SCREEN.value(baseline.metric.mean)} sequentially{on}; "
            f"seeds: {comparison.seeds}{within}"
        )
    chosen = comparison.chosen
    name = chosen.name if chosen else comparison.recommended.schedule
    lines.append(f"advice: {name}; {comparison.advice}")
    if comparison.foretold:
        lines.append(f"before measuring: {comparison.foretold}")
    return lines


def fitted(width: int, figures: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table for a screen of this width: verdicts wrap, and some figures are left out before any
    is cut.

    Args:
        figures: heads of the columns between the arm and its verdict.
        rows: cells, with arm and verdict.
    """
    from rich import box
    from rich.table import Column, Table

    columns = dict(zip(("arm", *figures, "verdict"), zip(*rows, strict=True), strict=True))
    for name in _LEFT_OUT_FIRST:
        if _least_width(columns) > width:
            del columns[name]
    arm, *kept, verdict = columns
    table = Table(
        Column(arm, no_wrap=True),
        *(Column(name, justify="right", no_wrap=True) for name in kept),
        Column(verdict),
        box=box.SIMPLE_HEAD,
        collapse_padding=True,
        pad_edge=False,
        show_edge=False,
    )
    for row in zip(*columns.values(), strict=True):
        table.add_row(*row)
    return table


def _least_width(columns: Mapping[str, Sequence[str]]) -> int:
    """At which no cell is cut, and no word of a verdict."""
    *figures, verdict = ((name, *cells) for name, cells in columns.items())
    words = " ".join(verdict).split()
    widths = [max(map(len, cells)) for cells in (*figures, words)]
    return sum(widths) + _GAP * (len(widths) - 1)


def _row(arm: ArmRecord, comparison: ComparisonRecord) -> tuple[str, ...]:
    unproven = arm.name in comparison.faster_unproven
    if arm.sequential:
        speedup, difference = "1", "0"
    else:
        gain, change = arm.speedup, arm.metric.difference
        speedup = SCREEN.unknown if gain.median is None else f"{gain.median:.2f}"
        speedup += f" [{gain.ci95[0]:.2f}, {gain.ci95[1]:.2f}]" if gain.ci95 else ""
        difference = SCREEN.unknown if change.mean is None else f"{change.mean:+.4f}"
        if change.mean is not None and change.ci95:
            difference += f" ±{change.ci95[1] - change.mean:.4f}"
    bound = arm.fraction_of_bound
    return (
        arm.name,
        SCREEN.whole(arm.samples_per_s.median),
        SCREEN.whole(arm.predicted_samples_per_s),
        SCREEN.unknown if bound is None else f"{bound * 100:.0f} %",
        speedup,
        difference,
        arm.verdict + ("; faster, unproven" if unproven else ""),
    )


def show_finished(directory: Path, given: Sequence[str], *, json_output: bool) -> bool:
    """Print a comparison that is over as it was printed at its end; whether there is one.

    Args:
        given: options that were given and mean nothing here.

    Raises:
        UsageError: an option was given.
        RunDirectoryError: its file is damaged, or it did not come to its end.
    """
    from splitrun.records.comparison import finished_comparison

    comparison = finished_comparison(directory)
    if comparison is None:
        return False
    if given:
        what = f"{given[0]}: a comparison that is over cannot answer that"
        raise UsageError(f"{what}; compare the spec again, or leave it out")
    page = directory / "report.html"

    def show() -> None:
        if json_output:
            echo_json(comparison.to_json())
            return
        show_comparison(comparison)
        if is_regular(page):
            echo(f"report: {page}")

    deliver(show, None, lambda: None)
    return True


_IDENTICAL = "identical"


def show_runs(
    first: Path,
    others: Sequence[Path],
    asserted: str | None,
    given: Sequence[str],
    *,
    json_output: bool,
) -> None:
    """Print how runs differ from the first of them.

    Args:
        asserted: `identical` fails unless the weights are.
        given: options that were given and mean nothing here.

    Raises:
        UsageError: there is no other, one of them is no run with a result, or an option cannot be
            answered by one run each.
        GateFailed: the weights differ, and were asserted not to.
    """
    if not others:
        remedy = "compare it with one other run directory, or more"
        raise UsageError(f"{first} is a directory; {remedy}")
    if asserted not in (None, _IDENTICAL):
        given = [*given, f"--assert {asserted}"]
    number = "two" if len(others) == 1 else str(1 + len(others))
    if given:
        what = f"{given[0]}: {number} runs that are over cannot answer that; compare a spec instead"
        raise UsageError(f"{what}, or use --assert identical")
    from splitrun.study.runs import compare_runs

    comparison = compare_runs(first, *others)

    def show() -> None:
        if json_output:
            echo_json(comparison.to_json())
        else:
            _show(comparison)

    def judge() -> None:
        if asserted == _IDENTICAL and not comparison.identical:
            raise GateFailed(f"the {number} runs end with different weights")

    deliver(show, None, judge)


def _show(comparison: RunComparison) -> None:
    """A column for each run, numbered; below them which they are, and where they differ."""
    from rich import box
    from rich.table import Column, Table

    from splitrun.cli.console import Console

    runs, metrics = comparison.runs, comparison.metrics
    table = Table(
        Column("", no_wrap=True),
        *(Column(str(number), justify="right", no_wrap=True) for number, _ in enumerate(runs, 1)),
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
    )
    table.add_row("schedule", *map(_schedule, runs))
    table.add_row("steps", *(f"{run.result.steps:,}" for run in runs))
    table.add_row("samples/s", *(SCREEN.whole(run.result.samples_per_s) for run in runs))
    table.add_row("  over the first", "", *map(SCREEN.factor, comparison.speedups[1:]))
    table.add_row("training time", *(SCREEN.duration(run.result.wall_s) for run in runs))
    for name in metrics[0]:
        label = f"validation {name}" if comparison.rows == "validation" else name
        table.add_row(label, *(SCREEN.value(each[name]) for each in metrics))
        changes = (SCREEN.change(each[name]) for each in comparison.differences[1:])
        table.add_row("  less the first", "", *changes)
    console = Console() if sys.stdout.isatty() else Console(width=_NO_CUT)
    console.print(table)
    console.print()
    same = "the same weights, bit for bit" if comparison.identical else "different weights"
    lines = [f"{number}: {run.result.run_dir}" for number, run in enumerate(runs, start=1)]
    lines.append(f"they end with {same}")
    lines += _changed("the spec", comparison.spec) + _changed("machine", comparison.environment)
    for line in (*lines, *comparison.caveats):
        console.say(line)


def _schedule(run: PastRun) -> str:
    depth = f", depth {run.result.depth}" if run.result.depth > 1 else ""
    status = f" ({run.status})" if run.status != "done" else ""
    return f"{run.result.schedule}{depth}{status}"


def _changed(what: str, changes: Changes) -> list[str]:
    if not changes:
        return [f"no difference in {what}"]
    return [f"{what}: {key}: {' → '.join(map(str, each))}" for key, each in changes.items()]
