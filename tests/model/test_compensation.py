"""The rules against staleness, each by what it promises."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from splitrun.model import RoleOptimizer
from splitrun.model.compensation import Prediction, SpikedSgd, discount
from splitrun.model.course import LONGEST
from splitrun.simulate import pipeline_bytes, with_depth
from splitrun.spec.model import ConstantLr, Rule, Sgd
from tests.runtime.running import prepared, synthetic

STEPS = 40


def role_optimizer(module: nn.Module, rules: tuple[Rule, ...], late: int) -> RoleOptimizer:
    return RoleOptimizer(
        module,
        Sgd(type="sgd", lr=0.1),
        ConstantLr(type="constant"),
        steps_per_epoch=STEPS,
        steps=STEPS,
        rules=rules,
        staleness=lambda update: min(update, late),
    )


@pytest.mark.parametrize("late", [0, 1, 3, 7])
def test_a_spike_makes_up_for_the_updates_that_a_gradient_missed(late: int) -> None:
    """Once applied, one gradient has done what it would have by now without delay."""
    weight = nn.Parameter(torch.zeros(3, dtype=torch.float64))
    in_time = nn.Parameter(weight.detach().clone())
    late_steps = SpikedSgd([weight], lambda _: late, lr=0.1, momentum=0.9)
    steps = torch.optim.SGD([in_time], lr=0.1, momentum=0.9)
    gradient = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    for update in range(late + 5):
        in_time.grad = gradient if update == 0 else torch.zeros_like(gradient)
        weight.grad = gradient if update == late else torch.zeros_like(gradient)
        steps.step()
        late_steps.step()
        if update >= late:
            torch.testing.assert_close(weight, in_time)


def test_a_prediction_meets_the_weights_that_a_constant_gradient_leads_to() -> None:
    torch.manual_seed(0)
    module, inputs = nn.Linear(4, 3), torch.randn(5, 4)
    late = 4
    optimizer = role_optimizer(module, ("weight_prediction", "discount"), late)
    predict = Prediction(optimizer.optimizers, list(module.parameters()))
    foreseen: dict[int, list[Tensor]] = {}
    for update in range(STEPS // 2):
        if update in foreseen:
            for weight, predicted in zip(module.parameters(), foreseen[update], strict=True):
                torch.testing.assert_close(weight.detach(), predicted)
        torch.autograd.backward(module(inputs).sum() / 100)
        optimizer.step()
        step = update + 1 + late
        copies = [weight.detach().clone() for weight in module.parameters()]
        predict(copies, optimizer.reach(step))
        foreseen[step] = copies
    assert len(foreseen) > late


def test_a_prediction_goes_no_further_than_its_limit() -> None:
    weight = nn.Parameter(torch.randn(6))
    steps = torch.optim.SGD([weight], lr=0.1, momentum=0.9)
    weight.grad = torch.randn(6)
    steps.step()
    moved = weight.detach().clone()
    Prediction([steps], [weight])([moved], 100.0)
    distance = (moved - weight.detach()).norm()
    torch.testing.assert_close(distance, LONGEST * weight.detach().norm())


def test_a_discount_begins_at_the_delay_and_is_gone_after_a_quarter() -> None:
    factors = [discount(7, update, STEPS) for update in range(STEPS)]
    assert factors[0] == pytest.approx(1 / 7)
    assert factors[5] == pytest.approx(1 / math.sqrt(7))
    assert factors == sorted(factors)
    assert set(factors[10:]) == {1.0}
    assert discount(0, 0, STEPS) == discount(1, 0, STEPS) == 1


def test_versions_hold_what_is_predicted_but_no_embedding_table() -> None:
    bottom = {"type": "embedding_mlp", "hidden": [8], "out": 4, "embedding_dim": 3}
    columns = {"categorical": 2, "cardinality": 20}
    saved = {"0.weight", "2.weight"}
    sizes = []
    for compensation, more in (
        ("none", set[str]()),
        ("discount", set[str]()),
        ("weight_prediction", {"0.bias", "2.bias"}),
    ):
        pipeline = {"schedule": "stale", "depth": 3, "compensation": compensation}
        plan = prepared(synthetic(bottom=bottom, dataset=columns, pipeline=pipeline)).plan
        role, facts = plan.bottoms[0], plan.role_facts("p0.bottom")
        versioned = role.versioned(facts)
        assert {".".join(name.split(".")[-2:]) for name in versioned} == saved | more
        sizes.append(pipeline_bytes(plan))
        alone = with_depth(plan, 1)
        assert alone.bottoms[0].versioned(facts) == ()
    assert sizes[1] == sizes[0]
    assert sizes[2] == sizes[0] + 2 * 3 * 4 * (8 + 4)
