"""The statistics of a run add up, with evaluations in the middle of it."""

from __future__ import annotations

import pytest

from splitrun.events import Evaluated, Event, Executed, RunStarted, StepDone
from splitrun.session.run_statistics import RunStatistics


def executed(op: str, start: float, end: float) -> Event:
    return Executed("p0.bottom", op, "train", 0, 0, start, end)


def test_what_roles_do_while_the_top_still_evaluates_is_not_counted_twice() -> None:
    """Steps end at 3 s and the drain at 4; an evaluation until 6, during which bottoms already run
    ahead; steps and drain until 9."""
    statistics = RunStatistics()
    events = [
        RunStarted("", "stale", 2, 2, 1, 20, ("a",), (), 1.0),
        StepDone(0, 0, 10, 0.5, 3.0),
        executed("DRAIN", 4.0, 4.0),
        executed("FORWARD", 4.1, 5.9),
        Evaluated(1, 1, 5, {"loss": 0.4}, 4.5, 6.0),
        StepDone(1, 1, 10, 0.4, 8.0),
        executed("DRAIN", 9.0, 9.0),
    ]
    for event in events:
        statistics(event)
    assert statistics.train_s == pytest.approx(3.0 + 3.0)
    assert statistics.evaluation_s == pytest.approx(2.0)
    assert (statistics.steps, statistics.samples) == (2, 20)
