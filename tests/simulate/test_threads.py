"""Where each party is a process, its roles take turns in one thread, unless they wait for what is
emulated."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings

from splitrun.plan import Op, Plan
from splitrun.simulate import Costs, Simulation, simulate, simulate_serial
from splitrun.spec import Compute
from tests.plan.plans import make_plan
from tests.simulate.timing import AMPLE, emulating, timed_plans, uniform_costs


def overlap(simulation: Simulation, party: str) -> bool:
    """Whether roles of a party are ever at work at once."""
    spans = sorted(
        (span.start, span.end)
        for role in simulation.plan.roles
        if role.party == party
        for span in simulation.timeline[role.name]
        if span.end > span.start
    )
    return any(later < end - 1e-12 for (_, end), (later, _) in pairwise(spans))


@pytest.mark.parametrize("depth", [1, 4])
def test_roles_of_a_party_take_turns_and_parties_do_not(depth: int) -> None:
    schedule = "stale" if depth > 1 else "sequential"
    plan = make_plan(schedule=schedule, depth=depth, rows=200, parties=3)
    costs = uniform_costs(plan, AMPLE)
    assert overlap(simulate(plan, costs), plan.top.party)
    apart = simulate(plan, costs.apart(3))
    assert not overlap(apart, plan.top.party)
    work_s = sum(
        span.end - span.start for each in apart.timeline.values() for span in each if not span.peer
    )
    assert work_s > apart.makespan_s


def test_roles_that_wait_for_what_is_emulated_have_threads_of_their_own() -> None:
    near = make_plan(schedule="stale", depth=4, rows=200)
    far = make_plan(schedule="stale", depth=4, rows=200, links={"default": {"latency_ms": 2}})
    slow = emulating(near, {near.top.name: Compute(loss_ms=3)})
    for plan in (far, slow):
        costs = uniform_costs(plan)
        assert overlap(simulate(plan, costs.apart(2)), plan.top.party)


@settings(max_examples=10)
@given(timed_plans())
def test_every_program_is_run_to_its_end_and_only_shared_threads_take_turns(
    timed: tuple[Plan, Costs],
) -> None:
    plan, costs = timed
    simulation = simulate(plan, costs.apart(len(plan.bottoms)))
    assert not (plan.shares_thread(plan.top.party) and overlap(simulation, plan.top.party))
    done = [len(each) for each in simulation.times.values()]
    assert done == [len(each) for each in simulate_serial(plan, costs).times.values()]


def test_grpc_costs_who_sends_and_who_receives_and_nothing_within_a_party() -> None:
    plan = make_plan(rows=100, parties=3)
    costs = uniform_costs(plan).apart(3)
    over = costs.over_grpc(plan)
    near, *far = (bottom.name for bottom in plan.bottoms)
    for op in (Op.SEND, Op.RECV):
        added_s = {
            name: over.work_s(name, op, 10) - costs.work_s(name, op, 10) for name in over.roles
        }
        assert added_s[near] == 0
        assert added_s[far[0]] == added_s[far[1]] > 0
        assert 3 * added_s[plan.top.name] == pytest.approx(2 * added_s[far[0]])
    assert simulate(plan, over).makespan_s > simulate(plan, costs).makespan_s
