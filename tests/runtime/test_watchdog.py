"""What the watchdog counts, and whom it blames."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import pytest

from splitrun.errors import Lost, Stalled
from splitrun.events import Event, Stuck, Waiting
from splitrun.plan import Deadline, Instruction, Op
from splitrun.runtime.status import RoleStatus
from splitrun.runtime.watchdog import Watchdog
from tests.runtime.running import prepared, synthetic


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@dataclass
class Role:
    """A role that is at what the test says."""

    clock: Clock
    status: RoleStatus

    def __call__(self) -> RoleStatus:
        return self.status

    def does(self, doing: Instruction | None, **changes: Any) -> None:
        """It begins an instruction now, or is at none."""
        since = self.clock() if doing is not None else -math.inf
        self.status = RoleStatus(self.status.role, doing, since, **changes)

    def sees(self, **changes: Any) -> None:
        """What it waits for changes."""
        self.status = replace(self.status, **changes)


def watched(
    clock: Clock, base_s: float = 1.0, *, given: bool = True
) -> tuple[Watchdog, Role, Role]:
    """A top that waits for a bottom, each in a thread of its own."""
    bottom, top = Role(clock, RoleStatus("b")), Role(clock, RoleStatus("t"))
    bottom.does(Instruction(Op.FORWARD, 3))
    top.does(Instruction(Op.RECV, 3, 0, "b"), waits_for="b")
    threads = {"t": ["t"], "b": ["b"]}
    return Watchdog([top, bottom], threads, Deadline(base_s, given), clock=clock), top, bottom


def pass_(clock: Clock, watch: Watchdog, seconds: float, every_s: float = 0.1) -> None:
    for _ in range(round(seconds / every_s)):
        clock.time += every_s
        watch.look()
        watch.tell()


def test_the_role_that_does_not_wait_is_blamed_with_those_that_do(clock: Clock) -> None:
    watch, _, _ = watched(clock)
    pass_(clock, watch, 0.9)
    assert watch.stalled() is None
    pass_(clock, watch, 0.5)
    error = watch.stalled()
    assert isinstance(error, Stalled)
    assert (error.role, error.instruction) == ("b", "FORWARD 3")
    assert "t waits at RECV 3 from b for 1.3 s" in str(error)
    assert watch.gives_up("b")


def test_who_waits_long_for_a_role_that_gets_on_is_patient(clock: Clock) -> None:
    watch, _, bottom = watched(clock)
    for step in range(20):
        bottom.does(Instruction(Op.FORWARD, step))
        pass_(clock, watch, 0.5)
        assert watch.stalled() is None


def test_a_link_is_blamed_only_for_what_is_under_way(clock: Clock) -> None:
    watch, top, bottom = watched(clock)
    top.sees(waits_for="", under_way=True)
    bottom.does(None)
    pass_(clock, watch, 1.5)
    error = watch.stalled()
    assert error is not None
    assert "b->t is silent" in str(error)
    top.sees(under_way=False)
    watch.look()
    error = watch.stalled()
    assert error is not None
    assert str(error).startswith("t failed at RECV 3 from b: it has not come back")


def test_a_link_is_given_its_own_time_however_long_the_role_behind_it_took(clock: Clock) -> None:
    watch, top, bottom = watched(clock)
    pass_(clock, watch, 0.8)
    top.sees(waits_for="", under_way=True)
    bottom.does(Instruction(Op.LOAD, 4))
    pass_(clock, watch, 0.9)
    assert watch.stalled() is None
    bottom.does(None)
    pass_(clock, watch, 0.4)
    error = watch.stalled()
    assert error is not None
    assert "b->t is silent: what was sent over it has not arrived for 1.2 s" in str(error)


def test_roles_that_wait_for_each_other_are_no_endless_chain(clock: Clock) -> None:
    watch, _, bottom = watched(clock)
    bottom.does(Instruction(Op.SEND, 3, 0, "t"), waits_for="t")
    pass_(clock, watch, 1.5)
    error = watch.stalled()
    assert error is not None
    assert "wait for each other" in str(error)


def test_who_waits_for_a_role_that_has_ended_is_told(clock: Clock) -> None:
    watch, _, bottom = watched(clock)
    bottom.does(None)
    pass_(clock, watch, 1.5)
    error = watch.stalled()
    assert error is not None
    assert str(error).startswith("t failed at RECV 3 from b: it waits for b, which has ended, for")


def test_of_two_roles_at_work_the_one_that_was_stuck_first_is_blamed(clock: Clock) -> None:
    """Forwards that draw random numbers share a lock: the second one may wait for the first."""
    watch, top, _ = watched(clock)
    top.does(None)
    pass_(clock, watch, 0.3)
    top.does(Instruction(Op.LOSS, 3))
    pass_(clock, watch, 1.5)
    error = watch.stalled()
    assert error is not None
    assert error.role == "b"
    assert "; t is at LOSS 3 for 1.4 s" in str(error)


def test_time_in_which_the_process_stood_still_does_not_count(clock: Clock) -> None:
    watch, _, _ = watched(clock, 2.0)
    pass_(clock, watch, 0.5)
    clock.time += 3600.0
    watch.look()
    assert watch.stalled() is None


def one_line(watch: Watchdog) -> list[Stuck]:
    """What the watchdog tells from now on."""
    events: list[Event] = []
    watch.emit = events.append
    return events  # type: ignore[return-value]


def test_what_is_stuck_is_told_of_long_before_its_deadline_then_every_second_and_when_it_is_over(
    clock: Clock,
) -> None:
    watch, top, bottom = watched(clock, 20.0)
    events = one_line(watch)
    pass_(clock, watch, 2.5)
    assert events == []
    pass_(clock, watch, 4.0)
    first = events[0]
    assert (first.role, first.at, first.cause) == ("b", "FORWARD 3", "role")
    assert first.for_s == pytest.approx(2.6, abs=0.11)
    assert first.for_s + first.left_s == pytest.approx(20)
    (wait,) = first.waits
    assert (wait.role, wait.peer) == ("t", "b")
    assert len(events) == 4
    for before, after in pairwise(events):
        assert 1 <= after.time - before.time < 1.25
    bottom.does(Instruction(Op.SEND, 3, 0, "t"), waits_for="t")
    top.does(Instruction(Op.LOSS, 3))
    pass_(clock, watch, 0.1)
    *_, over = events
    assert (over.role, over.at, over.over, over.waits) == ("b", "FORWARD 3", True, ())
    assert over.for_s == pytest.approx(6.4, abs=0.11)
    pass_(clock, watch, 2.0)
    assert events[-1] is over


def test_what_took_as_long_before_is_not_called_stuck(clock: Clock) -> None:
    watch, top, bottom = watched(clock, 20.0)
    events = one_line(watch)
    for step in range(3, 6):
        for lasting in (Instruction(Op.FORWARD, step), Instruction(Op.BACKWARD, step)):
            bottom.does(lasting)
            top.does(Instruction(Op.RECV, step, 0, "b"), waits_for="b")
            pass_(clock, watch, 2.3 + 0.3 * (step - 3))
    assert events == []
    pass_(clock, watch, 1.0)
    assert [event.at for event in events] == ["BACKWARD 5"]


def test_what_is_emulated_and_what_is_rare_is_given_its_time(clock: Clock) -> None:
    watch, _, bottom = watched(clock, 700.0)
    bottom.sees(due=600.0)
    events = one_line(watch)
    pass_(clock, watch, 600.0)
    assert events == []
    pass_(clock, watch, 1.0)
    assert [event.at for event in events] == ["FORWARD 3"]
    watch, _, bottom = watched(clock, 10.0, given=False)
    bottom.does(Instruction(Op.CHECKPOINT, 3))
    events = one_line(watch)
    pass_(clock, watch, 7.4)
    assert events == []
    pass_(clock, watch, 0.3)
    assert [(event.role, event.at) for event in events] == [("b", "CHECKPOINT 3")]


def test_a_link_is_silent_only_once_its_message_is_overdue(clock: Clock) -> None:
    watch, top, bottom = watched(clock, 700.0)
    top.sees(waits_for="", under_way=True, due=600.0)
    bottom.does(None)
    events = one_line(watch)
    pass_(clock, watch, 600.5)
    assert events == []
    pass_(clock, watch, 0.5)
    (event,) = events
    assert (event.role, event.peer, event.cause) == ("t", "b", "link")
    assert event.at == "RECV 3 from b"
    top.does(Instruction(Op.LOSS, 3))
    pass_(clock, watch, 0.1)
    assert events[-1].over


def test_roles_that_share_the_thread_of_the_culprit_are_at_nothing(clock: Clock) -> None:
    watch, top, _ = watched(clock, 10.0)
    top.does(None)
    events = one_line(watch)
    pass_(clock, watch, 1.5)
    (event,) = events
    assert (event.role, event.waits, event.idle) == ("b", (), ("t",))


def test_who_waits_for_what_gets_on_is_not_told_of(clock: Clock) -> None:
    watch, _, bottom = watched(clock, 10.0)
    events = one_line(watch)
    for step in range(40):
        bottom.does(Instruction(Op.FORWARD, step))
        pass_(clock, watch, 0.5)
    assert events == []


def test_what_is_stuck_for_ever_is_told_of_until_the_deadline_however_short(clock: Clock) -> None:
    watch, _, _ = watched(clock, 0.4)
    events = one_line(watch)
    pass_(clock, watch, 0.3, every_s=0.05)
    assert events == []
    pass_(clock, watch, 0.1, every_s=0.05)
    (event,) = events
    assert event.left_s == pytest.approx(0.05, abs=0.051)
    assert watch.stalled() is None
    assert event.waits == (Waiting("t", "b", event.for_s),)


def test_a_lost_thread_names_what_its_role_was_at(clock: Clock) -> None:
    watch, _, _ = watched(clock)
    watch.look()
    error = watch.lost("b")
    assert isinstance(error, Lost)
    assert (error.role, error.instruction) == ("b", "FORWARD 3")


def test_long_instructions_that_were_seen_to_end_lengthen_an_automatic_deadline(
    clock: Clock,
) -> None:
    watch, top, bottom = watched(clock, 1.0, given=False)
    pass_(clock, watch, 0.9)
    top.does(None)
    bottom.does(Instruction(Op.BACKWARD, 3))
    pass_(clock, watch, 4.0)
    assert watch.stalled() is None
    pass_(clock, watch, 1.0)
    assert watch.stalled() is not None


def test_a_given_deadline_holds_for_all_and_an_automatic_one_is_patient_with_the_rare() -> None:
    usual, rare = Instruction(Op.FORWARD, 7), Instruction(Op.EVALUATE, 7)
    assert Deadline(2.0, given=True).seconds(rare, 100.0) == 2.0
    resumed = Deadline(10.0, given=False, first_step=150)
    at_first, later = (Instruction(Op.FORWARD, step) for step in (150, 151))
    assert (resumed.seconds(at_first, 0.0), resumed.seconds(later, 0.0)) == (60.0, 10.0)
    automatic = Deadline(10.0, given=False)
    assert automatic.seconds(usual, 0.0) == 10.0
    assert automatic.seconds(usual, 4.0) == 20.0
    for patient in (rare, Instruction(Op.FORWARD, 0), Instruction(Op.LOAD, 7)):
        assert automatic.seconds(patient, 0.0) == 60.0


def test_an_automatic_deadline_knows_what_is_emulated() -> None:
    near = prepared(synthetic(pipeline={"schedule": "stale", "depth": 2})).plan
    assert Deadline.of(near) == Deadline(10.0, given=False)
    content = synthetic(
        pipeline={"schedule": "stale", "depth": 2}, links={"default": {"latency_ms": 1000}}
    )
    content["parties"]["p1"]["compute"] = {"forward_ms": 500}
    far = Deadline.of(prepared(content).plan)
    assert far.base_s == pytest.approx(10 * 2 * (1.0 + 1.0 + 0.5), rel=0.01)
