"""Whether a bottom may run several batches deep: does its backward see the weights of its forward?

Versions copy the parameters that autograd is seen to save. A module can read weights in its
backward by other ways: by running its forward again (`torch.utils.checkpoint`), from a context it
keeps itself, from buffers changed behind autograd's back. So before a module is pipelined, its
gradients are compared with those of a plain copy while everything that is not a version is changed
between forward and backward.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from splitrun.errors import told
from splitrun.model.randomness import seeded_apart
from splitrun.model.tensors import Tensors, as_tensors
from splitrun.model.versions import WeightVersions


def why_not_stashed(module: nn.Module, saved: Iterable[str], inputs: Tensors) -> str:
    """What keeps a bottom from being pipelined; empty if nothing does. The module is not changed.

    Args:
        saved: names of the parameters that versions copy.
        inputs: a batch.
    """
    for name, parameter in module.named_parameters():
        if parameter._backward_hooks or parameter._post_accumulate_grad_hooks:  # noqa: SLF001
            return f"it hooks into the gradient of {name}, which belongs to a version of it"
    reference = copy.deepcopy(module)
    expected, changed = _plain(reference, inputs)
    if changed:
        return f"its forward() changes its parameter {changed}"
    del reference
    pipelined = copy.deepcopy(module)
    try:
        found = _disturbed(pipelined, saved, inputs)
    except RuntimeError as error:
        return f"its backward needs weights that were changed since: {told(error)}"
    for (name, _), one, other in zip(module.named_parameters(), expected, found, strict=True):
        if not _equal(one, other):
            return f"its backward reads weights or buffers anew: the gradient of {name} is wrong"
    return ""


def _plain(module: nn.Module, inputs: Tensors) -> tuple[list[Tensor | None], str]:
    """Gradients of forward and backward with nothing between; a parameter that was changed."""
    before = _counts(module)
    with seeded_apart("stashing"):
        output = as_tensors(module(*inputs))
        torch.autograd.backward(output, [torch.ones_like(tensor) for tensor in output])
    changed = [name for name, count in _counts(module).items() if count != before[name]]
    return [parameter.grad for parameter in module.parameters()], "".join(changed[:1])


def _counts(module: nn.Module) -> dict[str, int]:
    """How often each parameter was written to, by autograd's count."""
    return {name: parameter._version for name, parameter in module.named_parameters()}  # noqa: SLF001


def _disturbed(module: nn.Module, saved: Iterable[str], inputs: Tensors) -> list[Tensor | None]:
    """Gradients at a version, with another forward and another update before the backward."""
    versions = WeightVersions(module, saved)
    with seeded_apart("stashing"):
        output, version = versions.forward(*inputs)
        cut = as_tensors(output)
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.mul_(-0.5).add_(0.125)
        versions.updated()
        versions.forward(*(torch.roll(tensor, 1, 0) for tensor in inputs))
        torch.autograd.backward(cut, [torch.ones_like(tensor) for tensor in cut])
    versions.release(version)
    return [parameter.grad for parameter in module.parameters()]


def _equal(one: Tensor | None, other: Tensor | None) -> bool:
    if one is None or other is None:
        return one is other
    if one.is_sparse:
        one, other = one.coalesce(), other.coalesce()
        return torch.equal(one.indices(), other.indices()) and _equal(one.values(), other.values())
    return torch.allclose(one, other, rtol=1e-4, atol=1e-6, equal_nan=True)
