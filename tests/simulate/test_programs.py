"""Simulations at other costs share their programs, and are the same to the last bit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitrun.plan import Plan
from splitrun.simulate import Costs, simulate, simulate_serial, with_depth, with_micro_batches
from splitrun.simulate.programs import programs_of
from tests.plan.plans import make_plan
from tests.simulate.timing import few, ms, timed_plans, uniform_costs


@few
@given(timed_plans(rows=st.integers(60, 200)))
def test_a_program_that_is_known_is_simulated_as_one_that_is_made(
    timed: tuple[Plan, Costs],
) -> None:
    plan, costs = timed
    segment = replace(next(plan.segments()), evaluation_batches=0)
    programs = programs_of(plan, segment)
    for each in (costs, replace(costs, wakeup_latency_s=1e-4)):
        for simulated in (simulate, simulate_serial):
            again = simulated(plan, each, segment, programs)
            assert again == simulated(plan, each)
            assert again.timeline == simulated(plan, each).timeline


@pytest.mark.parametrize(
    ("cores", "depth", "slices", "seconds"),
    [
        (0.7, 1, 1, "0x1.24e8a39798c47p-3"),
        (1.3, 4, 1, "0x1.6f613383dc151p-4"),
        (0.9, 4, 1, "0x1.028d0f7c5a666p-3"),
        (2.0, 1, 3, "0x1.236e2eb1c4330p-3"),
    ],
)
def test_the_arithmetic_of_a_simulation_is_pinned_to_the_last_bit(
    cores: float, depth: int, slices: int, seconds: str
) -> None:
    plan = make_plan()
    plan = with_micro_batches(plan, slices) if slices > 1 else with_depth(plan, depth)
    costs = replace(uniform_costs(plan, cores, forward=ms(0.7, 0.013)), wakeup_latency_s=7e-5)
    assert simulate(plan, costs).makespan_s == float.fromhex(seconds)
