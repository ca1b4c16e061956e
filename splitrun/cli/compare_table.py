"""What `splitrun compare` prints: a row per arm, and in words what the rows rest on."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from splitrun.study.comparison import ArmResult, Comparison

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
    baseline = next(result for result in comparison.arms if result.arm.schedule == "sequential")
    other = "threaded" if baseline.runtime == "serial" else "serial"
    lines = (
        f"{baseline.samples_per_s.count} rounds; sequential is on the {baseline.runtime} runtime, "
        f"{comparison.baseline_gain:.2f}× the {other} one; [] and ± are 95 % intervals",
        f"{comparison.metric}: {baseline.metric.mean:.4f} sequentially; "
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
    if result.arm.schedule == "sequential":
        speedup, difference = "1", "0"
    else:
        gain, change = result.speedup, result.comparison.difference
        ends, within = gain.interval.ci95, change.interval.ci95
        speedup = f"{gain.median:.2f}" + (f" [{ends[0]:.2f}, {ends[1]:.2f}]" if ends else "")
        difference = f"{change.mean:+.4f}" + (f" ±{within[1] - change.mean:.4f}" if within else "")
    return (
        str(result.arm),
        f"{result.samples_per_s.median:,.0f}",
        f"{result.predicted_samples_per_s:,.0f}",
        f"{result.fraction_of_bound * 100:.0f} %",
        speedup,
        difference,
        str(result.comparison.verdict) + ("; faster, unproven" if unproven else ""),
    )
