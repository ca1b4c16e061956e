"""Predictions are what the whole simulation would have said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from splitrun.plan import Plan
from splitrun.simulate import Costs, predict, simulate
from tests.plan.plans import make_plan
from tests.simulate.timing import ms, uniform_costs

LINK = {"latency_ms": 12, "bandwidth_mbps": 0.2}


def simulated_s(plan: Plan, costs: Costs) -> float:
    return sum(simulate(plan, costs, segment).makespan_s for segment in plan.segments())


@pytest.mark.parametrize("rows", [95, 290, 1995, 4500])
@pytest.mark.parametrize("cores", [1.3, 64.0])
@pytest.mark.parametrize(
    "pipeline",
    [
        {"schedule": "sequential"},
        {"schedule": "microbatch", "micro_batches": 3},
        {"schedule": "stale", "depth": 5, "depths": {0: 2}},
    ],
)
def test_long_runs_are_predicted_from_short_ones(
    rows: int, cores: float, pipeline: dict[str, object]
) -> None:
    epochs = max(1, 4_000 // rows)
    plan = make_plan(rows=rows, epochs=epochs, links={"default": LINK}, **pipeline)  # type: ignore[arg-type]
    costs = uniform_costs(plan, cores, forward=ms(1, per_row=0.2))
    assert predict(plan, costs).train_s == pytest.approx(simulated_s(plan, costs), rel=3e-3)


def test_every_segment_counts_with_its_fill_and_its_drain() -> None:
    plan = make_plan(
        schedule="stale",
        depth=4,
        rows=195,
        epochs=5,
        evaluate_every_epochs=2,
        test_rows=30,
        links={"default": LINK},
    )
    costs = uniform_costs(plan)
    prediction = predict(plan, costs)
    assert [segment.stop for segment in plan.segments()] == [40, 80, 100]
    assert prediction.train_s == pytest.approx(simulated_s(plan, costs), rel=1e-9)
    assert prediction.samples == 5 * 195
    assert prediction.samples_per_s == pytest.approx(975 / prediction.train_s)
    assert prediction.period_s == pytest.approx(prediction.train_s / 100)


def test_jitter_is_predicted_by_a_longer_look() -> None:
    plan = make_plan(
        schedule="stale",
        depth=3,
        rows=30_000,
        links={"default": {"latency_ms": 5, "jitter_ms": 20}},
    )
    costs = uniform_costs(plan)
    assert predict(plan, costs).train_s == pytest.approx(simulated_s(plan, costs), rel=0.02)


def test_ten_million_steps_are_predicted_at_once() -> None:
    plan = make_plan(rows=10**8, links={"default": {"latency_ms": 10}})
    assert predict(plan, uniform_costs(plan)).period_s == pytest.approx(0.027, rel=1e-6)


def test_a_plan_that_trains_nothing_has_no_throughput() -> None:
    plan = make_plan(test_rows=10).evaluation()
    with pytest.raises(ValueError, match="trains nothing"):
        predict(plan, uniform_costs(plan))


def test_uneven_work_counts_where_the_loop_and_the_work_are_as_long() -> None:
    """A loop of 80 ms and more holds 14 ms of work a step: at depth 7 they last about as long. Of
    speeds of 0.75, 0.93, 1.07 and 1.25 the latter two gain nothing there that the former lose: 5 %
    is left out in the mean."""

    def loss(depth: int) -> float:
        plan = make_plan(
            schedule="stale" if depth > 1 else "sequential",
            depth=depth,
            rows=20_000,
            links={"default": {"latency_ms": 40, "bandwidth_mbps": 1000}},
        )
        costs = uniform_costs(plan, 1.0)
        uneven = replace(costs, unevenness=0.2)
        return 1 - predict(plan, uneven).samples_per_s / predict(plan, costs).samples_per_s

    losses = {depth: loss(depth) for depth in (1, 4, 7, 30)}
    assert max(losses[1], losses[4], losses[30]) < 0.02
    assert losses[7] == pytest.approx(0.05, abs=0.01)
