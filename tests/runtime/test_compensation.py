"""Compensation against its formulas, written here without the project, bit for bit."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from splitrun.session import Experiment
from tests.runtime.running import (
    Content,
    RandomDelays,
    labels_of,
    modules_of,
    prepared,
    synthetic,
    trained,
)
from tests.runtime.test_references import assert_equal_bits, batches, columns_of, one_thread

__all__ = ["one_thread"]

Make = Callable[[Iterable[nn.Parameter], float], torch.optim.Optimizer]
Memory = dict[str, Any]
"""An optimizer's state of a weight, and the gradient."""
LR = 0.02
SHORT, LONG = 0.9, 0.99


@dataclass(frozen=True)
class Case:
    optimizer: Content
    make: Make
    """With a momentum, if it has any."""
    follow: Callable[[Tensor, Memory, float], None]
    """Moves a weight on by the reach, given what was remembered of it."""


def adam(weight: Tensor, memory: Memory, reach: float) -> None:
    age = memory["step"].item()
    root = math.sqrt(1 - 0.999**age)
    length = memory["exp_avg_sq"].sqrt() + 1e-8 * root
    weight.addcdiv_(
        memory["exp_avg"], length, value=-reach * root / memory.get("warm", 1 - SHORT**age)
    )


def velocity(weight: Tensor, memory: Memory, reach: float) -> None:
    within_half_a_norm(weight, memory["momentum_buffer"], reach)


def gradient(weight: Tensor, memory: Memory, reach: float) -> None:
    within_half_a_norm(weight, memory["gradient"], reach)


def within_half_a_norm(weight: Tensor, direction: Tensor, reach: float) -> None:
    step = (weight.norm() / 2 / direction.norm()).clamp(max=reach)
    weight.addcmul_(direction, -step)


CASES = {
    "sgd": Case({"type": "sgd"}, lambda w, _: torch.optim.SGD(w, LR), gradient),
    "momentum": Case(
        {"type": "sgd", "momentum": SHORT},
        lambda w, m: torch.optim.SGD(w, LR * (1 - m) / (1 - SHORT), momentum=m),
        velocity,
    ),
    "adam": Case({"type": "adam"}, lambda w, m: torch.optim.Adam(w, LR, (m, 0.999)), adam),
    "adamw": Case({"type": "adamw"}, lambda w, m: torch.optim.AdamW(w, LR, (m, 0.999)), adam),
}


def reference(experiment: Experiment, case: Case, rules: list[str], depth: int) -> list[Tensor]:
    """One thread; after every update a copy of the bottoms' weights and of what their optimizers
    keep."""
    rules = rules if depth > 1 else []
    modules = modules_of(experiment)
    *names, top_name = modules
    live, top = [modules[name] for name in names], modules[top_name]
    stashed = copy.deepcopy(live)
    columns = columns_of(experiment)
    by_hand = "spike" in rules or ("long_momentum" in rules and "momentum" not in case.optimizer)
    momentum = LONG if "long_momentum" in rules else SHORT
    optimizers = [case.make(module.parameters(), momentum) for module in live]
    optimizers.append(case.make(top.parameters(), SHORT))
    base = optimizers[0].param_groups[0]["lr"]
    drain, steps = experiment.plan.steps_per_epoch, experiment.plan.steps
    history: list[tuple[list[Tensor], list[Memory]]] = [(copies(live), [])]

    def factor(update: int) -> float:
        late = min(update % drain, depth - 1)
        fade = 1 - min(update / (steps / 4), 1)
        return 1 / max(1, late) ** fade if "discount" in rules else 1.0

    def rate(update: int) -> float:
        return float(base * factor(update))

    for step, ids in enumerate(batches(experiment)):
        late = min(step % drain, depth - 1)
        weights, memories = history[step - late]
        for parameter, weight in zip(parameters_of(stashed), weights, strict=True):
            parameter.data, parameter.grad = weight.clone(), None
        if "weight_prediction" in rules and memories and late:
            reach = LR * math.fsum(factor(update) for update in range(step - late, step))
            for parameter, memory in zip(parameters_of(stashed), memories, strict=True):
                case.follow(parameter.data, memory, reach)
        hidden = [bottom(x[ids]) for bottom, x in zip(stashed, columns, strict=True)]
        loss = functional.binary_cross_entropy_with_logits(
            top(torch.cat(hidden, dim=1)), labels_of(experiment)[ids]
        )
        torch.autograd.backward(loss)
        for bottom, old, optimizer in zip(live, stashed, optimizers, strict=False):
            for new, then in zip(bottom.parameters(), old.parameters(), strict=True):
                new.grad = then.grad
            optimizer.param_groups[0]["lr"] = rate(step)
            if by_hand:
                spiked = spiked_sgd if "momentum" in case.optimizer else spiked_adam
                spiked(optimizer, momentum, late if "spike" in rules else 0)
            else:
                optimizer.step()
        optimizers[-1].step()
        optimizers[-1].zero_grad()
        remembered = [
            kept({**optimizer.state[weight], "gradient": weight.grad})
            for bottom, optimizer in zip(live, optimizers, strict=False)
            for weight in bottom.parameters()
        ]
        history.append((copies(live), remembered))
    return [parameter.detach() for parameter in parameters_of([*live, top])]


def parameters_of(modules: Iterable[nn.Module]) -> list[nn.Parameter]:
    return [parameter for module in modules for parameter in module.parameters()]


def copies(modules: Iterable[nn.Module]) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in parameters_of(modules)]


def kept(memory: Memory) -> Memory:
    return {key: it.clone() if isinstance(it, Tensor) else it for key, it in memory.items()}


@torch.no_grad()
def spiked_sgd(optimizer: torch.optim.Optimizer, momentum: float, late: int) -> None:
    lr = optimizer.param_groups[0]["lr"]
    for weight in optimizer.param_groups[0]["params"]:
        old = optimizer.state[weight].get("momentum_buffer", torch.zeros_like(weight))
        new = optimizer.state[weight]["momentum_buffer"] = momentum * old + weight.grad
        weight.sub_(new, alpha=lr * momentum**late)
        weight.sub_(weight.grad, alpha=lr * ((1 - momentum**late) / (1 - momentum)))


@torch.no_grad()
def spiked_adam(optimizer: torch.optim.Optimizer, momentum: float, late: int) -> None:
    group = optimizer.param_groups[0]
    for weight in group["params"]:
        state = optimizer.state[weight]
        age = state["step"] = state.get("step", torch.tensor(0.0)) + 1
        update = int(age.item())
        beta = max(SHORT, min(momentum, 1 - 5 / update))
        state["forgotten"] = state.get("forgotten", 1.0) * beta
        mean, square = state.get("exp_avg"), state.get("exp_avg_sq")
        mean = torch.zeros_like(weight) if mean is None else mean
        square = torch.zeros_like(weight) if square is None else square
        if isinstance(optimizer, torch.optim.AdamW):
            weight.mul_(1 - group["lr"] * group["weight_decay"])
        state["exp_avg"] = mean.lerp(weight.grad, 1 - beta)
        state["exp_avg_sq"] = (0.999 * square).addcmul(weight.grad, weight.grad, value=1 - 0.999)
        root = math.sqrt(1 - 0.999**update)
        length = state["exp_avg_sq"].sqrt() + 1e-8 * root
        part, lr = beta**late, group["lr"] * root
        warm = state["warm"] = 1 - (state["forgotten"] if momentum == LONG else SHORT**update)
        weight.addcdiv_(state["exp_avg"], length, value=-lr * part / warm)
        weight.addcdiv_(weight.grad, length, value=-lr * (1 - part))


@pytest.mark.parametrize(
    "depth", [1, 3, 8, *(pytest.param(it, marks=pytest.mark.long) for it in (2, 5))]
)
@pytest.mark.parametrize(
    ("name", "rules"),
    [
        ("sgd", ["weight_prediction"]),
        ("momentum", ["spike"]),
        ("momentum", ["weight_prediction", "spike", "discount"]),
        ("adam", ["discount"]),
        ("adam", ["weight_prediction"]),
        ("adam", ["weight_prediction", "discount"]),
        ("adamw", ["discount", "weight_prediction"]),
        ("adam", ["spike", "weight_prediction"]),
        ("adam", ["long_momentum", "spike"]),
        ("adam", ["long_momentum", "weight_prediction"]),
        ("adamw", ["long_momentum"]),
        ("adamw", ["long_momentum", "spike", "discount"]),
        ("momentum", ["long_momentum", "spike"]),
    ],
)
def test_compensation_is_bit_identical_to_its_formulas_across_drains(
    name: str, rules: list[str], depth: int
) -> None:
    case = CASES[name]
    experiment = prepared(
        synthetic(
            bottom={"type": "mlp", "hidden": [10, 8], "out": 6, "normalization": "layer"},
            training={
                "epochs": 3,
                "optimizer": case.optimizer | {"lr": LR},
                "evaluate_every_epochs": 1,
            },
            pipeline={"schedule": "stale", "depth": depth, "compensation": rules},
        )
    )
    expected = reference(experiment, case, rules, depth)
    assert_equal_bits(trained(experiment, "threaded").weights, expected)


OPTIMIZERS: list[Content] = [
    {"type": "sgd", "lr": 0.1, "momentum": 0.9},
    {"type": "adam", "lr": 0.01},
    {"type": "adagrad", "lr": 0.05},
]


def digest(schedule: str, optimizer: Content, **pipeline: Any) -> str:
    content = synthetic(
        training={"optimizer": optimizer}, pipeline={"schedule": schedule} | pipeline
    )
    return trained(prepared(content), "serial").weights_sha256


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda optimizer: optimizer["type"])
def test_compensation_changes_stale_and_nothing_else(optimizer: Content) -> None:
    changed = digest("stale", optimizer, compensation="auto")
    assert changed != digest("stale", optimizer)
    plain = digest("sequential", optimizer)
    assert digest("stale", optimizer, depth=1, compensation="auto") == plain
    assert digest("sequential", optimizer, compensation="auto") == plain
    sliced = digest("microbatch", optimizer)
    assert digest("microbatch", optimizer, compensation="auto") == sliced


@pytest.mark.parametrize("optimizer", ["sparse_adam", "adam"])
@pytest.mark.parametrize("compensation", ["auto", ["weight_prediction", "discount"]])
def test_threaded_is_serial_beside_tables(optimizer: str, compensation: str | list[str]) -> None:
    content = synthetic(
        bottom={
            "type": "embedding_mlp",
            "hidden": [8],
            "out": 4,
            "embedding_dim": 3,
            "sparse": optimizer == "sparse_adam",
        },
        dataset={"categorical": 2, "cardinality": 20},
        training={"optimizer": {"type": optimizer, "lr": 0.01}, "evaluate_every_epochs": 1},
        pipeline={"schedule": "stale", "depth": 4, "compensation": compensation},
    )
    content["parties"]["p1"]["depth"] = 2
    serial = trained(prepared(content), "serial")
    threaded = trained(prepared(content), "threaded", RandomDelays(3, 0.002))
    assert threaded.weights_sha256 == serial.weights_sha256
