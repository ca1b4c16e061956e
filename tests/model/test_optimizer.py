"""Learning rates, against values worked out by hand, and steps against PyTorch's."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from splitrun.model import RoleOptimizer
from splitrun.model.compensation import Discount, WeightPrediction
from splitrun.model.optimizers import (
    Adam,
    AdamW,
    ConstantLr,
    CosineLr,
    ExponentialLr,
    Sgd,
    StepLr,
)
from splitrun.spec.contracts import LrScheduleSection, Recipe

_RISE = [1 / 4, 2 / 4, 3 / 4]
"""Of a warm-up of three steps."""


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (ConstantLr(type="constant"), [1.0] * 9),
        (ConstantLr(type="constant", warmup_steps=3), [*_RISE, *[1.0] * 6]),
        (StepLr(type="step", every_epochs=1, gamma=0.5), [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125]),
        (
            StepLr(type="step", every_epochs=1, gamma=0.5, warmup_steps=3),
            [*_RISE, 1, 1, 0.5, 0.5, 0.25, 0.25],
        ),
        (ExponentialLr(type="exponential", gamma=0.25), [1, 1 / 2, 1 / 4, 1 / 8]),
        (
            ExponentialLr(type="exponential", gamma=0.25, warmup_steps=3),
            [*_RISE, 1, 1 / 2, 1 / 4, 1 / 8],
        ),
        (CosineLr(type="cosine"), [1, 0.8535534, 0.5, 0.1464466, 0]),
        (CosineLr(type="cosine", warmup_steps=3), [*_RISE, 1, 0.75, 0.25, 0]),
        (
            CosineLr(type="cosine", warmup_steps=3, final_fraction=0.2),
            [*_RISE, 1, 0.8, 0.4, 0.2],
        ),
        (CosineLr(type="cosine", final_fraction=0.3), [1]),
        (CosineLr(type="cosine", warmup_steps=3), [*_RISE, 1]),
        (CosineLr(type="cosine", warmup_steps=3), _RISE),
        (CosineLr(type="cosine", warmup_steps=3), _RISE[:2]),
    ],
)
def test_a_warm_up_comes_before_the_schedule(
    schedule: LrScheduleSection, expected: list[float]
) -> None:
    """Epochs of two steps; as many steps as there are values."""
    steps = len(expected)
    found = [schedule.factor(step, 2, steps) for step in range(steps)]
    assert found == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("warmup_steps", [0, 8])
@pytest.mark.parametrize("final_fraction", [0.0, 0.01, 1 / 3])
@pytest.mark.parametrize("steps", [10, 24, 355])
def test_a_cosine_peaks_at_the_full_rate_and_its_last_update_has_the_final_fraction(
    steps: int, final_fraction: float, warmup_steps: int
) -> None:
    schedule = CosineLr(type="cosine", warmup_steps=warmup_steps, final_fraction=final_fraction)
    factors = [schedule.factor(step, 5, steps) for step in range(steps)]
    assert factors[warmup_steps] == max(factors) == 1.0
    assert factors[-1] == final_fraction
    assert factors[:warmup_steps] == sorted(factors[:warmup_steps])
    assert factors[warmup_steps:] == sorted(factors[warmup_steps:], reverse=True)


def test_a_prediction_reaches_as_far_as_the_updates_that_are_then_made() -> None:
    """With a warm-up, a schedule after it, and a discount."""
    steps, late, lr = 12, 3, 0.1
    weight = nn.Linear(1, 1)
    optimizer = RoleOptimizer(
        weight,
        Sgd(type="sgd", lr=lr),
        CosineLr(type="cosine", warmup_steps=4, final_fraction=0.5),
        steps_per_epoch=4,
        steps=steps,
        rules=(WeightPrediction(type="weight_prediction"), Discount(type="discount")),
        staleness=lambda update: min(update, late),
    )
    rates, reaches = [], []
    for step in range(steps):
        reaches.append(optimizer.reach(step))
        (group,) = optimizer.optimizers[0].param_groups
        rates.append(group["lr"])
        for parameter in weight.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
    # The discount ends with the first quarter of the run: only the third update has one.
    expected = [0.2, 0.4, 0.6 / 2 ** (1 / 3), 0.8, 1, *_half_a_cosine(1, 6, 0.5), 0.5]
    assert rates == pytest.approx([lr * factor for factor in expected])
    for step, reach in enumerate(reaches):
        assert reach == pytest.approx(math.fsum(rates[max(0, step - late) : step]))


def _half_a_cosine(first: int, last: int, final: float) -> list[float]:
    sevenths = [(1 + math.cos(math.pi * step / 7)) / 2 for step in range(first, last + 1)]
    return [final + (1 - final) * cosine for cosine in sevenths]


@pytest.mark.parametrize("section", [Adam, AdamW])
@given(
    shapes=st.lists(st.lists(st.integers(1, 17), min_size=1, max_size=3), min_size=3, max_size=6),
    weight_decay=st.sampled_from([0.0, 0.03]),
    missing=st.integers(0, 11),
    exponents=st.lists(st.integers(-20, 6), min_size=4, max_size=4),
    seed=st.integers(0, 2**31),
)
@settings(deadline=None, max_examples=25)
def test_small_weights_that_are_updated_together_have_the_bits_of_weights_updated_in_turn(
    section: type[Adam | AdamW],
    shapes: list[list[int]],
    weight_decay: float,
    missing: int,
    exponents: list[int],
    seed: int,
) -> None:
    """Of some gradients, one is missing now and then, so that weights differ in age."""
    name = section.__name__.lower()
    generator = torch.Generator().manual_seed(seed)
    first = [nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]
    second = [nn.Parameter(weight.detach().clone()) for weight in first]
    options = section(type=name, lr=0.003, weight_decay=weight_decay)
    (together,) = options.make(first, (), Recipe(lambda _: 0))
    in_turn = getattr(torch.optim, section.__name__)(
        second, lr=0.003, weight_decay=weight_decay, foreach=False
    )
    assert together.param_groups[0]["foreach"]
    for number, exponent in enumerate(exponents):
        for index, (one, other) in enumerate(zip(first, second, strict=True)):
            gradient = torch.randn(one.shape, generator=generator) * 10.0**exponent
            absent = (number, index) == divmod(missing, 6)
            one.grad, other.grad = (None, None) if absent else (gradient, gradient.clone())
        together.step()
        in_turn.step()
    assert all(map(torch.equal, first, second))


def test_large_weights_are_updated_in_turn_so_that_nothing_large_is_held_twice() -> None:
    weights = [nn.Parameter(torch.empty(1024, 512)) for _ in range(3)]
    (optimizer,) = Adam(type="adam").make(weights, (), Recipe(lambda _: 0))
    assert not optimizer.param_groups[0]["foreach"]
