"""A state comes back from disk as it was, to the bit."""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load, save
from torch import Tensor

from splitrun.session.checkpoint import decode, encode

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner, max_size=3)
    ),
)


def back(tree: Any) -> Any:
    encoded, tensors = encode(tree)
    return decode(json.loads(json.dumps(encoded)), load(save(tensors)))


def exact(tree: Any) -> Any:
    """With types and bits in place of numbers: 1, True and 1.0 are unlike, and so are 0.0, -0.0."""
    if isinstance(tree, dict):
        return [[exact(key), exact(value)] for key, value in tree.items()]
    if isinstance(tree, list | tuple):
        return type(tree).__name__, [exact(item) for item in tree]
    return type(tree).__name__, struct.pack("d", tree) if isinstance(tree, float) else tree


@given(TREES)
def test_numbers_keys_and_nesting_come_back_exactly(tree: Any) -> None:
    assert exact(back(tree)) == exact(tree)


def test_a_number_that_is_none_comes_back_as_one() -> None:
    assert math.isnan(back({"loss": math.nan})["loss"])


@pytest.mark.parametrize(
    "tensor",
    [
        torch.tensor(7.0),
        torch.empty(0, 3),
        torch.arange(6).reshape(2, 3).t(),
        torch.rand(2, 3, 4, 4).to(memory_format=torch.channels_last),
        torch.tensor([True, False]),
        torch.rand(5, dtype=torch.bfloat16),
        torch.tensor([math.nan, -0.0, math.inf]),
    ],
    ids=["scalar", "empty", "transposed", "channels last", "bool", "bfloat16", "odd"],
)
def test_a_tensor_comes_back_with_its_bits_and_its_strides(tensor: Tensor) -> None:
    found = back({"state": {0: {"exp_avg": tensor}}})["state"][0]["exp_avg"]
    assert (found.dtype, found.shape, found.stride()) == (
        tensor.dtype,
        tensor.shape,
        tensor.stride(),
    )
    bits = [t.contiguous().view(-1).view(torch.uint8) for t in (found, tensor)]
    assert torch.equal(*bits)


def test_what_is_no_state_is_refused() -> None:
    with pytest.raises(TypeError, match=r"state\.hook: a function cannot be kept"):
        encode({"hook": back})
