"""What `splitrun compare` prints of the arms of an experiment, or of two runs made before."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from splitrun.cli.output import echo_json
from splitrun.cli.streams import deliver
from splitrun.errors import GateFailed, UsageError
from splitrun.units import SCREEN

if TYPE_CHECKING:
    from rich.table import Table

    from splitrun.study.comparison import ArmResult, Comparison
    from splitrun.study.runs import Changes, PastRun, RunComparison


_NO_TERMINAL = 100
"""Columns of the table where no screen has another number of them."""
_GAP = 2
"""Between two columns of the table."""
_LEFT_OUT_FIRST = ("predicted", "of bound")
"""Where the screen is narrow; the report has them all."""


def show_comparison(comparison: Comparison) -> None:
    """Print a comparison for a person."""
    from splitrun.cli.console import Console

    console = Console() if sys.stdout.isatty() else Console(width=_NO_TERMINAL)
    figures = ("samples/s", "predicted", "of bound", "speedup", f"Δ {comparison.metric}")
    console.print(
        fitted(console.width, figures, [_row(result, comparison) for result in comparison.arms])
    )
    baseline = next(result for result in comparison.arms if result.arm.is_baseline)
    pipelined = next(each.runtime for each in comparison.arms if not each.arm.is_baseline)
    other = pipelined if baseline.runtime == "serial" else "serial"
    on = " on the validation rows" if comparison.decided_on == "validation" else ""
    lines = (
        f"{SCREEN.plural(baseline.samples_per_s.count, 'round')}; "
        f"sequential is on the {baseline.runtime} runtime, "
        f"{comparison.baseline_gain:.2f}× the {other} one; [] and ± are 95 % intervals",
        f"{comparison.metric}: {baseline.metric.mean:.4f} sequentially{on}; "
        f"seeds: {baseline.metric.count}; margin: {baseline.comparison.margin:g}",
        f"advice: {comparison.choice.recommended}; {comparison.advice}",
    )
    console.print()
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)


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


def _row(result: ArmResult, comparison: Comparison) -> tuple[str, ...]:
    unproven = result.arm in comparison.choice.faster_unproven
    if result.arm.is_baseline:
        speedup, difference = "1", "0"
    else:
        gain, change = result.speedup, result.comparison.difference
        ends, within = gain.interval.ci95, change.interval.ci95
        speedup = f"{gain.median:.2f}" + (f" [{ends[0]:.2f}, {ends[1]:.2f}]" if ends else "")
        difference = f"{change.mean:+.4f}" + (f" ±{within[1] - change.mean:.4f}" if within else "")
    return (
        str(result.arm),
        SCREEN.whole(result.samples_per_s.median),
        SCREEN.whole(result.predicted_samples_per_s),
        f"{result.fraction_of_bound * 100:.0f} %",
        speedup,
        difference,
        str(result.comparison.verdict) + ("; faster, unproven" if unproven else ""),
    )


_IDENTICAL = "identical"


def show_runs(
    first: Path,
    others: Sequence[str],
    asserted: str | None,
    given: Sequence[str],
    *,
    json_output: bool,
) -> None:
    """Print how the second run differs from the first.

    Args:
        asserted: `identical` fails unless the weights are.
        given: options that were given and mean nothing here.

    Raises:
        UsageError: there is not exactly one other, one of them is no run with a result, or an
            option cannot be answered by one run each.
        GateFailed: the weights differ, and were asserted not to.
    """
    if len(others) != 1:
        raise UsageError(f"{first} is a directory; compare it with one other run directory")
    if asserted not in (None, _IDENTICAL):
        given = [*given, f"--assert {asserted}"]
    if given:
        what = f"{given[0]}: two runs that are over cannot answer that; compare a spec instead"
        raise UsageError(f"{what}, or use --assert identical")
    from splitrun.study.runs import compare_runs

    comparison = compare_runs(first, Path(others[0]))

    def show() -> None:
        if json_output:
            echo_json(comparison.to_json())
        else:
            _show(comparison)

    def judge() -> None:
        if asserted == _IDENTICAL and not comparison.identical:
            raise GateFailed("the two runs end with different weights")

    deliver(show, None, judge)


def _show(comparison: RunComparison) -> None:
    from rich import box
    from rich.table import Column, Table

    from splitrun.cli.console import Console

    first, second = comparison.first, comparison.second
    table = Table(
        Column("", no_wrap=True),
        *(Column(name, justify="right", no_wrap=True) for name in ("first", "second", "")),
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
    )
    table.add_row("schedule", _schedule(first), _schedule(second), "")
    table.add_row("steps", f"{first.result.steps:,}", f"{second.result.steps:,}", "")
    rates = (SCREEN.whole(run.result.samples_per_s) for run in (first, second))
    table.add_row("samples/s", *rates, SCREEN.factor(comparison.speedup))
    table.add_row("training time", *(f"{run.result.wall_s:.2f} s" for run in (first, second)), "")
    for name, difference in comparison.differences.items():
        values = (SCREEN.value(run.on(comparison.rows)[name]) for run in (first, second))
        label = f"validation {name}" if comparison.rows == "validation" else name
        table.add_row(label, *values, f"{difference:+.4f}")
    console = Console(soft_wrap=True)
    console.print(table)
    console.print()
    same = "the same weights, bit for bit" if comparison.identical else "different weights"
    lines = [f"first: {first.result.run_dir}", f"second: {second.result.run_dir}"]
    lines.append(f"they end with {same}")
    lines += _changed("the spec", comparison.spec) + _changed("machine", comparison.environment)
    lines.append("one run each has no interval; `splitrun compare SPEC` measures one")
    for line in lines:
        console.print(line, highlight=False)


def _schedule(run: PastRun) -> str:
    depth = f", depth {run.result.depth}" if run.result.depth > 1 else ""
    status = f" ({run.status})" if run.status != "done" else ""
    return f"{run.result.schedule}{depth}{status}"


def _changed(what: str, changes: Changes) -> list[str]:
    if not changes:
        return [f"no difference in {what}"]
    return [f"{what}: {key}: {one} → {other}" for key, (one, other) in changes.items()]
