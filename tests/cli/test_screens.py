"""What `splitrun compare` and `splitrun bench` show while they measure."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress

import pytest

from splitrun.cli.bench_progress import BenchProgress
from splitrun.cli.comparison_progress import ComparisonProgress
from splitrun.cli.console import Console
from splitrun.cli.output import Progress
from splitrun.cli.screens import LineScreen, StudyScreen, screen_for
from splitrun.study.arms import Arm
from splitrun.study.bench.grid import combined, parse_axis
from splitrun.study.bench.result import CellResult, Results
from splitrun.study.scoring import Scores
from splitrun.study.timing import TimedArm, Trial
from splitrun.study.training import Subject
from splitrun.study.watcher import Course
from tests.cli.study_frames import GOLDENS, NAMES, Clock, drawn
from tests.dashboard.runs import slow_run
from tests.dashboard.screen import Screen
from tests.runtime.running import prepared, synthetic
from tests.study.benches import HEADER, measured


def terminal(height: int = 24) -> tuple[StudyScreen, Callable[[], str]]:
    """A screen on a terminal, and what is to be seen there now."""
    output, screen = io.StringIO(), Screen(100)

    def shown() -> str:
        screen.feed(output.getvalue())
        output.seek(0)
        output.truncate()
        return screen.text()

    console = Console(file=output, force_terminal=True, width=100, height=height)
    return StudyScreen(console), shown


SEQUENTIAL, STALE = Arm("sequential"), Arm("stale", 4)


def course() -> Course:
    """Two arms, two seeds, a minute of timing."""
    experiment = prepared(synthetic())
    subject = Subject(experiment.parties)
    arms = [TimedArm(arm, "threaded", subject, experiment.plan) for arm in (SEQUENTIAL, STALE)]
    return Course(arms, "auroc", seeds=2, budget_s=60.0)


def trials(course: Course) -> dict[TimedArm, list[Trial]]:
    """Three rounds of a sequential arm and of one that is twice as fast."""
    rates = {SEQUENTIAL: [100.0, 101.0, 99.0], STALE: [200.0, 202.0, 198.0]}
    return {
        each: [Trial(rate, 1e5 / rate, 150.0) for rate in rates[each.arm]]
        for each in course.timed_arms
    }


def test_a_bench_s_table_is_there_from_the_beginning_and_makes_room_for_the_result() -> None:
    screen, shown = terminal()
    progress = BenchProgress(screen, [{"seed": "1"}, {"seed": "2"}], 10.0, Clock())
    one = measured([100.0, 101.0, 99.0])
    axes = combined([], [parse_axis("seed=1,2")])
    with screen:
        progress.begin(Results(HEADER, axes, {}, ()))
        progress.cell(1)
        text = shown()
        assert "cell 1 of 2: loading and warming up …" in text
        assert "10 s of trials a cell at most" in text
        assert [line.split() for line in text.splitlines()][3:5] == [["▸", "1"], ["2"]]
        progress.timing(one.trials[:2])
        assert "cell 1 of 2: trial 3 (not drawn), 100 samples/s so far" in shown()
        progress.done(Results(HEADER, axes, {}, (CellResult({"seed": "1"}, one),)))
        text = shown()
        assert "[1/2] seed=1: measured: 100 samples/s over 3 trials" in text
        assert "300.0 MiB" in text
        progress.cell(2)
        assert "cell 2 of 2" in shown()
    assert shown().strip() == ""


def test_of_a_grid_larger_than_the_screen_the_cells_around_the_current_one_are_shown() -> None:
    screen, shown = terminal(height=12)
    values = [{"seed": str(seed)} for seed in range(40)]
    progress = BenchProgress(screen, values, 10.0)
    axes = combined([], [parse_axis(f"seed={','.join(map(str, range(40)))}")])
    with screen:
        progress.begin(Results(HEADER, axes, {}, ()))
        progress.cell(21)
        lines = shown().splitlines()
    assert len(lines) <= 12
    assert any(line.split() == ["▸", "20"] for line in lines)


def test_a_comparison_s_table_has_every_arm_and_stays_where_an_error_ends_it() -> None:
    screen, shown = terminal()
    planned, scores = course(), Scores()
    progress = ComparisonProgress(screen, Clock())
    with suppress(KeyboardInterrupt), screen:
        progress.begin(planned)
        progress.training(SEQUENTIAL, planned.timed_arms[0].plan, 1)
        text = shown()
        assert "1 of 3: auroc, seed 1 of 2, sequential" in text
        assert "4 trainings, then some 60 s of timing" in text
        assert "stale:4" in text
        scores.values.append(0.9)
        progress.scored(SEQUENTIAL, scores)
        progress.training(STALE, planned.timed_arms[1].plan, 1)
        assert "0.9000" in shown()
        progress.timing(planned.timed_arms[1], 2, 5.0)
        assert "2 of 3: timing, round 3, stale:4 (not drawn)" in shown()
        progress.round(trials(planned), elapsed_s=7.0, budget_s=60.0)
        raise KeyboardInterrupt
    text = shown()
    assert "200" in text
    assert "2.00 [2.00, 2.00]" in text
    assert "2 of 3: timing, round 3 done, 7 of about 60 s" in text


def test_a_training_is_shown_below_the_table_and_a_timed_trial_is_not() -> None:
    screen, shown = terminal(height=40)
    planned = course()
    progress = ComparisonProgress(screen)
    with screen:
        progress.begin(planned)
        recorder = progress.training(STALE, planned.timed_arms[1].plan, 1)
        assert recorder is not None
        for sink in recorder.sinks:
            for event in slow_run("done"):
                sink(event)
        screen.draw()
        assert "step 6/6" in shown()
        progress.timing(planned.timed_arms[1], 0, 0.0)
        text = shown()
    assert "(not drawn)" in text
    assert "step 6/6" in text


def test_without_a_terminal_there_is_a_line_a_training_and_a_round(
    capsys: pytest.CaptureFixture[str],
) -> None:
    planned = course()
    for screen in (LineScreen(), screen_for(Progress.PLAIN), screen_for(Progress.NONE)):
        progress = ComparisonProgress(screen)
        progress.begin(planned)
        assert progress.training(STALE, planned.timed_arms[1].plan, 2) is None
        progress.warming_up()
        progress.timing(planned.timed_arms[0], 0, 0.0)
        progress.round(trials(planned), elapsed_s=7.0, budget_s=None)
        assert not progress.recording(planned.timed_arms[1], 1, 1)
    lines = capsys.readouterr().err.splitlines()
    assert lines == 2 * [
        "1 of 3: auroc, seed 2 of 2, stale:4; 4 trainings, then some 60 s of timing",
        "2 of 3: timing, warming up …; at most 01:04 to go",
        "2 of 3: timing, round 3 done, 7 s",
        "3 of 3: recording a trial of stale:4; about 00:02 to go",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_study_s_frame_is_as_it_was(name: str) -> None:
    expected = (GOLDENS / f"{name}.txt").read_text(encoding="utf-8")
    assert drawn(name) == expected, "wanted? then: python -m tests.cli.study_frames"


def test_every_golden_belongs_to_a_study() -> None:
    assert {path.stem for path in GOLDENS.iterdir()} == set(NAMES)
