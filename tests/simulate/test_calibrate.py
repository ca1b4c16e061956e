"""What is fitted to periods is what made them."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from splitrun.plan import LinkTiming
from splitrun.simulate import Costs, TimedPlan, calibrate, simulate, with_depth
from tests.plan.plans import make_plan
from tests.simulate.timing import uniform_costs


@pytest.mark.parametrize("cores", [0.7, 1.0, 1.6])
@pytest.mark.parametrize("wakeup_latency_s", [0.0, 50e-6, 800e-6])
def test_cores_and_handover_are_found_again(cores: float, wakeup_latency_s: float) -> None:
    plan = make_plan(rows=300, parties=3)
    costs = uniform_costs(plan)
    truth = replace(costs, effective_cores=cores, wakeup_latency_s=wakeup_latency_s)
    sequential, pipelined = (
        TimedPlan(each, simulate(each, truth).period_s) for each in (plan, with_depth(plan, 4))
    )
    found = calibrate(costs, sequential, pipelined, sequential, cores=2)
    assert found.effective_cores == pytest.approx(cores, rel=0.02)
    assert found.wakeup_latency_s == pytest.approx(wakeup_latency_s, abs=10e-6)


def test_there_are_no_more_effective_cores_than_cores_and_no_negative_handover() -> None:
    plan = make_plan(rows=300)
    nothing = TimedPlan(plan, 0.0)
    found = calibrate(uniform_costs(plan), nothing, nothing, nothing, cores=2)
    assert (found.effective_cores, found.wakeup_latency_s) == (2, 0)


def test_what_cannot_be_pipelined_gets_the_machine_s_cores() -> None:
    plan = make_plan(rows=300)
    costs = uniform_costs(plan)
    timed = TimedPlan(plan, simulate(plan, costs).period_s)
    assert calibrate(costs, timed, None, timed, cores=2).effective_cores == 2


@pytest.mark.parametrize("part", [0.0, 0.3, 1.0])
def test_of_cold_caches_counts_what_a_run_with_pauses_takes_longer(part: float) -> None:
    plan = make_plan(rows=300, parties=3)
    apart = replace(
        plan,
        channels=tuple(
            replace(each, timing=LinkTiming(8e-3, math.inf, 0.0, ())) for each in plan.channels
        ),
    )
    most, truth = (_with_cold(uniform_costs(plan), cold) for cold in (1e-3, part * 1e-3))
    timed = [TimedPlan(each, simulate(each, truth).period_s) for each in (plan, apart)]
    found = calibrate(most, timed[0], None, timed[1], truth.effective_cores)
    for role, costs in found.roles.items():
        for op, cost in costs.items():
            assert cost.cold_s == pytest.approx(truth.roles[role][op].cold_s, abs=1e-6)


def _with_cold(costs: Costs, cold_s: float) -> Costs:
    roles = {
        role: {op: replace(cost, cold_s=cold_s) for op, cost in of.items()}
        for role, of in costs.roles.items()
    }
    return replace(costs, roles=roles)
