"""The rules against staleness, each by what it promises."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from splitrun.model import RoleOptimizer
from splitrun.model.compensation import Discount, LongMomentum, WeightPrediction
from splitrun.model.late_gradients import (
    LONGEST,
    Prediction,
    SpikedAdam,
    SpikedSgd,
    long_beta,
    warmth,
)
from splitrun.model.optimizers import ConstantLr, Sgd
from splitrun.plan import memory
from splitrun.simulate import with_depth
from splitrun.spec.contracts import Recipe, RuleSection
from tests.runtime.running import prepared, synthetic

STEPS = 40
DISCOUNT = Discount(type="discount")


def role_optimizer(module: nn.Module, rules: tuple[RuleSection, ...], late: int) -> RoleOptimizer:
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


@pytest.mark.parametrize("decoupled", [False, True])
def test_a_spiked_adam_whose_gradients_are_in_time_is_adam(*, decoupled: bool) -> None:
    torch.manual_seed(0)
    weights = [nn.Parameter(torch.randn(4, 3)), nn.Parameter(torch.randn(5))]
    others = [nn.Parameter(weight.detach().clone()) for weight in weights]
    kind = torch.optim.AdamW if decoupled else torch.optim.Adam
    plain = kind(weights, lr=0.1, weight_decay=0.1)
    spiked = SpikedAdam(others, lambda _: 0, decoupled=decoupled, lr=0.1, weight_decay=0.1)
    for update in range(5):
        for number, (weight, other) in enumerate(zip(weights, others, strict=True)):
            absent = number == 1 and update == 2
            weight.grad = other.grad = None if absent else torch.randn_like(weight)
        plain.step()
        spiked.step()
        torch.testing.assert_close(others, weights)
    states = zip(plain.state.values(), spiked.state.values(), strict=True)
    for ours, theirs in states:
        assert ours.keys() == theirs.keys()
        assert ours["step"] == theirs["step"]


def test_a_spike_of_adam_moves_the_weight_of_a_late_gradient_to_the_gradient_itself() -> None:
    weights = [nn.Parameter(torch.zeros(2, dtype=torch.float64)) for _ in range(2)]
    in_time = SpikedAdam([weights[0]], lambda _: 0, lr=0.1, betas=(0.5, 0.999))
    late = SpikedAdam([weights[1]], lambda _: 3, lr=0.1, betas=(0.5, 0.999))
    moved = []
    for gradient in (1.0, -1.0):
        before = [weight.detach().clone() for weight in weights]
        for weight, optimizer in zip(weights, (in_time, late), strict=True):
            weight.grad = torch.full_like(weight, gradient)
            optimizer.step()
        moved = [(now - then)[0].item() for now, then in zip(weights, before, strict=True)]
    mean, share = (-1 + 0.5) / (1 + 0.5), 0.5**3
    assert moved == pytest.approx([-0.1 * mean, -0.1 * (share * mean - (1 - share))])


def test_a_long_momentum_keeps_what_is_longer_and_the_pace_of_sgd() -> None:
    recipe = LongMomentum(type="long_momentum").prepare(Recipe(lambda _: 0))
    weights = [nn.Parameter(torch.zeros(2))]

    def lengthened(momentum: float) -> tuple[float, float]:
        (sgd,) = Sgd(type="sgd", lr=0.1, momentum=momentum).make(weights, (), recipe)
        return sgd.defaults["lr"], sgd.defaults["momentum"]

    lr, momentum = lengthened(0.9)
    assert momentum == 0.99
    assert lr / (1 - momentum) == pytest.approx(0.1 / 0.1)
    assert lengthened(0.995) == (0.1, 0.995)


def test_adams_memory_grows_with_the_run_and_its_mean_is_a_mean() -> None:
    betas = [long_beta(0.9, age) for age in range(1, 1000)]
    assert betas == sorted(betas)
    assert (betas[0], betas[49], betas[99], betas[-1]) == (0.9, 0.9, 0.95, 0.99)
    assert long_beta(0.995, 3) == 0.995
    mean = 0.0
    for age, beta in enumerate(betas, start=1):
        mean = beta * mean + (1 - beta)
        assert mean / warmth(0.9, age, grows=True) == pytest.approx(1)
    for age in (2_000, 2_001):
        assert warmth(0.9, age, grows=True) == pytest.approx(1, abs=1e-13)


def test_a_memory_that_was_longer_before_stays_as_it_is() -> None:
    for age in (1, 1_999, 2_000, 2_001, 5_000):
        assert warmth(0.9999, age, grows=True) == pytest.approx(1 - 0.9999**age, rel=1e-9)


def test_a_prediction_meets_the_weights_that_a_constant_gradient_leads_to() -> None:
    torch.manual_seed(0)
    module, inputs = nn.Linear(4, 3), torch.randn(5, 4)
    late = 4
    optimizer = role_optimizer(module, (WeightPrediction(type="weight_prediction"), DISCOUNT), late)
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
    factors = [DISCOUNT.lr_factor(7, update, STEPS) for update in range(STEPS)]
    assert factors[0] == pytest.approx(1 / 7)
    assert factors[5] == pytest.approx(1 / math.sqrt(7))
    assert factors == sorted(factors)
    assert set(factors[10:]) == {1.0}
    assert DISCOUNT.lr_factor(0, 0, STEPS) == DISCOUNT.lr_factor(1, 0, STEPS) == 1


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
        sizes.append(sum(held.versions for held in memory(plan).values()))
        alone = with_depth(plan, 1)
        assert alone.bottoms[0].versioned(facts) == ()
    assert sizes[1] == sizes[0]
    assert sizes[2] == sizes[0] + 2 * 3 * 4 * (8 + 4)
