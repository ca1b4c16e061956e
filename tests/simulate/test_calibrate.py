"""What is fitted to periods is what made them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from splitrun.simulate import Timed, calibrate, simulate, with_depth
from tests.plan.plans import make_plan
from tests.simulate.timing import uniform_costs


@pytest.mark.parametrize("cores", [0.7, 1.0, 1.6])
@pytest.mark.parametrize("handover_s", [0.0, 50e-6, 800e-6])
def test_cores_and_handover_are_found_again(cores: float, handover_s: float) -> None:
    plan = make_plan(rows=300, parties=3)
    costs = uniform_costs(plan)
    truth = replace(costs, effective_cores=cores, handover_s=handover_s)
    sequential, pipelined = (
        Timed(each, simulate(each, truth).period_s) for each in (plan, with_depth(plan, 4))
    )
    found = calibrate(costs, sequential, pipelined, cores=2)
    assert found.effective_cores == pytest.approx(cores, rel=0.02)
    assert found.handover_s == pytest.approx(handover_s, abs=10e-6)


def test_there_are_no_more_effective_cores_than_cores_and_no_negative_handover() -> None:
    plan = make_plan(rows=300)
    found = calibrate(uniform_costs(plan), Timed(plan, 0.0), Timed(plan, 0.0), cores=2)
    assert (found.effective_cores, found.handover_s) == (2, 0)


def test_what_cannot_be_pipelined_gets_the_machine_s_cores() -> None:
    plan = make_plan(rows=300)
    costs = uniform_costs(plan)
    found = calibrate(costs, Timed(plan, simulate(plan, costs).period_s), None, cores=2)
    assert found.effective_cores == 2
