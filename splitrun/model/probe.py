"""What one training forward of a model tells: its cut, the parameters it saves, its randomness."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from splitrun.errors import ModelError, Problem, told
from splitrun.model.build import section_of
from splitrun.model.footprint import activation_bytes, gradient_bytes
from splitrun.model.randomness import draws_random
from splitrun.model.stashing import why_not_stashed
from splitrun.model.tensors import Tensors, as_tensors
from splitrun.model.versions import saved_parameters
from splitrun.plan import RoleFacts, TensorFacts


@dataclass(frozen=True)
class Probed:
    """A model's facts, and what it gave for the probed batch."""

    facts: RoleFacts
    output: Tensors


def probe(
    role: str,
    module: nn.Module,
    inputs: Tensors,
    *,
    is_bottom: bool,
    pipelined: bool,
    predicted: bool = False,
    directory: Path,
) -> Probed:
    """Run a forward in training and one in evaluation, on a copy of the module.

    Args:
        pipelined: whether more than one batch will be in flight.
        predicted: whether these will then run at predicted weights.
        directory: of the spec; an error names the line of a module in it.

    Raises:
        ModelError: the forward fails, or gives something else than float tensors of as many rows
            that gradients can flow back from; a top's gives one of them. Or the module is to be
            pipelined, and its backward would not see the weights of its forward.
    """
    copied = copy.deepcopy(module)
    saved: tuple[str, ...] = ()
    output: Any = None

    def forward() -> None:
        nonlocal saved, output
        saved, output = saved_parameters(copied, inputs)

    def predict() -> None:
        with torch.no_grad():
            copied.eval()(*inputs)

    random = draws_random(lambda: _explained(role, module, inputs, forward, directory))
    tensors = _checked(role, output, rows=len(inputs[0]), is_bottom=is_bottom)
    _refuse_aliases(role, copied, tensors)
    kept = activation_bytes(copied, inputs)
    random |= draws_random(lambda: _explained(role, module, inputs, predict, directory))
    predictable = _predictable(module) if is_bottom else ()
    versioned = tuple(dict.fromkeys(saved + (predictable if predicted else ())))
    if pipelined and (why := why_not_stashed(module, versioned, inputs)):
        remedy = "change it, or give this party depth 1"
        raise ModelError([Problem(section_of(role), f"cannot be pipelined: {why}", remedy)])
    parameters = dict(module.named_parameters())
    facts = RoleFacts(
        parameters=sum(parameter.numel() for parameter in parameters.values()),
        parameter_bytes=sum(parameter.nbytes for parameter in parameters.values()),
        saved=saved if is_bottom else (),
        saved_bytes=sum(parameters[name].nbytes for name in saved) if is_bottom else 0,
        draws_random=random,
        cut=_cut(tensors) if is_bottom else (),
        predictable=predictable,
        unsaved_predictable_bytes=sum(
            parameters[name].nbytes for name in predictable if name not in saved
        ),
        buffer_bytes=sum(buffer.nbytes for buffer in module.buffers()),
        gradient_bytes=gradient_bytes(module),
        activation_bytes_per_row=kept / len(inputs[0]),
        input_bytes_per_row=sum(tensor.nbytes for tensor in inputs) / len(inputs[0]),
    )
    return Probed(facts, tensors)


def _predictable(module: nn.Module) -> tuple[str, ...]:
    """Trainable parameters that no embedding looks up."""
    tables = {
        layer.weight
        for layer in module.modules()
        if isinstance(layer, nn.Embedding | nn.EmbeddingBag)
    }
    return tuple(
        name
        for name, parameter in module.named_parameters()
        if parameter.requires_grad and parameter not in tables
    )


def _cut(tensors: Tensors) -> tuple[TensorFacts, ...]:
    return tuple(TensorFacts(tuple(t.shape[1:]), t.element_size()) for t in tensors)


def _explained(
    role: str, module: nn.Module, inputs: Tensors, action: Callable[[], None], directory: Path
) -> None:
    try:
        action()
    except (Exception, SystemExit) as error:
        batch = " and ".join(_shown(tensor) for tensor in inputs)
        why = told(error, str(directory.resolve()))
        what = f"{type(module).__name__} fails on a batch of {batch}: {why}"
        remedy = "check its kwargs and its forward()"
        raise ModelError([Problem(section_of(role), what, remedy)]) from error


def _checked(role: str, output: Any, *, rows: int, is_bottom: bool) -> Tensors:
    several = ", or several" if is_bottom else ""

    def refused(returned: str) -> ModelError:
        remedy = f"return a float tensor of {rows} rows and at least 1 column{several}"
        return ModelError([Problem(section_of(role), f"forward() returns {returned}", remedy)])

    if not isinstance(output, (Tensor, tuple, list) if is_bottom else Tensor):
        raise refused(type(output).__name__)
    tensors = as_tensors(output)
    if not tensors:
        raise refused(f"an empty {type(output).__name__}")
    for tensor in tensors:
        if not isinstance(tensor, Tensor):
            raise refused(f"{type(tensor).__name__} among its tensors")
        if tensor.ndim < 2 or len(tensor) != rows or not tensor.is_floating_point():
            raise refused(_shown(tensor))
        if not tensor.requires_grad:
            what = f"forward() returns {_shown(tensor)} that depends on nothing trainable"
            remedy = "leave a parameter trainable, and its result attached"
            raise ModelError([Problem(section_of(role), what, remedy)])
    return tensors


def _refuse_aliases(role: str, module: nn.Module, tensors: Tensors) -> None:
    """What is sent must not change when the weights do."""
    own = (*module.named_parameters(), *module.named_buffers())
    for name, tensor in own:
        storage = tensor.untyped_storage().data_ptr()
        if storage and any(storage == sent.untyped_storage().data_ptr() for sent in tensors):
            what = f"forward() returns {name}, or a view of it, which the next update changes"
            raise ModelError([Problem(section_of(role), what, "return a clone() of it")])


def _shown(tensor: Tensor) -> str:
    return f"{tensor.dtype} {list(tensor.shape)}".removeprefix("torch.")
