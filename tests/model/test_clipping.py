"""A role's gradients are clipped as PyTorch would, bit for bit."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from splitrun.errors import SpecError
from splitrun.model.clipping import clipping
from splitrun.spec import Clip
from tests.runtime.running import Content, prepared, synthetic

WIDTHS = st.lists(st.integers(1, 40), min_size=1, max_size=4)


def _layers(widths: list[int], scale: float) -> nn.ModuleList:
    torch.manual_seed(len(widths))
    layers = nn.ModuleList(nn.Linear(width, 3) for width in widths)
    for parameter in layers.parameters():
        parameter.grad = scale * torch.randn_like(parameter)
    return layers


def _gradients(module: nn.Module) -> list[Tensor]:
    return [each.grad for each in module.parameters() if each.grad is not None]


@given(widths=WIDTHS, most=st.floats(1e-3, 1e3), scale=st.floats(1e-3, 1e3))
def test_a_norm_is_clipped_as_pytorch_does_it(widths: list[int], most: float, scale: float) -> None:
    ours, theirs = _layers(widths, scale), _layers(widths, scale)
    clip = clipping(Clip(norm=most))
    assert clip is not None
    clip(list(ours.parameters()))
    torch.nn.utils.clip_grad_norm_(theirs.parameters(), most)
    assert all(map(torch.equal, _gradients(ours), _gradients(theirs)))


@given(
    most=st.floats(1e-3, 1e3),
    relative=st.floats(0.97, 1.03),
    kind=st.sampled_from([torch.float32, torch.float64, torch.bfloat16]),
)
def test_a_norm_near_the_most_is_clipped_as_pytorch_does_it_in_any_type(
    most: float, relative: float, kind: torch.dtype
) -> None:
    layers = [_layers([5, 3], 1.0).to(kind) for _ in range(2)]
    norm = torch.nn.utils.get_total_norm(_gradients(layers[0])).item()
    for each in layers:
        for gradient in _gradients(each):
            gradient.mul_(most * relative / norm)
    clip = clipping(Clip(norm=most))
    assert clip is not None
    clip(list(layers[0].parameters()))
    torch.nn.utils.clip_grad_norm_(layers[1].parameters(), most)
    assert all(map(torch.equal, *map(_gradients, layers)))


@pytest.mark.parametrize("odd", [0.0, -0.0, 1e-45, float("inf"), -float("inf"), float("nan")])
@pytest.mark.parametrize("most", [1e-6, 1.0, 1e30])
def test_odd_numbers_are_clipped_as_pytorch_does_it(odd: float, most: float) -> None:
    layers = [nn.Linear(3, 2) for _ in range(2)]
    for each in layers:
        each.weight.grad, each.bias.grad = torch.full((2, 3), odd), torch.tensor([0.5, -0.0])
    clip = clipping(Clip(norm=most))
    assert clip is not None
    clip(list(layers[0].parameters()))
    torch.nn.utils.clip_grad_norm_(layers[1].parameters(), most)
    for ours, theirs in zip(*map(_gradients, layers), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0, equal_nan=True)
        assert torch.equal(ours.signbit()[~ours.isnan()], theirs.signbit()[~theirs.isnan()])


@given(widths=WIDTHS, most=st.floats(1e-3, 1e3))
def test_values_are_clipped_as_pytorch_does_it(widths: list[int], most: float) -> None:
    ours, theirs = _layers(widths, 3.0), _layers(widths, 3.0)
    clip = clipping(Clip(value=most))
    assert clip is not None
    clip(list(ours.parameters()))
    torch.nn.utils.clip_grad_value_(theirs.parameters(), most)
    assert all(map(torch.equal, _gradients(ours), _gradients(theirs)))


@pytest.mark.parametrize("clip", [Clip(norm=0.1), Clip(value=0.01)])
def test_sparse_gradients_are_clipped_as_dense_ones_are(clip: Clip) -> None:
    found = []
    for sparse in (True, False):
        torch.manual_seed(1)
        table, layer = nn.Embedding(20, 4, sparse=sparse), nn.Linear(4, 1)
        layer(table(torch.tensor([3, 5, 3]))).sum().backward()
        act = clipping(clip)
        assert act is not None
        act([*table.parameters(), *layer.parameters()])
        assert table.weight.grad is not None
        assert layer.weight.grad is not None
        dense = table.weight.grad.to_dense() if sparse else table.weight.grad
        found.append([dense, layer.weight.grad])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


def test_a_role_without_gradients_has_nothing_to_clip() -> None:
    act = clipping(Clip(norm=1.0))
    assert act is not None
    act([nn.Parameter(torch.ones(3))])
    act([])


@pytest.mark.parametrize(
    ("sections", "told"),
    [
        ({"training": {"clip": {}}}, "training.clip: takes one of norm and value"),
        ({"top": {"clip": {"norm": 1, "value": 1}}}, "top.clip: takes one of norm and value"),
    ],
)
def test_a_clip_of_neither_or_of_both_is_refused(sections: Content, told: str) -> None:
    with pytest.raises(SpecError) as caught:
        prepared(synthetic(**sections))
    assert told in str(caught.value)
