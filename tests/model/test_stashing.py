"""Modules whose batches in flight get in each other's way are refused, others are not."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from splitrun.model.custom.stashing import is_repeatable, why_not_stashed
from splitrun.model.custom.trial import Trials
from tests.model.test_versions import MODULES


class Base(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.second(torch.tanh(self.first(x)))
        return output


class Recomputes(Base):
    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = checkpoint(super().forward, self.first(x), use_reentrant=False)
        return output


class _KeepsWeights(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.weight = weight
        ctx.save_for_backward(x)
        return x @ weight

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, Tensor]:
        (x,) = ctx.saved_tensors
        return gradients[0] @ ctx.weight.T, x.T @ gradients[0]


class KeepsWeights(Base):
    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = _KeepsWeights.apply(self.first(x), self.second.weight)  # type: ignore[no-untyped-call]
        return output


class ChangesBuffer(Base):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(4))
        self.scale: Tensor

    def forward(self, x: Tensor) -> Tensor:
        self.scale.data = self.scale.data.mul_(1.5)
        return super().forward(x) * self.scale


class ClipsWeights(Base):
    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            self.second.weight.clamp_(-0.05, 0.05)
        return super().forward(x)


class HooksGradients(Base):
    def __init__(self) -> None:
        super().__init__()
        self.second.weight.register_hook(lambda gradient: gradient * 0)  # type: ignore[no-untyped-call]


class _ReadsKept(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, owner: KeepsInput) -> Tensor:
        ctx.owner = owner
        return x * owner.kept

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, None]:
        return gradients[0] * ctx.owner.kept, None


class KeepsInput(Base):
    """Keeps a tensor for its backward where the next forward puts its own."""

    kept: Tensor

    def forward(self, x: Tensor) -> Tensor:
        self.kept = x.detach()
        output: Tensor = _ReadsKept.apply(super().forward(x), self)  # type: ignore[no-untyped-call]
        return output


def verdict(kind: Callable[[], nn.Module]) -> str:
    names = [name for name, _ in kind().named_parameters()]
    return why_not_stashed(Trials(kind), names, (torch.randn(6, 4),))


@pytest.mark.parametrize("name", MODULES)
def test_ordinary_modules_may_be_pipelined(name: str) -> None:
    assert verdict(MODULES[name]) == ""
    names = [name for name, _ in MODULES[name]().named_parameters()]
    assert is_repeatable(Trials(MODULES[name]), names, (torch.randn(6, 4),))


@pytest.mark.parametrize("kind", [Recomputes, KeepsWeights, HooksGradients])
def test_who_reads_weights_in_the_backward_sees_those_of_the_forward(
    kind: Callable[[], nn.Module],
) -> None:
    assert verdict(kind) == ""


def test_dropout_and_sparse_embeddings_may_be_pipelined() -> None:
    assert verdict(lambda: nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 2))) == ""

    def table() -> nn.Module:
        return nn.Sequential(nn.Embedding(50, 4, sparse=True), nn.Linear(4, 2))

    codes = (torch.tensor([[1], [2], [1]]),)
    assert why_not_stashed(Trials(table), ("1.weight", "1.bias"), codes) == ""


@pytest.mark.parametrize(
    ("kind", "complaint"),
    [
        (KeepsInput, "its backward reads what a later forward has changed"),
        (ChangesBuffer, "its backward reads what a later forward has changed|needs what"),
        (ClipsWeights, r"it changes its parameter second\.weight by itself"),
    ],
)
def test_a_module_that_would_train_on_wrong_gradients_is_found(
    kind: Callable[[], nn.Module], complaint: str
) -> None:

    assert re.search(complaint, verdict(kind))


def test_looking_changes_nothing_of_what_instances_share() -> None:
    module = ChangesBuffer()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    state = torch.get_rng_state()
    with Trials(lambda: module) as looking:
        why_not_stashed(looking, ("second.weight",), (torch.ones(6, 4),))
    assert torch.equal(torch.get_rng_state(), state)
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, before[name])
    assert all(parameter.grad is None for parameter in module.parameters())
