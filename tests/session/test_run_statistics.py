"""The statistics of a run add up, with evaluations in the middle of it, whatever order roles are
heard in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitrun.events import Evaluated, Event, Executed, RunStarted, StepDone
from splitrun.session.run_statistics import RunStatistics, run_started
from tests.runtime.running import prepared, synthetic, trained


def executed(op: str, start: float, end: float, role: str = "p0.bottom") -> Event:
    phase = "evaluate" if op == "PREDICT" else "train"
    return Executed(role, op, phase, 0, 0, start, end)  # type: ignore[arg-type]


def test_what_roles_do_while_the_top_still_evaluates_is_not_counted_twice() -> None:
    """Steps end at 3 s and the drain at 4; an evaluation until 6, during which bottoms already run
    ahead; steps and drain until 9."""
    statistics = RunStatistics()
    events = [
        RunStarted("", "stale", 2, 2, 1, 20, ("p0.bottom", "p0.top"), (), 1.0),
        StepDone(0, 0, 10, 0.5, 3.0),
        executed("DRAIN", 4.0, 4.0),
        executed("PREDICT", 4.0, 4.1),
        executed("FORWARD", 4.1, 5.9),
        executed("PREDICT", 4.5, 5.0, "p0.top"),
        Evaluated(1, 1, 5, {"loss": 0.4}, 4.5, 6.0),
        StepDone(1, 1, 10, 0.4, 8.0),
        executed("DRAIN", 9.0, 9.0),
    ]
    for event in events:
        statistics(event)
    assert statistics.train_s == pytest.approx(3.0 + 3.0)
    assert statistics.evaluation_s == pytest.approx(2.0)
    assert (statistics.steps, statistics.samples) == (2, 20)


@cache
def run() -> tuple[RunStarted, Mapping[str, Sequence[Event]]]:
    """A run with evaluations and checkpoints: its beginning, and what each role tells, in order."""
    content = synthetic(
        parties=3,
        rows=300,
        pipeline={"schedule": "stale", "depth": 2},
        training={"epochs": 3, "evaluate_every_epochs": 1},
        checkpoint={"every_steps": 3},
    )
    experiment = prepared(content)
    start = run_started(experiment.plan)
    told: dict[str, list[Event]] = {role.name: [] for role in experiment.plan.roles}
    for event in trained(experiment, "threaded").events:
        # What is about no role is about the whole, and the top tells of that.
        told[getattr(event, "role", experiment.plan.top.name)].append(event)
    return start, told


def entered(order: Sequence[str]) -> tuple[dict[str, Any], list[tuple[str, int, Any]]]:
    """What the statistics say in the end, and what a checkpoint has of each role; roles are heard
    in this order, an event at a time."""
    start, told = run()
    statistics, streams = RunStatistics(), {role: iter(events) for role, events in told.items()}
    statistics(start)
    snapshots: list[tuple[str, int, Any]] = []
    for role in order:
        event = next(streams[role])
        statistics(event)
        if isinstance(event, Executed) and event.op == "CHECKPOINT":
            snapshots.append((role, event.step, statistics.state(role)))
    figures = ("steps", "samples", "train_s", "evaluation_s", "last_loss", "metrics", "history")
    said = {name: getattr(statistics, name) for name in figures}
    late = {
        role: (each.updates, each.total, each.max) for role, each in statistics.staleness.items()
    }
    return {**said, "staleness": late}, sorted(snapshots, key=lambda each: each[:2])


def one_after_the_other() -> list[str]:
    return [role for role, events in run()[1].items() for _ in events]


@given(st.data())
def test_any_interleaving_of_the_roles_events_comes_to_the_same(data: st.DataObject) -> None:
    order = data.draw(st.randoms(use_true_random=False))
    mixed = one_after_the_other()
    order.shuffle(mixed)
    assert entered(mixed) == entered(one_after_the_other())


def test_a_resumed_run_goes_on_with_what_every_role_had_at_its_own_checkpoint() -> None:
    whole, snapshots = entered(one_after_the_other())
    last = max(step for _, step, _ in snapshots)
    resumed = RunStatistics.of({role: state for role, step, state in snapshots if step == last})
    assert resumed.steps == last
    assert resumed.train_s <= whole["train_s"]
    before = resumed.train_s, resumed.evaluation_s
    start, _ = run()
    resumed(start)  # the next attempt's clock
    assert (resumed.train_s, resumed.evaluation_s) == before
    assert resumed.history == whole["history"][: len(resumed.history)]
