"""Gradients of one role made smaller before its update, as `torch.nn.utils` does it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from splitrun.spec import Clip

Clipping = Callable[[Sequence[nn.Parameter]], object]
"""Makes the gradients of a role's parameters smaller, in place."""

_SURELY = 0.98
"""A norm of up to this part of the most there may be is left alone, however it is rounded: bfloat16
has a relative error of 2⁻⁹."""


def clipping(clip: Clip | None) -> Clipping | None:
    """What the spec asks for, if it asks for anything."""
    if clip is None:
        return None
    if clip.norm is not None:
        norm = clip.norm
        return lambda parameters: _by_norm(_dense(parameters), norm)
    assert clip.value is not None, "one of the two is given"
    value = clip.value
    return lambda parameters: _by_value(_dense(parameters), value)


def _dense(parameters: Sequence[nn.Parameter]) -> list[Tensor]:
    """The numbers of the gradients; of a sparse one, those that there are, each row once."""
    found = []
    for parameter in parameters:
        gradient = parameter.grad
        if gradient is None:
            continue
        if gradient.is_sparse:
            gradient = parameter.grad = gradient.coalesce()
            gradient = gradient.values()
        found.append(gradient)
    return found


def _by_norm(gradients: list[Tensor], most: float) -> None:
    """To a norm of all of them together of at most this; see `torch.nn.utils.clip_grad_norm_`,
    whose arithmetic this is, but that nothing is multiplied by 1, which changes no bit. In a small
    step every call counts: there is none here that could be spared."""
    if not gradients:
        return
    norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))  # noqa: SLF001
    if norm.item() <= _SURELY * most - 1e-6:
        return
    factor = norm.add_(1e-6).reciprocal_().mul_(most)
    if not factor.item() >= 1:  # nor where it is no number
        torch._foreach_mul_(gradients, factor)


def _by_value(gradients: list[Tensor], most: float) -> None:
    """Every number to within this of zero; see `torch.nn.utils.clip_grad_value_`."""
    for gradient in gradients:
        gradient.clamp_(-most, most)
