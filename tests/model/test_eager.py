"""Optimizers and backwards without PyTorch's compiler do what PyTorch's own do."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn, optim
from torch.optim.optimizer import register_optimizer_step_post_hook

from splitrun.model.eager import backward, eager, steps_of

KINDS = [
    (optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    (optim.Adam, {"lr": 0.1}),
    (optim.Adam, {"lr": 0.1, "fused": True}),
    (optim.AdamW, {"lr": 0.1}),
    (optim.Adagrad, {"lr": 0.1}),
    (optim.RMSprop, {"lr": 0.1, "momentum": 0.9}),
    (optim.SparseAdam, {"lr": 0.1}),
]


def trained(
    kind: type[optim.Optimizer], options: dict[str, Any]
) -> tuple[list[Tensor], dict[str, Any]]:
    """A table's weights after steps, some of them from a state that was given, and that state."""
    torch.manual_seed(1)
    sparse = issubclass(kind, optim.SparseAdam)
    module = nn.Embedding(9, 4, sparse=sparse)
    optimizer = kind(list(module.parameters()), **options)
    for step in range(6):
        module(torch.arange(step, step + 3)).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
        if step == 3:
            state = optimizer.state_dict()
            optimizer = kind(list(module.parameters()), **options)
            optimizer.load_state_dict(state)
    return [each.detach() for each in module.parameters()], optimizer.state_dict()


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_an_eager_optimizer_has_the_bits_and_the_state_of_pytorchs(
    kind: Any, options: dict[str, Any]
) -> None:
    assert eager(kind) is eager(kind)
    assert issubclass(eager(kind), kind)
    (plain, plain_state), (own, own_state) = trained(kind, options), trained(eager(kind), options)
    assert all(map(torch.equal, plain, own))
    assert own_state["param_groups"] == plain_state["param_groups"]
    assert str(own_state["state"]) == str(plain_state["state"])


@pytest.mark.parametrize("bare", [False, True])
def test_hooks_of_an_eager_optimizers_steps_are_run(*, bare: bool) -> None:
    weight = nn.Parameter(torch.ones(2))
    optimizer = eager(optim.SGD)([weight], lr=1.0)
    steps, called = steps_of(optimizer), []

    def run() -> None:
        (steps.now if bare else optimizer.step)()

    optimizer.register_step_pre_hook(lambda *_: called.append("before"))
    optimizer.register_step_post_hook(lambda *_: called.append("after"))
    everywhere = register_optimizer_step_post_hook(lambda *_: called.append("everywhere"))
    weight.grad = torch.ones(2)
    run()
    everywhere.remove()
    assert called == ["before", "after", "everywhere"]
    assert weight.tolist() == [0, 0]
    run()
    assert len(called) == 5


def gradients(run: Any) -> list[Tensor | None]:
    torch.manual_seed(2)
    module = nn.Sequential(nn.Linear(5, 7), nn.LayerNorm(7), nn.Linear(7, 3))
    leaf = torch.randn(4, 5, requires_grad=True)
    outputs = (module(leaf), module[0](leaf))
    run(outputs, [torch.randn_like(each) for each in outputs])
    run((module(leaf),), [torch.ones(4, 3)])
    return [leaf.grad, *(each.grad for each in module.parameters())]


def test_a_backward_adds_the_gradients_that_pytorchs_adds() -> None:
    for own, plain in zip(gradients(backward), gradients(torch.autograd.backward), strict=True):
        assert own is not None
        assert plain is not None
        assert torch.equal(own, plain)


def test_pytorch_still_has_the_names_that_are_relied_on() -> None:
    """Without them a backward is `torch.autograd.backward` and a step is the optimizer's, and both
    take longer."""
    assert callable(torch.autograd.Variable._execution_engine.run_backward)
    optimizer = eager(optim.SGD)([nn.Parameter(torch.ones(2))], lr=1.0)
    assert steps_of(optimizer).bare != optimizer.step
