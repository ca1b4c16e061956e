"""Codecs: what a cut, or its gradient, becomes for its way over a link, and how it becomes a tensor
of its own type again.

Which tensors a codec encodes, and what they become, the plan knows (`splitrun.plan.encoded`):

- `fp16` and `bf16` round every number to 16 bits.
- `int8` gives each row a scale, the row's largest magnitude / 127, of 32 bits. A number becomes the
  whole number of scales that is nearest to it, of two the even one. So 64-bit numbers reach no
  further than 32-bit ones.

Every number is rounded by itself, as IEEE 754 says, so that a codec has the same bits everywhere.
What is not finite is not finite afterwards, either: who makes the loss of it finds out whose it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from splitrun.model import Tensors, is_finite
from splitrun.plan import TensorFacts, encoded
from splitrun.spec import Codec

_STEPS = 127
"""Of int8, from 0 to a row's largest magnitude."""
_LEAST_SCALE = torch.finfo(torch.float32).tiny
"""A row of smaller numbers, which have fewer digits, has this one; so has a row of zeros."""
_LARGEST_SCALE = torch.finfo(torch.float32).max / (_STEPS + 1)
"""A larger one times 127 may be infinite."""


def encode(codec: Codec, cut: Sequence[TensorFacts], tensors: Sequence[Tensor]) -> Tensors:
    """What a message carries of tensors.

    Args:
        cut: what the plan says of them.
        tensors: detached and contiguous.

    Raises:
        OverflowError: a finite number would be infinite.
    """
    coded: list[Tensor] = []
    for facts, tensor in zip(cut, tensors, strict=True):
        coded += (tensor,) if _passes(codec, facts) else _ENCODERS[codec](tensor)
    return tuple(coded)


def decode(codec: Codec, cut: Sequence[TensorFacts], coded: Sequence[Tensor]) -> Tensors:
    """What `encode` was given, as far as its codec tells numbers apart."""
    left = iter(coded)
    tensors = []
    for facts in cut:
        parts = [next(left) for _ in encoded(codec, facts)]
        tensor = parts[0] if len(parts) == 1 else _of_8_bits(*parts)
        tensors.append(tensor.to(getattr(torch, facts.dtype)))
    return tuple(tensors)


def _passes(codec: Codec, facts: TensorFacts) -> bool:
    """Whether a tensor stays as it is."""
    return encoded(codec, facts) == (facts,)


def _to_16_bits(dtype: torch.dtype) -> Callable[[Tensor], Tensors]:
    def rounded(tensor: Tensor) -> Tensors:
        coded = tensor.to(dtype)
        if not is_finite(coded):
            _refuse_finite(tensor)
        return (coded,)

    return rounded


def _to_8_bits(tensor: Tensor) -> Tensors:
    rows = tensor if tensor.element_size() >= 4 else tensor.float()
    largest = rows.abs()
    if rows.ndim > 1:
        largest = largest.amax(tuple(range(1, rows.ndim)), keepdim=True)
    scales = largest.div_(_STEPS).float().clamp_(min=_LEAST_SCALE)
    if not scales.sum().item() <= _LARGEST_SCALE and not (scales <= _LARGEST_SCALE).all():
        _refuse_finite(tensor)
    return scales.view(-1), (rows / scales).round_().to(torch.int8)


def _of_8_bits(scales: Tensor, numbers: Tensor) -> Tensor:
    return numbers * scales.view(-1, *([1] * (numbers.ndim - 1)))


def _refuse_finite(tensor: Tensor) -> None:
    """What is not finite now must not have been before."""
    if is_finite(tensor):
        raise OverflowError(f"{tensor.abs().max().item():.3g}")


_ENCODERS: Mapping[Codec, Callable[[Tensor], Tensors]] = {
    "fp16": _to_16_bits(torch.float16),
    "bf16": _to_16_bits(torch.bfloat16),
    "int8": _to_8_bits,
}
