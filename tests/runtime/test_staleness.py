"""The staleness that events tell of: counted as it happens, and that of the plan."""

from __future__ import annotations

import pytest

from splitrun.events import Executed
from splitrun.session import Experiment
from splitrun.session.run_statistics import RunStatistics, run_started
from splitrun.simulate import simulate
from splitrun.simulate.simulation import events
from tests.runtime.running import Content, RandomDelays, prepared, synthetic, trained
from tests.simulate.timing import uniform_costs

SPECS: dict[str, Content] = {
    "stale": {"pipeline": {"schedule": "stale", "depth": 4}},
    "drained": {
        "pipeline": {"schedule": "stale", "depth": 3},
        "training": {"epochs": 3, "evaluate_every_epochs": 1},
    },
    "microbatch": {"pipeline": {"schedule": "microbatch", "micro_batches": 3}},
    "sequential": {"pipeline": {"schedule": "sequential"}},
}


def of_updates(told: list[Executed]) -> dict[tuple[str, int], int]:
    return {(event.role, event.step): event.staleness for event in told if event.op == "UPDATE"}


def planned(experiment: Experiment) -> dict[tuple[str, int], int]:
    plan = experiment.plan
    return {
        (role.name, step): plan.staleness(role, step) if role.kind == "bottom" else 0
        for role in plan.roles
        for step in range(plan.steps)
    }


@pytest.mark.parametrize("sections", SPECS.values(), ids=SPECS)
def test_every_update_tells_how_stale_it_is(sections: Content) -> None:
    content = synthetic(**sections)
    if content["pipeline"]["schedule"] == "stale":
        content["parties"]["p1"]["depth"] = 2
    experiment = prepared(content)
    run = trained(experiment, "threaded", RandomDelays(1, 0.001))
    executed = [event for event in run.events if isinstance(event, Executed)]
    assert of_updates(executed) == planned(experiment)
    assert all(event.staleness == 0 for event in executed if event.op != "UPDATE")


def test_a_simulation_tells_the_same() -> None:
    experiment = prepared(synthetic(pipeline={"schedule": "stale", "depth": 4}))
    told = events(simulate(experiment.plan, uniform_costs(experiment.plan)))
    assert of_updates([e for e in told if isinstance(e, Executed)]) == planned(experiment)


def test_the_books_have_its_mean_and_its_largest() -> None:
    experiment = prepared(synthetic(pipeline={"schedule": "stale", "depth": 4}))
    run, ledger = trained(experiment, "serial"), RunStatistics()
    for event in [run_started(experiment.plan), *run.events]:
        ledger(event)
    steps = experiment.plan.steps
    late = ledger.staleness["p0.bottom"]
    assert (late.updates, late.max) == (steps, 3)
    assert late.mean == (0 + 1 + 2 + 3 * (steps - 3)) / steps
    assert (ledger.staleness["p0.top"].updates, ledger.staleness["p0.top"].max) == (steps, 0)
