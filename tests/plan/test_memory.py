from __future__ import annotations

from dataclasses import replace

from splitrun.plan import Plan, memory, peak_bytes
from splitrun.plan.explain import versions_held
from splitrun.simulate import with_depth
from tests.plan.plans import make_plan


def test_a_bottom_holds_versions_cuts_and_gradients_for_each_batch_in_flight() -> None:
    """124 bytes of weights, 48 of them saved; 120 bytes a cut of ten rows, as many a gradient."""
    for depth, versions in ((1, 0), (4, 4)):
        held = memory(with_depth(make_plan(rows=400), depth))["p0.bottom"]
        assert (held.weights, held.versions, held.messages) == (124, versions * 48, depth * 240)
        assert held.total == 124 + versions * 48 + depth * 240


def test_what_was_probed_counts_too() -> None:
    plan = make_plan(rows=400, schedule="stale", depth=3)
    facts = replace(
        plan.role_facts("p1.bottom"),
        buffer_bytes=8,
        gradient_bytes=100,
        optimizer_bytes=200,
        activation_bytes_per_row=3.5,
        input_bytes_per_row=16.0,
    )
    roles = {**plan.facts.roles, "p1.bottom": facts}
    changed = replace(plan, facts=replace(plan.facts, roles=roles))
    held = memory(changed)["p1.bottom"]
    assert (held.weights, held.gradients, held.optimizer) == (132, 100, 200)
    assert held.activations == (3 + 1) * 10 * 19.5
    assert peak_bytes(changed) - peak_bytes(plan) == 8 + 100 + 200 + 780


def test_an_evaluation_may_hold_more_messages_than_training() -> None:
    """Twelve bytes a row; of 4,096 rows a batch, two may be under way."""
    plan = make_plan(rows=400, test_rows=100_000)
    assert memory(plan)["p0.bottom"].messages == 2 * 4096 * 12
    assert memory(make_plan(rows=400, test_rows=50))["p0.bottom"].messages == 50 * 12


def test_a_short_run_never_has_as_many_versions_as_its_depth() -> None:
    def held(plan: Plan) -> int:
        return versions_held(plan, plan.bottoms[0])

    assert held(make_plan(rows=50, schedule="stale", depth=4)) == 2
    assert held(make_plan(rows=70, schedule="stale", depth=4)) == 4
    often = make_plan(rows=50, epochs=9, evaluate_every_epochs=1, schedule="stale", depth=4)
    assert held(often) == 2
    drained = replace(make_plan(rows=70, schedule="stale", depth=4), checkpoint_every_steps=5)
    assert held(drained) == 2
