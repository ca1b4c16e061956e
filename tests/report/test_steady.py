from pathlib import Path

import pytest

from splitrun.events import Event
from splitrun.report.summary import RunSummary, period_s, summarise, window
from tests.report.recordings import CLOCK, LOOP_S, evaluated, record, started, steps, whole_run


def read(tmp_path: Path, *events: Event) -> RunSummary:
    recording = summarise(record(tmp_path, events))
    assert recording is not None
    return recording


@pytest.mark.parametrize("depth", [1, 4])
def test_a_window_is_away_from_fill_and_drain(tmp_path: Path, depth: int) -> None:
    recording = read(tmp_path, *whole_run(60, depth))
    steady = window(recording)
    assert steady is not None
    assert steady.first > depth
    assert steady.first + steady.steps < 60 - depth
    assert steady.steps == 2 * depth + 1


def test_windows_of_one_span_tell_how_much_faster_the_pipeline_is(tmp_path: Path) -> None:
    one = read(tmp_path / "one", *whole_run(60, 1))
    four = read(tmp_path / "four", *whole_run(60, 4))
    period = period_s(one)
    assert period == pytest.approx(LOOP_S)
    assert period_s(four) == pytest.approx(LOOP_S / 4)
    slow, fast = window(one, 2.2 * LOOP_S), window(four, 2.2 * LOOP_S)
    assert slow is not None
    assert fast is not None
    assert slow.end - slow.start == pytest.approx(fast.end - fast.start)
    assert (slow.steps, fast.steps) == (2, 8)


def test_no_evaluation_falls_into_a_window(tmp_path: Path) -> None:
    pause = CLOCK + 20 * LOOP_S
    after = list(steps(70, start=pause + 0.05))[8 * 20 :]  # those of steps that come later
    recording = read(tmp_path, started(steps=90), *steps(20), evaluated(20, pause), *after)
    steady = window(recording)
    assert steady is not None
    assert steady.start > pause + 0.05


def test_a_run_of_one_step_is_shown_whole(tmp_path: Path) -> None:
    steady = window(read(tmp_path, started(steps=1), *steps(1)))
    assert steady is not None
    assert steady.start == CLOCK
    assert steady.steps == 1


def test_a_run_without_steps_has_no_window(tmp_path: Path) -> None:
    assert window(read(tmp_path, started())) is None


def test_only_the_start_of_a_long_recording_is_kept_as_it_was(tmp_path: Path) -> None:
    short, long = (read(tmp_path / str(count), *whole_run(count, 4)) for count in (500, 5000))
    assert long.steps == 5000
    assert len(long.start.events) == len(short.start.events)
    assert len(long.start.step_ends) == len(short.start.step_ends) < 500
    assert window(long) == window(short)
