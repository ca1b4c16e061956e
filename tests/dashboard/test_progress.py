"""What the view of a run says of throughput and of the time to go."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from splitrun.dashboard.progress import RunProgress
from splitrun.events import Event
from tests.dashboard.runs import CLOCK, ROWS, bursts, started, step


def folded(*events: Event) -> RunProgress:
    view = RunProgress()
    for event in events:
        view.fold(event)
    return view


def test_neither_throughput_nor_time_to_go_is_known_after_one_step() -> None:
    view = folded(started(10), step(0, 4.0))
    assert view.samples_per_s is None
    assert view.eta_s_at(CLOCK + 4) is None


def test_the_first_throughput_of_a_slow_run_is_that_of_a_step() -> None:
    view = folded(started(10), step(0, 4.0), step(1, 8.0))
    assert view.samples_per_s == pytest.approx(ROWS / 4)
    assert view.eta_s_at(CLOCK + 8) == pytest.approx(8 * 4)


def test_a_resumed_run_counts_what_was_done_and_measures_what_it_does() -> None:
    resumed = replace(started(10), first_step=6, first_sample=6 * ROWS)
    view = folded(resumed, step(6, 4.0), step(7, 8.0))
    assert (view.step, view.done_samples) == (8, 8 * ROWS)
    assert view.samples_per_s == view.average_samples_per_s == pytest.approx(ROWS / 4)
    assert view.eta_s_at(CLOCK + 8) == pytest.approx(2 * 4)


def test_steps_longer_than_the_window_still_have_a_throughput() -> None:
    view = folded(started(10), *(step(index, 30.0 * index) for index in range(4)))
    assert view.samples_per_s == pytest.approx(ROWS / 30)


def test_throughput_is_that_of_the_last_seconds() -> None:
    slow = [step(index, 1.0 * index) for index in range(10)]
    fast = [step(10 + index, 9 + 0.1 * (index + 1)) for index in range(60)]
    assert folded(started(100), *slow, *fast).samples_per_s == pytest.approx(ROWS / 0.1)


@pytest.mark.parametrize("done", range(5, 24))
def test_a_pipelines_bursts_do_not_pass_for_its_throughput(done: int) -> None:
    view = folded(started(100, depth=4), *bursts(6, 4, round_s=0.5)[:done])
    assert view.samples_per_s == pytest.approx(4 * ROWS / 0.5)


def test_a_pipelines_first_burst_tells_no_throughput() -> None:
    view = folded(started(100, depth=4), *bursts(1, 4, round_s=0.5))
    assert view.samples_per_s is None
