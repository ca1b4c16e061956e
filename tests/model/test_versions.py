"""Weight versions against what they replace: a full copy of the module for every forward."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from splitrun.model import RoleOptimizer
from splitrun.model.custom.versions import WatchedVersions
from splitrun.model.optimizers import Adam, ConstantLr
from splitrun.model.versions import WeightVersions, saved_parameters

ROWS = 6


class Recurrent(nn.Module):
    def __init__(self, kind: type[nn.Module]) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.layer = kind(4, 5, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.layer(self.first(x).unsqueeze(1).expand(-1, 3, -1))[0]
        return output[:, -1]


class Tied(nn.Module):
    """One weight in two layers, and a parameter of its own at the top level."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(4))
        self.down, self.up = nn.Linear(4, 4), nn.Linear(4, 4)
        self.up.weight = self.down.weight

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.up(torch.relu(self.down(x * self.scale)))
        return output


class Convolution(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(1, 3, 2), nn.BatchNorm1d(3), nn.ReLU(), nn.Conv1d(3, 2, 2)
        )

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.layers(x.unsqueeze(1)).flatten(1)
        return output


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.layer(x.unsqueeze(1).expand(-1, 3, -1)).flatten(1)
        return output


MODULES: dict[str, Callable[[], nn.Module]] = {
    "linear": lambda: nn.Linear(4, 3),
    "mlp": lambda: nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.Linear(8, 3)),
    "layer norm": lambda: nn.Sequential(nn.LayerNorm(4), nn.Linear(4, 4), nn.LayerNorm(4)),
    "batch norm": lambda: nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)),
    "weight norm": lambda: nn.Sequential(
        nn.utils.parametrizations.weight_norm(nn.Linear(4, 4)), nn.Tanh(), nn.Linear(4, 2)
    ),
    "gru": lambda: Recurrent(nn.GRU),
    "lstm": lambda: Recurrent(nn.LSTM),
    "tied": Tied,
    "convolution": Convolution,
    "attention": Attention,
}


@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize("name", MODULES)
def test_gradients_are_those_of_a_module_copied_at_every_forward(name: str, depth: int) -> None:
    torch.manual_seed(0)
    module = MODULES[name]()
    reference = copy.deepcopy(module)
    saved, _ = saved_parameters(copy.deepcopy(module), (torch.randn(ROWS, 4),))
    versions = WeightVersions(module, saved if depth > 1 else ())
    ours = torch.optim.Adam(module.parameters(), lr=0.1)
    theirs = torch.optim.Adam(reference.parameters(), lr=0.1)
    in_flight = []
    for _ in range(9):
        inputs = torch.randn(ROWS, 4)
        output, batch = versions.forward(inputs)
        copied = copy.deepcopy(reference)
        in_flight.append((output, batch, copied, copied(inputs)))
        reference.load_state_dict(dict(copied.named_buffers()), strict=False)
        if len(in_flight) < depth:
            continue
        output, batch, copied, expected = in_flight.pop(0)
        assert torch.equal(output, expected)
        gradient = torch.randn_like(output)
        versions.backward(batch, (output,), (gradient,))
        versions.release(batch)
        torch.autograd.backward(expected, gradient)
        for mine, other in zip(reference.parameters(), copied.parameters(), strict=True):
            mine.grad = other.grad
        with versions.updating():
            ours.step()
        ours.zero_grad(), theirs.step(), theirs.zero_grad()
        for mine, other in zip(module.parameters(), reference.parameters(), strict=True):
            assert torch.equal(mine, other)


def test_a_first_linear_and_embeddings_are_not_saved_and_inner_layers_are() -> None:
    mlp = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
    assert saved_parameters(mlp, (torch.randn(2, 4),))[0] == ("2.weight", "4.weight")
    embedding = nn.Embedding(100, 4, sparse=True)
    assert saved_parameters(embedding, (torch.tensor([1, 2]),))[0] == ()


def test_no_more_copies_are_made_than_batches_in_flight() -> None:
    module = MODULES["mlp"]()
    saved, _ = saved_parameters(module, (torch.randn(2, 4),))
    versions = WeightVersions(module, saved)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    in_flight, copies = [], set()
    for _ in range(40):
        in_flight.append(versions.forward(torch.randn(2, 4)))
        copies.add(id(in_flight[-1][1].version))
        if len(in_flight) == 4:
            output, batch = in_flight.pop(0)
            versions.backward(batch, (output,), (torch.ones_like(output),))
            versions.release(batch)
            with versions.updating():
                optimizer.step()
            optimizer.zero_grad()
    assert len(copies) == 4


def test_a_parameter_wrongly_taken_for_unsaved_makes_the_backward_raise() -> None:
    module = MODULES["mlp"]()
    versions = WeightVersions(module, ())
    output, _ = versions.forward(torch.randn(2, 4))
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        torch.autograd.backward(output.sum())


@pytest.mark.parametrize("fused", [False, True])
def test_the_net_catches_every_update_fused_or_not(*, fused: bool) -> None:
    module = MODULES["mlp"]()
    versions = WeightVersions(module, ())
    optimizer = RoleOptimizer(
        module,
        Adam(type="adam", fused=fused),
        ConstantLr(type="constant"),
        steps_per_epoch=1,
        steps=1,
    )
    first, _ = versions.forward(torch.randn(2, 4))
    second, _ = versions.forward(torch.randn(2, 4))
    torch.autograd.backward(first.sum())
    optimizer.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        torch.autograd.backward(second.sum())


def test_a_module_shows_its_newest_weights_when_its_forward_fails() -> None:
    module = MODULES["mlp"]()
    before = [(id(parameter), parameter.data_ptr()) for parameter in module.parameters()]
    versions = WeightVersions(module, ("2.weight",))
    with pytest.raises(RuntimeError):
        versions.forward(torch.randn(2, 5))
    after = [(id(parameter), parameter.data_ptr()) for parameter in module.parameters()]
    assert after == before


def test_a_parameter_that_begins_to_learn_has_versions_from_then_on() -> None:
    last = nn.Linear(4, 3).requires_grad_(False)
    module = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), last)
    versions = WatchedVersions(module, ("0.weight", "0.bias"))
    before, early = versions.forward(torch.randn(2, 4))
    last.requires_grad_(True)
    _, late = versions.forward(torch.randn(2, 4))
    old = last.weight.detach().clone()
    versions.backward(early, (before,), (torch.ones(2, 3),))
    versions.release(early)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    with versions.updating():
        optimizer.step()
    with torch.no_grad():
        last.weight.add_(1)
    seen = []
    versions.seeing(late.version, lambda: seen.append(last.weight.detach().clone()))
    assert torch.equal(seen[0], old)
    assert torch.equal(last.weight, old + 1)


class Rebinding(nn.Linear):
    """Gives its weight other memory to show in every forward."""

    def forward(self, inputs: Tensor) -> Tensor:
        self.weight.data = self.weight.data.clone()
        return super().forward(inputs)


@pytest.mark.parametrize("kind", [nn.Linear, Rebinding])
def test_it_is_noted_if_a_forward_gives_a_parameter_other_memory(kind: type[nn.Linear]) -> None:
    module = kind(4, 3)
    mine = module.weight.data_ptr()
    _, batch = WatchedVersions(module, ("weight",)).forward(torch.randn(2, 4))
    assert batch.is_written == (kind is Rebinding)
    assert module.weight.data_ptr() == mine


def test_gradients_are_refused_of_an_output_that_was_given_another_shape() -> None:
    """One of fewer rows, autograd itself would take: it would add up the gradient's rows."""
    versions = WatchedVersions(nn.Linear(4, 3), ("weight",))
    output, batch = versions.forward(torch.randn(2, 4))
    gradient = torch.ones(2, 3)
    output.as_strided_((1, 3), (3, 1))
    with pytest.raises(RuntimeError, match="another shape"):
        versions.backward(batch, (output,), (gradient,))
