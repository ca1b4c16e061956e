"""Faults and supervision in specs: whom they may name, and what they come to."""

from __future__ import annotations

import pytest

from splitrun.errors import SpecError
from splitrun.spec import has_checksums
from tests.runtime.running import Content, prepared, synthetic
from tests.spec.specs import SYNTHETIC, document, problem

REFUSED = {
    "{type: stal, role: bob.bottom, step: 3}": (
        "faults[0].type: unknown type 'stal'; did you mean 'stall'?"
    ),
    "{type: stall, role: bob.botom, step: 3}": (
        "faults[0].role: 'bob.botom' is no role; did you mean 'bob.bottom'?"
    ),
    "{type: stall, role: bob.top, step: 3}": (
        "faults[0].role: 'bob.top' is no role; did you mean 'bob.bottom'?"
    ),
    "{type: raise, role: bob.bottom, step: 3, factor: 2}": (
        "faults[0].factor: raise has no 'factor'; remove it; it is for slow"
    ),
    "{type: raise, role: alice.top, step: 3, at: forward}": (
        "faults[0].at: a top has no forward; use load, receive, loss, send, update, drain, "
        "predict, evaluate or checkpoint"
    ),
    "{type: raise, role: bob.bottom}": (
        "faults[0].step: is missing; add it: The training step, from 0."
    ),
    "{type: raise, role: bob.bottom, stepp: 3}": (
        "faults[0].stepp: unknown key 'stepp'; did you mean 'step'?"
    ),
    "{type: silence, link: bob-alice, step: 3}": (
        "faults[0].link: 'bob-alice' is no direction of a link that carries messages; "
        "did you mean 'bob->alice'?"
    ),
    "{type: slow, role: bob.bottom, step: 3, factor: 0.5}": (
        "faults[0].factor: 0.5 is out of range; use a number that is at least 1.0"
    ),
    "3": "faults[0]: must be a mapping, not 3; write {type: raise, stall, slow, die, kill, …",
}


@pytest.mark.parametrize(("fault", "told"), REFUSED.items())
def test_a_fault_that_cannot_be_is_refused_at_its_place(fault: str, told: str) -> None:
    line = problem(SYNTHETIC, f"faults=[{fault}]")
    assert told.removesuffix("…") in line


def test_a_deadline_that_no_message_can_keep_is_refused() -> None:
    links = "links={default: {latency_ms: 900, jitter_ms: 200}}"
    assert document(SYNTHETIC, links, "supervision.deadline_s=1.2")
    assert (
        "supervision.deadline_s: a message over links.default takes up to 1.1 s, so it would be "
        "late; raise it, or use auto"
    ) in problem(SYNTHETIC, links, "supervision.deadline_s=1")


def test_a_deadline_that_emulated_hardware_cannot_keep_is_refused() -> None:
    compute = "parties.bob.compute={forward_ms: 3000}"
    assert "supervision.deadline_s: parties.bob.compute.forward_ms is 3 s, so it would be late" in (
        problem(SYNTHETIC, compute, "supervision.deadline_s=3")
    )
    assert document(SYNTHETIC, "parties.bob.compute={scale: 100}", "supervision.deadline_s=3")


def test_checksums_are_there_where_a_fault_damages_a_message() -> None:
    damage = "faults=[{type: damage, link: bob->alice, step: 3}]"
    assert not has_checksums(document(SYNTHETIC).spec)
    assert has_checksums(document(SYNTHETIC, "runtime.checksums=on").spec)
    assert has_checksums(document(SYNTHETIC, damage).spec)
    careless = document(SYNTHETIC, damage, "runtime.checksums=off")
    assert not has_checksums(careless.spec)
    assert "faults[0]: nobody will notice: runtime.checksums is off" in careless.warnings[0]


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"type": "die", "step": 9}, "the run has 9 steps, counted from 0; use a smaller one"),
        (
            {"type": "die", "step": 1, "at": "predict"},
            "the run has 1 batches in an evaluation, counted from 0; use a smaller one",
        ),
        (
            {"type": "die", "step": 8, "at": "drain"},
            "the run has no drain after 8 steps; use 9",
        ),
    ],
)
def test_a_fault_after_the_end_of_the_run_is_refused(fault: Content, told: str) -> None:
    content = synthetic(training={"epochs": 1}, faults=[{"role": "p1.bottom", **fault}])
    with pytest.raises(SpecError, match=f"^spec.yaml:[0-9:]+: faults.0.\\.step: {told}$"):
        prepared(content)
