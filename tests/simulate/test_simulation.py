"""What a simulation tells."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitrun.events import AnyEvent, Executed, RunEnded, RunStarted, Sent
from splitrun.plan import Op, Plan, Segment
from splitrun.simulate import Costs, events, simulate
from splitrun.simulate.simulation import steady_period_s
from splitrun.telemetry import shares
from tests.plan.plans import make_plan
from tests.simulate.timing import few, ms, timed_plans, uniform_costs


def test_a_sequential_step_is_the_sum_of_its_parts() -> None:
    plan = make_plan(rows=100, links={"default": {"latency_ms": 10}})
    costs = uniform_costs(plan, forward=ms(2), backward=ms(3), update=ms(1), loss=ms(4))
    simulation = simulate(plan, costs)
    assert simulation.period_s == pytest.approx(0.030)
    assert simulation.makespan_s == pytest.approx(0.300)
    assert simulation.samples_per_s == pytest.approx(100 / 0.3)


def test_shares_tell_who_worked_and_who_waited() -> None:
    plan = make_plan(rows=100, links={"default": {"latency_ms": 10}})
    costs = uniform_costs(plan, forward=ms(2), backward=ms(3), update=ms(1), loss=ms(4))
    found = shares(events(simulate(plan, costs)))
    assert found["p1.bottom"].busy == pytest.approx(6 / 30)
    assert found["p1.bottom"].receive == pytest.approx(24 / 30)
    assert found["p0.top"].busy == pytest.approx(5 / 30)
    assert found["p0.top"].bubble == pytest.approx(25 / 30)


@few
@given(timed_plans(rows=st.integers(60, 300), cores=st.sampled_from([0.9, 1.5, 4.0])))
def test_shares_add_up_to_one_and_none_is_negative(timed: tuple[Plan, Costs]) -> None:
    for share in shares(events(simulate(*timed))).values():
        parts = (share.busy, share.receive, share.send, share.idle)
        assert sum(parts) == pytest.approx(1)
        assert min(parts) >= -1e-9
        assert share.bubble == pytest.approx(1 - share.busy)


def test_every_row_crosses_twice() -> None:
    plan = make_plan(rows=95, epochs=2)
    simulation = simulate(plan, uniform_costs(plan))
    for transits in simulation.transits.values():
        assert sum(transit.bytes for transit in transits) == 2 * 95 * 12
    assert simulation.samples == 190


@few
@given(timed_plans(rows=st.integers(60, 200), jitter=st.integers(0, 9)))
def test_events_are_those_of_a_run_in_the_order_of_time(timed: tuple[Plan, Costs]) -> None:
    plan, costs = timed
    simulation = simulate(plan, costs)
    emitted = list(events(simulation))
    assert isinstance(emitted[0], RunStarted)
    assert isinstance(emitted[-1], RunEnded)
    executed = [event for event in emitted if isinstance(event, Executed)]
    sent = [event for event in emitted if isinstance(event, Sent)]
    assert len(executed) + len(sent) + 2 == len(emitted)
    assert [event.end for event in executed] == sorted(event.end for event in executed)
    assert [event.start for event in sent] == sorted(event.start for event in sent)
    assert len(sent) == sum(event.op == Op.SEND for event in executed)
    for role in plan.roles:
        done = [(event.op, event.step) for event in executed if event.role == role.name]
        assert done == [(i.op, i.step) for i in plan.segment_program(role, simulation.segment)]
    decoder = msgspec.json.Decoder(AnyEvent)
    assert [decoder.decode(msgspec.json.encode(event)) for event in emitted] == emitted


def test_a_segment_without_steps_takes_no_time() -> None:
    plan = make_plan()
    simulation = simulate(plan, uniform_costs(plan), Segment(0, 0))
    assert (simulation.makespan_s, simulation.samples) == (0, 0)
    assert shares(events(simulation))["p0.top"].bubble == 1


@given(st.lists(st.integers(1, 50), min_size=1, max_size=7), st.integers(4, 20))
def test_the_period_of_bursts_is_exact(gaps: list[int], rounds: int) -> None:
    """Steps that come in any rhythm, repeated often enough for two rounds to be in the middle."""
    ends = [0.0]
    for gap in gaps * rounds * 2:
        ends.append(ends[-1] + gap)
    assert steady_period_s(ends) == pytest.approx(sum(gaps) / len(gaps), rel=1e-12)


def test_a_period_needs_two_steps() -> None:
    with pytest.raises(ValueError, match="at least two"):
        steady_period_s([1.0])
    assert steady_period_s([1.0, 3.0]) == 2
