"""`splitrun compare RUN_A RUN_B`: how two runs differ that were made before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from splitrun.cli.output import echo_json
from splitrun.cli.streams import deliver
from splitrun.errors import GateFailed, UsageError

if TYPE_CHECKING:
    from splitrun.study.runs import Changes, PastRun, RunComparison

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
    rates = (f"{run.result.samples_per_s:,.0f}" for run in (first, second))
    table.add_row("samples/s", *rates, f"{comparison.speedup:.2f}×")
    table.add_row("training time", *(f"{run.result.wall_s:.2f} s" for run in (first, second)), "")
    for name, difference in comparison.differences.items():
        values = (f"{run.metrics[name]:.4f}" for run in (first, second))
        table.add_row(name, *values, f"{difference:+.4f}")
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
