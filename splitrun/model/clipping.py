"""Gradients of one role made smaller before its update, as `torch.nn.utils` does it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from splitrun.spec import Clip

Clipping = Callable[[Sequence[nn.Parameter]], object]
"""Makes the gradients of a role's parameters smaller, in place."""


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
    whose arithmetic on single numbers this repeats without PyTorch's time for each of them."""
    if not gradients:
        return
    with torch.no_grad():
        norms = torch.stack(torch._foreach_norm(gradients, 2.0))  # noqa: SLF001 - its own way, too
        norm = torch.linalg.vector_norm(norms, 2.0).numpy()
        factor = (1 / (norm + norm.dtype.type(1e-6))) * norm.dtype.type(most)
        if not factor >= 1:
            torch._foreach_mul_(gradients, torch.as_tensor(factor))


def _by_value(gradients: list[Tensor], most: float) -> None:
    """Every number to within this of zero; see `torch.nn.utils.clip_grad_value_`."""
    with torch.no_grad():
        for gradient in gradients:
            gradient.clamp_(-most, most)
