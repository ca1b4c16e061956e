"""What roles are said to do, against what they did."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from splitrun.dashboard.roles import CELL_S, Kind, RoleView
from splitrun.events import Executed
from splitrun.records.comparison import Shares
from splitrun.telemetry import shares
from tests.dashboard.simulated import folded, happened, planned


def executed(op: str, start: float, end: float, step: int = 0) -> Executed:
    return Executed("bob.bottom", op, "train", step, 0, start, end)


def known_mix(seconds: float) -> Iterator[Executed]:
    """A role that computes 20 % of the time, waits 30 % to receive and 10 % to send."""
    chance, at = random.Random(5), 0.0
    while at < seconds:
        cycle = chance.uniform(0.005, 0.02)
        for op, share in (("FORWARD", 0.15), ("SEND", 0.1), ("RECV", 0.3), ("UPDATE", 0.05)):
            yield executed(op, at, at + share * cycle)
            at += share * cycle
        at += 0.4 * cycle


def parts(found: Shares) -> tuple[float, float, float, float]:
    return found.busy, found.receive, found.send, found.idle


MIX = (0.2, 0.3, 0.1, 0.4)


def test_the_shares_of_the_last_seconds_are_true_within_three_points() -> None:
    role = RoleView("bob.bottom", 0.0)
    for event in known_mix(20):
        role.fold(event)
        if event.op == "UPDATE" and event.end > 6:
            assert parts(role.recent(event.end)) == pytest.approx(MIX, abs=0.03)
    assert parts(role.whole(20)) == pytest.approx(MIX, abs=0.005)


def test_a_change_is_seen_after_five_seconds() -> None:
    role = RoleView("bob.bottom", 0.0)
    role.fold(executed("FORWARD", 0, 10))
    for index in range(520):
        role.fold(executed("RECV", 10 + 0.01 * index, 10 + 0.01 * (index + 1)))
    assert parts(role.recent(15.2)) == pytest.approx((0, 1, 0, 0), abs=0.01)


@pytest.mark.parametrize(("schedule", "depth"), [("sequential", None), ("stale", 4)])
def test_over_a_whole_run_the_screen_says_what_the_recording_says(
    schedule: str, depth: int | None
) -> None:
    events = list(happened(planned(schedule, depth)))
    view = folded(events)
    for name, expected in shares(events).items():
        assert parts(view.roles[name].whole(view.told_s)) == pytest.approx(parts(expected))


def test_batches_in_flight_and_staleness_are_those_of_the_plan() -> None:
    events = list(happened(planned("stale", 4)))
    half = folded(events, until=2.0)
    bottom, top = half.roles["p1.bottom"], half.roles["p0.top"]
    assert bottom.in_flight in (3, 4)
    assert (bottom.staleness, top.staleness) == (3, 0)
    done = folded(events)
    assert [role.in_flight for role in done.roles.values()] == [0, 0, 0]
    assert [role.step for role in done.roles.values()] == [200, 200, 200]


@pytest.mark.parametrize("parties", [2, 5])
@pytest.mark.parametrize(
    ("schedule", "depth", "micro_batches"),
    [("sequential", None, None), ("stale", 4, None), ("microbatch", None, 3)],
)
def test_what_a_role_is_at_is_what_it_then_turns_out_to_have_done(
    schedule: str, depth: int | None, micro_batches: int | None, parties: int
) -> None:
    plan = planned(schedule, depth, micro_batches=micro_batches, parties=parties, steps=40)
    view, right, wrong = folded([]), 0, 0
    for event in happened(plan):
        if isinstance(event, Executed) and 10 < event.step < 30:
            if view.roles[event.role].doing == event.op:
                right += 1
            else:
                wrong += 1
        view.fold(event)
    assert right > 300
    assert wrong == 0


def test_until_it_ends_a_wait_is_drawn_as_one() -> None:
    role, cycle = RoleView("bob.bottom", 0.0), 0.2
    for step in range(4):
        start = cycle * step
        role.fold(executed("FORWARD", start, start + 0.1, step))
        role.fold(executed("RECV", start + 0.1, start + 0.2, step))
    role.fold(executed("FORWARD", 0.8, 0.9, 4))
    assert role.doing == "RECV"
    assert role.recent(1.5).receive == pytest.approx(1.0 / 1.5, abs=0.01)
    width = round(0.6 / CELL_S) - 1
    assert role.row(width, 1.5, running=True) == [Kind.RECEIVE] * width
    assert set(role.row(width, 1.5, running=False)) == {Kind.IDLE}
