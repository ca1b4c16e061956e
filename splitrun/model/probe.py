"""What one training forward of a model tells: its cut, the parameters it saves, its randomness."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from splitrun.errors import ModelError
from splitrun.model.randomness import draws_random
from splitrun.model.stage import Tensors, as_tensors
from splitrun.model.versions import saved_parameters
from splitrun.plan import RoleFacts, TensorFacts


@dataclass(frozen=True)
class Probed:
    """A model's facts, and what it gave for the probed batch."""

    facts: RoleFacts
    output: Tensors


def probe(role: str, module: nn.Module, inputs: Tensors, *, is_bottom: bool) -> Probed:
    """Run one training forward, leaving parameters, buffers and random generators as they were.

    Raises:
        ModelError: the forward fails, or gives something else than float tensors of as many rows.
    """
    buffers = {name: buffer.clone() for name, buffer in module.named_buffers()}
    saved: tuple[str, ...] = ()
    output: Any = None

    def forward() -> None:
        nonlocal saved, output
        saved, output = saved_parameters(module, inputs)

    random = draws_random(lambda: _explained(role, module, inputs, forward))
    with torch.no_grad():
        for name, buffer in module.named_buffers():
            buffer.copy_(buffers[name])
    tensors = _checked(role, output, rows=len(inputs[0]))
    parameters = dict(module.named_parameters())
    facts = RoleFacts(
        parameters=sum(parameter.numel() for parameter in parameters.values()),
        parameter_bytes=sum(parameter.nbytes for parameter in parameters.values()),
        saved=saved if is_bottom else (),
        saved_bytes=sum(parameters[name].nbytes for name in saved) if is_bottom else 0,
        draws_random=random,
        cut=_cut(tensors) if is_bottom else (),
    )
    return Probed(facts, tensors)


def _cut(tensors: Tensors) -> tuple[TensorFacts, ...]:
    return tuple(TensorFacts(tuple(t.shape[1:]), t.element_size()) for t in tensors)


def _explained(role: str, module: nn.Module, inputs: Tensors, action: Callable[[], None]) -> None:
    try:
        action()
    except Exception as error:
        shapes = ", ".join(str(list(tensor.shape)) for tensor in inputs)
        raise ModelError(
            f"{role}: {type(module).__name__} fails on a batch of {shapes}: "
            f"{type(error).__name__}: {error}; check its kwargs and its forward()"
        ) from error


def _checked(role: str, output: Any, rows: int) -> Tensors:
    wanted = f"must return a float tensor of {rows} rows, or several"
    if not isinstance(output, Tensor | tuple | list) or len(output) == 0:
        raise ModelError(f"{role}: forward() {wanted}, and returned {type(output).__name__}")
    tensors = as_tensors(output)
    for tensor in tensors:
        if not isinstance(tensor, Tensor):
            raise ModelError(f"{role}: forward() {wanted}; among them is {type(tensor).__name__}")
        if tensor.ndim < 2 or len(tensor) != rows or not tensor.is_floating_point():
            found = f"{tensor.dtype} {list(tensor.shape)}".removeprefix("torch.")
            raise ModelError(f"{role}: forward() {wanted}; one is {found}")
    return tensors
