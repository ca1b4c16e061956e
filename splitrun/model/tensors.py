"""What crosses between roles, and what a module returns, as a tuple of tensors."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

Tensors = tuple[Tensor, ...]


def as_tensors(output: Tensor | Sequence[Tensor]) -> Tensors:
    """What a bottom returned, as a tuple: it may return one tensor or several."""
    return (output,) if isinstance(output, Tensor) else tuple(output)


def total_bytes(tensors: Tensors) -> int:
    """Of all of them together."""
    size = 0
    for tensor in tensors:
        size += tensor.nbytes
    return size


def own(inputs: Tensors) -> Tensors:
    """Copies, since a forward may write to what it is given."""
    return tuple(tensor.detach().requires_grad_(tensor.requires_grad).clone() for tensor in inputs)
