"""The simulation does what the runtime would do, threaded or serial, on a virtual clock."""

from __future__ import annotations

import itertools
import sys
from dataclasses import replace
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitrun.errors import PlanInvalid
from splitrun.plan import LinkState, Op, Plan, Segment
from splitrun.simulate import (
    Cost,
    Costs,
    InstructionSpan,
    Simulation,
    events,
    simulate,
    simulate_serial,
)
from splitrun.simulate.bound import steady_limit
from splitrun.simulate.costs import step_work_s
from splitrun.spec import Compute
from splitrun.telemetry import shares
from tests.plan.plans import make_plan
from tests.simulate.timing import AMPLE, emulating, few, ms, narrowed, timed_plans, uniform_costs

unlike_plans = timed_plans(
    rows=st.integers(60, 300), jitter=st.integers(0, 20), cores=st.sampled_from([0.9, 1.5, 4.0])
)


def spans_of(simulation: Simulation, role: str, op: Op) -> list[InstructionSpan]:
    return [span for span in simulation.timeline[role] if span.op is op]


def ends_ms(simulation: Simulation, role: str, op: Op) -> list[float]:
    return [round(span.end * 1e3, 6) for span in spans_of(simulation, role, op)]


def durations_ms(simulation: Simulation, role: str, op: Op) -> list[float]:
    return [round((span.end - span.start) * 1e3, 6) for span in spans_of(simulation, role, op)]


@few
@given(unlike_plans)
def test_every_role_runs_exactly_its_program(timed: tuple[Plan, Costs]) -> None:
    plan, costs = timed
    simulation = simulate(plan, costs)
    for role in plan.roles:
        program = plan.segment_program(role, simulation.segment)
        assert [span[:4] for span in simulation.timeline[role.name]] == [i[:4] for i in program]


@few
@given(unlike_plans)
def test_a_simulation_can_be_repeated(timed: tuple[Plan, Costs]) -> None:
    assert simulate(*timed) == simulate(*timed)


@few
@given(unlike_plans)
def test_messages_travel_by_the_arithmetic_of_their_link(timed: tuple[Plan, Costs]) -> None:
    plan, costs = timed
    simulation = simulate(plan, costs)
    for channel in plan.channels:
        state = LinkState()
        sends = spans_of(simulation, channel.source, Op.SEND)
        sends = [span for span in sends if span.peer == channel.target]
        receives = spans_of(simulation, channel.target, Op.RECV)
        receives = [span for span in receives if span.peer == channel.source]
        for number, transit in enumerate(simulation.transits[channel.name]):
            assert transit.start == sends[number].end
            if channel.timing is not None:
                state = channel.timing.send(state, transit.start, transit.bytes, number)
                assert transit.arrive == state.last_arrival
            received = receives[number].start + receives[number].waited
            assert received == pytest.approx(max(receives[number].start, transit.arrive))


@few
@given(unlike_plans)
def test_no_more_work_is_done_than_the_cores_can_do(timed: tuple[Plan, Costs]) -> None:
    plan, costs = timed
    work_s = sum(
        costs.work_s(role.name, instruction.op, 10)
        for role in plan.roles
        for instruction in plan.program(role)
    )
    cores = max(1.0, costs.effective_cores)
    assert simulate(plan, costs).makespan_s >= work_s / cores * (1 - 1e-9)


@few
@given(unlike_plans)
def test_more_cores_are_never_slower_than_what_roles_take_alone(
    timed: tuple[Plan, Costs],
) -> None:
    plan, costs = timed
    alone = replace(costs, effective_cores=AMPLE)
    assert simulate(plan, alone).makespan_s <= simulate(plan, costs).makespan_s * (1 + 1e-9)


def test_two_roles_on_one_core_each_work_half_as_fast() -> None:
    plan = make_plan(rows=10)
    costs = Costs(
        {
            "p0.bottom": {Op.FORWARD: ms(1)},
            "p1.bottom": {Op.FORWARD: ms(2)},
            "p0.top": {},
        },
        effective_cores=1,
    )
    simulation = simulate(plan, costs)
    assert ends_ms(simulation, "p0.bottom", Op.FORWARD) == [2]
    assert ends_ms(simulation, "p1.bottom", Op.FORWARD) == [3]


def test_a_role_that_joins_slows_down_who_is_working() -> None:
    """p1 works from 0, p0 from 1 ms on: 1 + 1/2 of 2 ms done at 2 ms, and so on."""
    plan = make_plan(rows=10)
    costs = Costs(
        {
            "p0.bottom": {Op.FORWARD: ms(1)},
            "p1.bottom": {Op.FORWARD: ms(4)},
            "p0.top": {Op.LOAD: ms(0.5)},
        },
        effective_cores=2,
    )
    simulation = simulate(plan, costs)
    assert ends_ms(simulation, "p0.top", Op.LOAD) == [0.75]
    assert ends_ms(simulation, "p0.bottom", Op.FORWARD) == [1.25]
    assert ends_ms(simulation, "p1.bottom", Op.FORWARD) == [4.25]


def test_below_one_effective_core_only_those_who_work_together_are_slower() -> None:
    plan = make_plan(rows=10)
    costs = Costs(
        {"p0.bottom": {Op.FORWARD: ms(4)}, "p1.bottom": {Op.FORWARD: ms(9)}, "p0.top": {}},
        effective_cores=0.8,
    )
    simulation = simulate(plan, costs)  # of three roles two work: 0.9 cores, then one for p1
    assert ends_ms(simulation, "p0.bottom", Op.FORWARD) == [round(8 / 0.9, 6)]
    assert ends_ms(simulation, "p1.bottom", Op.FORWARD) == [round(8 / 0.9 + 5, 6)]


def test_who_has_waited_goes_on_after_the_wakeup_latency() -> None:
    plan = make_plan(rows=10, links={"default": {"latency_ms": 5}})
    costs = replace(uniform_costs(plan, forward=ms(2)), wakeup_latency_s=0.5e-3)
    received = spans_of(simulate(plan, costs), "p0.top", Op.RECV)
    assert [span.end for span in received] == pytest.approx([2.5e-3, 7.5e-3])


def test_an_instruction_is_dearer_after_a_pause_of_everybody() -> None:
    """Its first time is cold; later ones are as long as somebody works."""
    forward = Cost(1e-3, 0, cold_s=2e-3)
    plan = make_plan(rows=40)
    roles = {"p0.bottom": {Op.FORWARD: forward}, "p1.bottom": {}, "p0.top": {Op.LOSS: ms(50)}}
    costs = Costs(roles, AMPLE)
    assert durations_ms(simulate(plan, costs), "p0.bottom", Op.FORWARD) == [3, 1, 1, 1]
    far = make_plan(rows=40, links={"default": {"latency_ms": 20}})
    durations = durations_ms(simulate(far, costs), "p0.bottom", Op.FORWARD)
    assert durations == pytest.approx([3] * 4, rel=1e-3)
    assert simulate(far, costs.alone()).makespan_s == pytest.approx(4 * 90e-3)


def test_emulated_hardware_takes_time_but_no_core() -> None:
    slow = Compute(forward_ms=10)
    plan = emulating(make_plan(rows=10), {"p0.bottom": slow, "p1.bottom": slow})
    simulation = simulate(plan, uniform_costs(plan, cores=1, forward=ms(2)))
    assert ends_ms(simulation, "p0.bottom", Op.FORWARD) == [10]
    assert ends_ms(simulation, "p1.bottom", Op.FORWARD) == [10]


def test_work_that_takes_longer_than_its_emulated_duration_is_not_cut_short() -> None:
    plan = emulating(make_plan(rows=10), {"p1.bottom": Compute(forward_ms=1)})
    simulation = simulate(plan, uniform_costs(plan, forward=ms(2)))
    assert ends_ms(simulation, "p1.bottom", Op.FORWARD) == [2]


def test_a_scale_multiplies_what_the_work_took_here() -> None:
    """Alone 2 ms; on half a core each 4, of which p0 makes 12 and p1 stays with 4."""
    plan = emulating(make_plan(rows=10), {"p0.bottom": Compute(scale=3, forward_ms=1)})
    simulation = simulate(plan, uniform_costs(plan, cores=1, forward=ms(2)))
    assert ends_ms(simulation, "p0.bottom", Op.FORWARD) == [12]
    assert ends_ms(simulation, "p1.bottom", Op.FORWARD) == [4]


def test_a_sender_without_credit_waits_for_its_receiver() -> None:
    plan = make_plan(schedule="stale", depth=4, rows=200, links={"default": {"latency_ms": 10}})
    costs = uniform_costs(plan)
    wide, narrow = (simulate(each, costs) for each in (plan, narrowed(plan, 2)))
    assert shares(events(wide))["p1.bottom"].send == 0
    assert shares(events(narrow))["p1.bottom"].send > 0.03


def test_channels_too_narrow_for_the_depth_deadlock() -> None:
    plan = narrowed(make_plan(schedule="stale", depth=4, rows=200), 1)
    with pytest.raises(PlanInvalid, match=r"deadlock: p0\.bottom, p0\.top, p1\.bottom"):
        simulate(plan, uniform_costs(plan))


def test_short_batches_and_slices_cost_their_rows() -> None:
    plan = make_plan(schedule="microbatch", micro_batches=4, rows=12)
    simulation = simulate(plan, uniform_costs(plan, forward=ms(0, per_row=1)))
    lasted = [
        (span.step, round((span.end - span.start) * 1e3, 6))
        for span in spans_of(simulation, "p1.bottom", Op.FORWARD)
    ]
    assert lasted == [(0, 2), (0, 3), (0, 2), (0, 3), (1, 1), (1, 1)]
    assert [transit.bytes for transit in simulation.transits["p1.bottom->p0.top"]] == [
        12 * rows for rows in (2, 3, 2, 3, 1, 1)
    ]


def test_an_evaluation_is_not_simulated() -> None:
    costs = uniform_costs(make_plan())
    assert (
        simulate(make_plan(test_rows=9000), costs).timeline == simulate(make_plan(), costs).timeline
    )


def test_a_role_without_costs_is_an_error() -> None:
    with pytest.raises(KeyError, match=r"p1\.bottom"):
        simulate(make_plan(), Costs({"p0.bottom": {}, "p0.top": {}}, 1))


@few
@given(st.integers(0, 10**6))
def test_any_stretch_of_full_batches_takes_as_long(start: int) -> None:
    plan = make_plan(rows=10_000_000, links={"default": {"latency_ms": 3}})
    costs = uniform_costs(plan)
    first = simulate(plan, costs, Segment(0, 20)).makespan_s
    start %= plan.steps_per_epoch - 20
    assert simulate(plan, costs, Segment(start, start + 20)).makespan_s == first


def calls_to_simulate(plan: Plan, costs: Costs, steps: int) -> tuple[int, int]:
    """How many calls and returns there are, and how many instructions that simulates."""
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(count)
    try:
        simulation = simulate(plan, costs, Segment(0, steps))
    finally:
        sys.setprofile(None)
    return calls, sum(map(len, simulation.timeline.values()))


def test_an_instruction_takes_few_calls_however_long_the_run() -> None:
    plan = make_plan(
        schedule="stale", depth=4, parties=8, rows=10_000, links={"default": {"latency_ms": 10}}
    )
    costs = uniform_costs(plan, cores=2)
    calls, instructions = calls_to_simulate(plan, costs, 100)
    more_calls, more_instructions = calls_to_simulate(plan, costs, 400)
    assert instructions > 100 * 8 * 5
    per_instruction = (more_calls - calls) / (more_instructions - instructions)
    assert per_instruction == pytest.approx(calls / instructions, rel=0.1)
    assert per_instruction < 40  # calls and returns, of builtins, too: 26


@pytest.mark.parametrize(("load_ms", "period_ms"), [(1, 25), (6, 31)])
def test_batches_are_loaded_while_emulated_hardware_is_waited_for_if_there_is_time(
    load_ms: float, period_ms: float
) -> None:
    """Bottoms take 25 ms a step, of which 10 are the longest wait; the loop takes 30 for two."""
    bottom = Compute(forward_ms=10, backward_ms=10, update_ms=5)
    plan = make_plan(rows=400, schedule="stale", depth=2)
    emulated = emulating(
        plan, {"p0.bottom": bottom, "p1.bottom": bottom, "p0.top": Compute(loss_ms=5)}
    )
    costs = Costs({role.name: {Op.LOAD: ms(load_ms)} for role in plan.roles}, AMPLE)
    assert simulate(emulated, costs).period_s == pytest.approx(period_ms / 1e3)
    assert steady_limit(emulated, costs).period_s == pytest.approx(period_ms / 1e3)


@few
@given(timed_plans(rows=st.integers(60, 300), jitter=st.integers(0, 20)))
def test_every_role_runs_exactly_its_program_and_one_at_a_time(timed: tuple[Plan, Costs]) -> None:
    simulation = simulate_serial(*timed)
    spans: list[InstructionSpan] = []
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
    assert simulate_serial(plan, costs).makespan_s == pytest.approx(work_s)


def test_nobody_uses_the_time_in_which_one_waits() -> None:
    """Forwards 2 + 2, up 5, loss 1, down 5; then both backwards and all updates: 6 + 3 ms."""
    plan = make_plan(rows=10, links={"default": {"latency_ms": 5}})
    assert simulate_serial(plan, uniform_costs(plan)).makespan_s == pytest.approx(24e-3)


def test_emulated_hardware_is_waited_for_one_role_after_the_other() -> None:
    slow = Compute(forward_ms=10)
    plan = emulating(make_plan(rows=10), {"p0.bottom": slow, "p1.bottom": slow})
    spans = simulate_serial(plan, uniform_costs(plan)).timeline["p1.bottom"]
    assert [span.end for span in spans if span.op is Op.FORWARD] == pytest.approx([20e-3])
