"""Deadlines that a plan suggests, and given ones that it cannot keep."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from splitrun.errors import SpecError
from splitrun.plan import Deadline, Plan, deadline_of
from splitrun.spec import Compute, Spec
from tests.plan.plans import make_plan


def given(deadline_s: float) -> Spec:
    """A spec of which only the deadline is looked at."""
    content: dict[str, Any] = {
        "name": "made",
        "dataset": {"type": "synthetic"},
        "parties": {name: {"bottom": {"type": "mlp", "out": 1}} for name in ("a", "b")},
        "top": {"party": "a", "loss": "mse"},
        "training": {"epochs": 1, "optimizer": {"type": "sgd", "lr": 1}},
        "supervision": {"deadline_s": deadline_s},
    }
    return Spec.model_validate(content)


def over_slow_links(**options: Any) -> Plan:
    """Messages of 12 bytes a row, at 1,200 bytes a second: ten rows take a tenth of one."""
    links: dict[str, object] = {"default": {"bandwidth_mbps": 0.0096}}
    return make_plan(rows=400, links=links, **options)


def refused(deadline_s: float, plan: Plan) -> str:
    with pytest.raises(SpecError) as caught:
        deadline_of(given(deadline_s), plan)
    (problem,) = caught.value.problems
    return problem.what


def test_a_message_must_not_take_longer_than_a_given_deadline() -> None:
    assert deadline_of(given(0.11), over_slow_links()) == Deadline(0.11, given=True)
    assert "p1.bottom->p0.top takes up to 0.1 s" in refused(0.1, over_slow_links())


def test_an_evaluation_sends_many_rows_up_and_none_down() -> None:
    plan = over_slow_links(test_rows=1000)
    assert deadline_of(given(10.1), plan).base_s == 10.1
    assert "p1.bottom->p0.top takes up to 10 s" in refused(9.9, plan)
    down = tuple(each for each in plan.channels if each.source == "p0.top")
    assert deadline_of(given(0.11), replace(plan, channels=down)).base_s == 0.11


def test_slices_are_sent_one_by_one() -> None:
    plan = over_slow_links(schedule="microbatch", micro_batches=4)
    assert deadline_of(given(0.031), plan).base_s == 0.031
    assert "takes up to 0.03 s" in refused(0.03, plan)


def test_hardware_that_is_a_hundred_times_as_slow_gets_a_hundred_times_as_long() -> None:
    plan = make_plan(rows=400)
    slow = replace(plan, top=replace(plan.top, compute=Compute(scale=100)))
    assert (Deadline.of(plan).base_s, Deadline.of(slow).base_s) == (10, 1000)
