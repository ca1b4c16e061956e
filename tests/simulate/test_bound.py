"""How fast a plan can be at best, and what it says it is limited by."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splitrun.errors import PlanInvalid
from splitrun.plan import Channel, Op, Plan, Role
from splitrun.simulate import Costs, bound, simulate
from splitrun.simulate.graph import steady_round
from splitrun.spec import Compute
from tests.plan.plans import make_plan
from tests.simulate.timing import emulating, few, ms, narrowed, timed_plans, uniform_costs


class Way(NamedTuple):
    """One direction of a link for a full batch, in seconds."""

    transfer_s: float
    latency_s: float


def way(plan: Plan, channel: Channel) -> Way:
    if channel.timing is None:
        return Way(0, 0)
    return Way(12 * plan.batch_size / channel.timing.bytes_per_s, channel.timing.latency_s)


def closed_form_s(plan: Plan, costs: Costs) -> float:
    """P = max{Fi+Bi+Ui; T; S_up; S_down; Li/di; sum of W/C}, as in the design."""

    def cost(role: Role, op: Op) -> float:
        return costs.work_s(role.name, op, plan.batch_size)

    ways = {(each.source, each.target): way(plan, each) for each in plan.channels}
    loss, top_update = cost(plan.top, Op.LOSS), cost(plan.top, Op.UPDATE)
    terms, work = [loss + top_update], loss + top_update
    for role in plan.bottoms:
        up, down = ways[role.name, plan.top.name], ways[plan.top.name, role.name]
        own = sum(cost(role, op) for op in (Op.FORWARD, Op.BACKWARD, Op.UPDATE))
        loop = own + loss + sum(up) + sum(down)
        terms += [own, up.transfer_s, down.transfer_s, loop / role.depth]
        work += own
    return max(*terms, work / costs.effective_cores)


@settings(max_examples=150)
@given(
    timed_plans(
        schedules=("sequential", "stale"),
        rows=st.just(60),
        cores=st.sampled_from([1.0, 2.5, 64.0]),
        channel_costs=False,
    )
)
def test_the_bound_is_the_closed_form_where_that_holds(timed: tuple[Plan, Costs]) -> None:
    assert bound(*timed).period_s == pytest.approx(closed_form_s(*timed), rel=1e-9)


@few
@given(timed_plans())
def test_with_cores_enough_the_simulation_settles_at_the_bound(
    timed: tuple[Plan, Costs],
) -> None:
    period_s = simulate(*timed).period_s
    assert period_s == pytest.approx(bound(*timed).period_s, rel=1e-6)
    assert period_s >= bound(*timed).period_s * (1 - 1e-9)


@few
@given(timed_plans(schedules=("stale",)), st.integers(3, 6))
def test_the_bound_knows_of_credit(timed: tuple[Plan, Costs], capacity: int) -> None:
    """Six in flight need three places each way, or the programs deadlock."""
    plan, costs = narrowed(timed[0], capacity), timed[1]
    period_s = simulate(plan, costs).period_s
    assert period_s == pytest.approx(bound(plan, costs).period_s, rel=1e-6)


@few
@given(
    timed_plans(
        rows=st.integers(60, 400), jitter=st.integers(0, 20), cores=st.sampled_from([0.9, 1.5, 4])
    ),
    st.sampled_from([None, Compute(scale=3), Compute(forward_ms=7, update_ms=2)]),
)
def test_no_segment_ends_before_its_bound(
    timed: tuple[Plan, Costs], compute: Compute | None
) -> None:
    plan, costs = timed
    plan = emulating(plan, {"p1.bottom": compute} if compute else {})
    least = bound(plan, costs)
    simulation = simulate(plan, costs)
    assert simulation.makespan_s >= least.segment_s * (1 - 1e-9)
    assert simulation.samples_per_s <= least.segment_samples_per_s * (1 + 1e-9)


def test_the_closed_form_does_not_hold_for_micro_batches_and_the_bound_does() -> None:
    """Four slices of a batch travel behind each other: what counts as one way there and back for
    each in the closed form overlaps."""
    plan = make_plan(
        schedule="microbatch",
        micro_batches=4,
        rows=2000,
        batch_size=20,
        links={"default": {"latency_ms": 2, "bandwidth_mbps": 0.1}},
    )
    costs = uniform_costs(
        plan,
        forward=ms(0, per_row=0.4),
        backward=ms(0, per_row=0.6),
        loss=ms(0, per_row=0.2),
    )
    period_s = bound(plan, costs).period_s
    assert period_s == pytest.approx(simulate(plan, costs).period_s, rel=1e-9)
    assert period_s < 0.7 * closed_form_s(plan, costs)


def test_jitter_counts_with_its_mean_in_the_long_run() -> None:
    steady = make_plan(rows=100, links={"default": {"latency_ms": 15}})
    shaky = make_plan(rows=100, links={"default": {"latency_ms": 10, "jitter_ms": 10}})
    costs = uniform_costs(steady)
    assert bound(shaky, costs).period_s == pytest.approx(bound(steady, costs).period_s)


def test_a_fill_and_a_drain_keep_a_short_segment_below_the_endless_bound() -> None:
    """29 steps at depth 8 over 25 ms, as an epoch of the tutorial has."""
    plan = make_plan(schedule="stale", depth=8, rows=290, links={"default": {"latency_ms": 25}})
    least = bound(plan, uniform_costs(plan, forward=ms(0.5), backward=ms(0.5), update=ms(0.2)))
    assert least.period_s == pytest.approx(52.2e-3 / 8)
    assert least.segment_s / 29 > 1.08 * least.period_s
    assert least.segment_samples_per_s < least.samples_per_s / 1.08


def test_a_segment_of_a_million_steps_has_a_bound_at_once() -> None:
    plan = make_plan(schedule="stale", depth=8, rows=10**7, links={"default": {"latency_ms": 25}})
    least = bound(plan, uniform_costs(plan))
    assert least.segment_s / plan.steps == pytest.approx(least.period_s, rel=1e-3)


WAN = {"default": {"latency_ms": 25, "bandwidth_mbps": 100}}


@pytest.mark.parametrize(
    ("pipeline", "links", "costs", "words"),
    [
        ({}, WAN, {}, "the loop of p1 at depth 1 (57.0 ms a step)"),
        (
            {"schedule": "stale", "depth": 4},
            WAN,
            {},
            "the loop of p1 at depth 4 (57.0 ms / 4 = 14.3 ms a step)",
        ),
        (
            {"schedule": "microbatch", "micro_batches": 2},
            WAN,
            {},
            "the loop of p1 at depth 1 in 2 micro-batches (60.0 ms a step)",
        ),
        (
            {"schedule": "stale", "depth": 4},
            {"default": {"latency_ms": 5}, "p1->p0": {"bandwidth_mbps": 0.05}},
            {},
            "the uplink p1→p0 (19.2 ms a step)",
        ),
        (
            {"schedule": "stale", "depth": 4},
            {"default": {"latency_ms": 5}, "p0->p1": {"bandwidth_mbps": 0.05}},
            {},
            "the downlink p0→p1 (19.2 ms a step)",
        ),
        ({"schedule": "stale", "depth": 16}, WAN, {}, "p0.bottom's work (6.0 ms a step)"),
        (
            {"schedule": "stale", "depth": 16},
            WAN,
            {"loss": ms(6)},
            "p0.top's work (7.0 ms a step)",
        ),
        (
            {"schedule": "stale", "depth": 16},
            WAN,
            {"cores": 1.25},
            "the cores (14.0 ms of work / 1.2 cores = 11.2 ms a step)",
        ),
    ],
)
def test_the_limiting_term_is_named(
    pipeline: dict[str, str | int],
    links: dict[str, object],
    costs: dict[str, object],
    words: str,
) -> None:
    plan = make_plan(rows=400, links=links, **pipeline)  # type: ignore[arg-type]
    assert bound(plan, uniform_costs(plan, **costs)).limited_by == words  # type: ignore[arg-type]


def test_sixty_four_unequal_parties_have_a_bound() -> None:
    plan = make_plan(
        schedule="stale",
        depth=2,
        depths={party: 1 + party % 7 for party in range(64)},
        parties=64,
        rows=100,
        links={"default": {"latency_ms": 30}, "p9-p0": {"latency_ms": 200}},
    )
    words = "the loop of p9 at depth 3 (407.0 ms / 3 = 135.7 ms a step)"
    assert bound(plan, uniform_costs(plan)).limited_by == words


def test_a_program_that_does_not_repeat_itself_has_no_steady_state() -> None:
    class Restless(Plan):
        """Its slices change from step to step."""

        def slices(self, step: int) -> int:
            return 1 + step % 2

    plan = make_plan(rows=400)
    with pytest.raises(PlanInvalid, match=r"p1\.bottom: the program does not repeat itself"):
        steady_round(Restless(**vars(plan)), plan.bottoms[1])
