"""The advice: which depth, and why."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from splitrun.plan import Plan, check, peak_bytes
from splitrun.simulate import (
    Costs,
    predict,
    recommend,
    simulate,
    with_batch_size,
    with_depth,
    with_micro_batches,
)
from splitrun.simulate.advise import ENOUGH
from tests.plan.plans import make_plan
from tests.simulate.timing import ms, uniform_costs

WAN: dict[str, Any] = {"default": {"latency_ms": 25, "bandwidth_mbps": 100}}
SWEPT = range(1, 13)


def unlike_cases() -> Iterator[tuple[Plan, Costs]]:
    """Ten plans: few and many parties, all kinds of links, many cores and few."""
    draw = random.Random(20)
    for _ in range(10):
        parties = draw.choice([2, 2, 2, 3])
        default: dict[str, Any] = {
            "latency_ms": draw.choice([0.2, 5, 10, 25, 50]),
            "bandwidth_mbps": draw.choice([None, 1, 0.2, 0.1]),
            "jitter_ms": draw.choice([0, 0, 0, 10]),
        }
        unequal: dict[str, Any] = {}
        if draw.random() < 0.4:
            unequal = {"p1->p0": {"latency_ms": draw.randint(1, 60)}}
        plan = make_plan(
            parties=parties,
            rows=draw.randint(900, 1100),
            evaluate_every_epochs=1,
            links={"default": default} | unequal,
        )
        yield (
            plan,
            uniform_costs(
                plan,
                draw.choice([0.95, 1.5, 2.0, 16.0]),
                forward=ms(draw.uniform(0.2, 6)),
                backward=ms(draw.uniform(0.2, 6)),
                update=ms(draw.uniform(0.1, 2)),
                loss=ms(draw.uniform(0.1, 4)),
            ),
        )


def test_the_advice_is_what_an_exhaustive_sweep_finds_or_the_next() -> None:
    for plan, costs in unlike_cases():
        rates = [simulate(with_depth(plan, depth), costs).samples_per_s for depth in SWEPT]
        best = next(d for d, rate in zip(SWEPT, rates, strict=True) if rate >= ENOUGH * max(rates))
        assert abs(recommend(plan, costs, depths=SWEPT).plan.depth - best) <= 1


def test_a_wide_area_link_is_worth_a_pipeline() -> None:
    plan = make_plan(rows=10_000, links=WAN)
    advice = recommend(plan, uniform_costs(plan))
    assert (advice.plan.schedule, advice.plan.depth) == ("stale", 10)
    assert advice.speedup > 8
    assert advice.reason.startswith("limited by p0.bottom's work (6.0 of 6.0 ms); depth 10;")


def test_small_batches_over_a_local_link_are_not() -> None:
    plan = make_plan(rows=3200, batch_size=32, links={"default": {"latency_ms": 0.1}})
    costs = uniform_costs(
        plan,
        cores=1.0,
        forward=ms(0.3, per_row=0.001),
        backward=ms(0.3, per_row=0.001),
        update=ms(0.2),
        loss=ms(0.3),
    )
    advice = recommend(plan, costs)
    assert (advice.plan.schedule, advice.plan.depth, advice.speedup) == ("sequential", 1, 1)
    assert advice.reason.startswith("leave it off: the loop is 1.")
    assert "× the work; batches are too small; batch 128 would give +2" in advice.reason


def test_where_rows_make_the_work_batches_are_not_called_small() -> None:
    plan = make_plan(rows=1000, links={"default": {"latency_ms": 0.1}})
    costs = uniform_costs(
        plan, 1.0, forward=ms(0, 1), backward=ms(0, 1), update=ms(0.1), loss=ms(0, 1)
    )
    advice = recommend(plan, costs)
    assert advice.reason.startswith("leave it off: the loop is 1.0")
    assert "limited by the cores (" in advice.reason


def test_a_slow_uplink_limits_and_deeper_gains_nothing() -> None:
    plan = make_plan(
        rows=4000, links={"default": {"latency_ms": 10}, "p1->p0": {"bandwidth_mbps": 0.05}}
    )
    advice = recommend(plan, uniform_costs(plan))
    assert advice.reason == (
        "limited by the uplink p1→p0 (19.2 of 19.2 ms); depth 2; deeper gains nothing"
    )


def test_staleness_that_is_ruled_out_is_told_with_its_price() -> None:
    plan = make_plan(rows=10_000, links=WAN)
    advice = recommend(plan, uniform_costs(plan), max_staleness=2)
    assert advice.plan.depth == 3
    assert advice.held_back is not None
    assert advice.held_back.depth == 10
    assert "pipeline.max_staleness 2 rules out depth 10, which would give +2" in advice.reason


def test_memory_caps_the_depth() -> None:
    plan = make_plan(rows=10_000, links=WAN)
    limit = peak_bytes(with_depth(plan, 5))
    advice = recommend(plan, uniform_costs(plan), memory_limit_bytes=limit)
    assert advice.plan.depth == 5
    assert "runtime.memory_limit_mb rules out depth 10" in advice.reason


def test_models_that_cannot_be_pipelined_are_told_what_they_miss() -> None:
    plan = make_plan(rows=10_000, links=WAN)
    advice = recommend(plan, uniform_costs(plan), pipelines=False, max_staleness=4, slices=())
    assert advice.plan.schedule == "sequential"
    assert "a model that cannot be pipelined rules out depth 10, which would" in advice.reason
    assert advice.loop_over_work > 8


def test_of_two_caps_the_lower_one_is_named() -> None:
    plan = make_plan(rows=10_000, links=WAN)
    limit = peak_bytes(with_depth(plan, 5))
    advice = recommend(plan, uniform_costs(plan), memory_limit_bytes=limit, max_staleness=2)
    assert advice.plan.depth == 3
    assert "pipeline.max_staleness 2 rules out" in advice.reason


def test_a_batch_size_that_does_not_fit_into_memory_is_not_advised() -> None:
    plan = make_plan(rows=4000, batch_size=40, links=WAN)
    limit = peak_bytes(with_depth(plan, 10))
    advice = recommend(plan, uniform_costs(plan), memory_limit_bytes=limit)
    assert list(advice.by_batch_size) == [10, 20]


def test_without_staleness_micro_batches_pay_where_bandwidth_is_scarce() -> None:
    plan = make_plan(
        rows=8000, batch_size=80, links={"default": {"latency_ms": 1, "bandwidth_mbps": 0.2}}
    )
    costs = uniform_costs(
        plan, forward=ms(0, 0.5), backward=ms(0, 0.5), update=ms(1), loss=ms(0, 0.5)
    )
    advice = recommend(plan, costs, max_staleness=0)
    assert advice.plan.schedule == "microbatch"
    assert advice.plan.depth == 1
    assert advice.speedup > 1.5
    assert "micro-batches; pipeline.max_staleness 0 rules out depth" in advice.reason


def test_other_batch_sizes_are_predicted_at_the_depth_that_is_recommended() -> None:
    plan = make_plan(rows=4000, batch_size=40, links=WAN)
    costs = uniform_costs(plan)
    advice = recommend(plan, costs)
    assert list(advice.by_batch_size) == [10, 20, 80, 160]
    assert advice.by_batch_size[80] == (
        predict(with_batch_size(advice.plan, 80), costs).samples_per_s
    )
    assert "batch 160 would give +" in advice.reason


def test_no_depth_is_looked_at_that_the_run_has_no_steps_for() -> None:
    plan = make_plan(rows=50, links=WAN)
    advice = recommend(plan, uniform_costs(plan))
    assert max(advice.by_depth) <= 5
    assert advice.plan.depth <= 5


def test_where_nothing_takes_time_there_is_nothing_to_recommend() -> None:
    plan = make_plan()
    costs = Costs({role.name: {} for role in plan.roles}, 2)
    with pytest.raises(ValueError, match="nothing takes any time"):
        recommend(plan, costs)


@pytest.mark.parametrize("depth", [1, 2, 7])
def test_a_plan_at_another_depth_is_the_one_that_compiling_makes(depth: int) -> None:
    compiled = make_plan(schedule="stale", depth=depth, depths={1: depth}, links=WAN)
    other = with_depth(make_plan(schedule="microbatch", micro_batches=4, links=WAN), depth)
    check(other)
    for attribute in ("bottoms", "top", "channels", "micro_batches"):
        assert getattr(other, attribute) == getattr(compiled, attribute)


def test_a_plan_in_other_slices_is_the_one_that_compiling_makes() -> None:
    compiled = make_plan(schedule="microbatch", micro_batches=4, links=WAN)
    assert with_micro_batches(make_plan(schedule="stale", depth=3, links=WAN), 4) == compiled
