"""What `splitrun compare` and `splitrun bench` show while they measure."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress

import pytest

from splitrun.cli.console import Console
from splitrun.cli.output import Progress
from splitrun.cli.screens import (
    BenchProgress,
    ComparisonProgress,
    LineScreen,
    TableScreen,
    screen_for,
)
from splitrun.study.arms import Arm
from splitrun.study.bench.grid import combined, parse_axis
from splitrun.study.bench.result import CellResult, Results
from splitrun.study.timing import TimedArm, Trial
from splitrun.study.training import Subject
from tests.dashboard.screen import Screen
from tests.runtime.running import prepared, synthetic
from tests.study.benches import HEADER, measured


def terminal() -> tuple[TableScreen, Callable[[], str]]:
    """A screen on a terminal, and what is to be seen there now."""
    output, screen = io.StringIO(), Screen(100)

    def shown() -> str:
        screen.feed(output.getvalue())
        output.seek(0)
        output.truncate()
        return screen.text()

    return TableScreen(Console(file=output, force_terminal=True, width=100)), shown


def trials() -> dict[TimedArm, list[Trial]]:
    """Three rounds of a sequential arm and of one that is twice as fast."""
    experiment = prepared(synthetic())
    subject = Subject(experiment.parties)
    rates = {"sequential": [100.0, 101.0, 99.0], "stale": [200.0, 202.0, 198.0]}
    arms = {"sequential": Arm("sequential"), "stale": Arm("stale", 4)}
    return {
        TimedArm(arms[name], "threaded", subject, experiment.plan): [
            Trial(rate, 1e5 / rate, 150.0) for rate in each
        ]
        for name, each in rates.items()
    }


def test_a_bench_s_table_grows_on_a_terminal_and_makes_room_for_the_result() -> None:
    screen, shown = terminal()
    progress = BenchProgress(screen, 2)
    one = measured([100.0, 101.0, 99.0])
    axes = combined([], [parse_axis("seed=1,2")])
    with screen:
        progress.trial(one.trials[:2])
        assert "cell 1 of 2, trial 2: 100 samples/s" in shown()
        progress.cell(Results(HEADER, axes, {}, (CellResult({"seed": "1"}, one),)))
        assert "[1/2] seed=1: measured: 100 samples/s over 3 trials" in shown()
        assert "300.0 MiB" in shown()
        progress.trial(one.trials)
        assert "cell 2 of 2, trial 3" in shown()
    assert shown().strip() == ""


def test_a_comparison_s_table_has_every_arm_s_median_and_stays_where_an_error_ends_it() -> None:
    screen, shown = terminal()
    with suppress(KeyboardInterrupt), screen:
        ComparisonProgress(screen).round(trials(), elapsed_s=7.0, budget_s=60.0)
        raise KeyboardInterrupt
    text = shown()
    assert "stale:4" in text
    assert "200" in text
    assert "2.00 [2.00, 2.00]" in text
    assert "timing: round 3, 7 of at most 60 s" in text


def test_without_a_terminal_there_is_a_line_a_round(capsys: pytest.CaptureFixture[str]) -> None:
    for screen in (LineScreen(), screen_for(Progress.PLAIN), screen_for(Progress.NONE)):
        progress = ComparisonProgress(screen)
        progress.tell("warming up …")
        progress.round(trials(), elapsed_s=7.0, budget_s=None)
    assert capsys.readouterr().err.splitlines() == ["warming up …", "timing: round 3, 7 s"] * 2
