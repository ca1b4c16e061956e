"""The serial runtime on a virtual clock."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitrun.plan import Op, Plan
from splitrun.simulate import Costs, Span, simulate_in_turn
from splitrun.simulate.costs import step_work_s
from splitrun.spec import Compute
from tests.plan.plans import make_plan
from tests.simulate.timing import emulating, few, timed_plans, uniform_costs


@few
@given(timed_plans(rows=st.integers(60, 300), jitter=st.integers(0, 20)))
def test_every_role_runs_exactly_its_program_and_one_at_a_time(timed: tuple[Plan, Costs]) -> None:
    simulation = simulate_in_turn(*timed)
    spans: list[Span] = []
    for role in timed[0].roles:
        program = timed[0].segment_program(role, simulation.segment)
        timeline = simulation.timeline[role.name]
        assert [span[:4] for span in timeline] == [instruction[:4] for instruction in program]
        spans += timeline
    spans.sort(key=lambda span: (span.start, span.end))
    assert all(one.end <= other.start for one, other in itertools.pairwise(spans))


def test_without_links_it_takes_all_the_work() -> None:
    plan = make_plan(rows=100)
    costs = uniform_costs(plan, cores=64)
    work_s = sum(step_work_s(plan, costs, step) for step in range(plan.steps))
    assert simulate_in_turn(plan, costs).makespan_s == pytest.approx(work_s)


def test_nobody_uses_the_time_in_which_one_waits() -> None:
    """Forwards 2 + 2, up 5, loss 1, down 5; then both backwards and all updates: 6 + 3 ms."""
    plan = make_plan(rows=10, links={"default": {"latency_ms": 5}})
    assert simulate_in_turn(plan, uniform_costs(plan)).makespan_s == pytest.approx(24e-3)


def test_emulated_hardware_is_waited_for_one_role_after_the_other() -> None:
    slow = Compute(forward_ms=10)
    plan = emulating(make_plan(rows=10), {"p0.bottom": slow, "p1.bottom": slow})
    spans = simulate_in_turn(plan, uniform_costs(plan)).timeline["p1.bottom"]
    assert [span.end for span in spans if span.op is Op.FORWARD] == pytest.approx([20e-3])
