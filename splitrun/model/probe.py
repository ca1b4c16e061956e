"""What forwards of a model tell: its cut, the parameters it saves, its randomness; and what it and
its training hold in memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from splitrun.errors import ModelError, Problem, one_line
from splitrun.errors import Path as SpecPath
from splitrun.model.build import section_of
from splitrun.model.randomness import draws_random, seeded_apart
from splitrun.model.role_optimizer import sparse_tables
from splitrun.model.state import (
    Tensors,
    as_tensors,
    buffer_contents,
    named_tensors,
    own,
    parameters_of,
)
from splitrun.model.versions import saved_parameters
from splitrun.plan import RoleFacts, TensorFacts
from splitrun.spec.contracts import OptimizerSection, RuleSection
from splitrun.spec.training import Precision


@dataclass(frozen=True)
class Use:
    """How a role's module is going to be run."""

    is_bottom: bool
    pipelined: bool = False
    """More than one batch will be in flight."""
    slices: int = 1
    """Micro-batches of a batch."""
    checkpointed: bool = False
    """The run may be resumed."""
    precision: Precision = "float32"
    """What it computes in."""


@dataclass(frozen=True)
class Probed:
    """A model's facts, and what it gave for the probed batch."""

    facts: RoleFacts
    output: Tensors


def probe(role: str, module: nn.Module, inputs: Tensors, use: Use, directory: Path) -> Probed:
    """Run forwards of a module, in training and in evaluation; its buffers may change.

    Raises:
        ModelError: it fails, or gives something else than float tensors of as many rows that
            gradients can flow back from.
    """
    saved: tuple[str, ...] = ()
    output: Any = None

    def forward() -> None:
        nonlocal saved, output
        module.train()
        output = module(*own(inputs))
        try:
            saved, _ = saved_parameters(module, own(inputs))
        except Exception:  # noqa: BLE001 - PyTorch's function transforms bear no hooks
            saved = tuple(parameters_of(module))

    def predict() -> None:
        module.eval()
        with torch.no_grad():
            module(*own(inputs))

    kind = type(module)
    random = draws_random(lambda: explained(role, kind, inputs, forward, directory))
    tensors = _checked(role, module, output, rows=len(inputs[0]), is_bottom=use.is_bottom)
    _refuse_aliases(role, module, tensors)
    try:
        kept = activation_bytes(module, own(inputs))
    except Exception:  # noqa: BLE001 - likewise: what it holds is not known then
        kept = 0
    random |= draws_random(lambda: explained(role, kind, inputs, predict, directory))
    parameters = parameters_of(module)
    predictable = _predictable(module) if use.is_bottom else ()
    sparse = sparse_tables(module)
    facts = RoleFacts(
        parameters=sum(parameter.numel() for parameter in parameters.values()),
        parameter_bytes=sum(parameter.nbytes for parameter in parameters.values()),
        saved=saved if use.is_bottom else (),
        saved_bytes=sum(parameters[name].nbytes for name in saved) if use.is_bottom else 0,
        draws_random=random,
        cut=_cut(tensors) if use.is_bottom else (),
        predictable=predictable,
        unsaved_predictable_bytes=sum(
            parameters[name].nbytes for name in predictable if name not in saved
        ),
        buffer_bytes=sum(buffer.nbytes for buffer in buffer_contents(module).values()),
        gradient_bytes=gradient_bytes(module, sparse),
        activation_bytes_per_row=kept / len(inputs[0]),
        input_bytes_per_row=sum(tensor.nbytes for tensor in inputs) / len(inputs[0]),
        sparse=sparse,
    )
    return Probed(facts, tensors)


def refused_model(path: SpecPath, what: str, remedy: str) -> ModelError:
    """The error of a single problem."""
    return ModelError([Problem(path, what, remedy)])


def _predictable(module: nn.Module) -> tuple[str, ...]:
    """Trainable parameters that no embedding looks up."""
    tables = {
        layer.weight
        for layer in nn.Module.modules(module)
        if isinstance(layer, nn.Embedding | nn.EmbeddingBag)
    }
    return tuple(
        name
        for name, parameter in parameters_of(module).items()
        if parameter.requires_grad and parameter not in tables
    )


def _cut(tensors: Tensors) -> tuple[TensorFacts, ...]:
    return tuple(
        TensorFacts(tuple(t.shape[1:]), t.element_size(), str(t.dtype).removeprefix("torch."))
        for t in tensors
    )


def explained(
    role: str,
    kind: type[nn.Module],
    inputs: Tensors,
    action: Callable[[], None],
    directory: Path,
) -> None:
    """Run what runs a user's code; what that raises becomes an error of its model.

    Raises:
        ModelError: it failed on such inputs; naming the line of it in the spec's directory.
    """
    try:
        action()
    except ModelError:
        raise
    except (Exception, SystemExit) as error:
        batch = " and ".join(_shown(tensor) for tensor in inputs)
        why = one_line(error, str(directory.resolve()))
        what = f"{kind.__name__} fails on a batch of {batch}: {why}"
        remedy = "check its kwargs and its forward()"
        raise ModelError([Problem(section_of(role), what, remedy)]) from error


def _checked(role: str, module: nn.Module, output: Any, *, rows: int, is_bottom: bool) -> Tensors:
    several = ", or several" if is_bottom else ""

    def refused(returned: str) -> ModelError:
        remedy = f"return a float tensor of {rows} rows and at least 1 column{several}"
        return refused_model(section_of(role), f"forward() returns {returned}", remedy)

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
    learns = any(parameter.requires_grad for parameter in parameters_of(module).values())
    if learns and not any(tensor.requires_grad for tensor in tensors):
        what = f"forward() returns {_shown(tensors[0])} that depends on nothing trainable"
        remedy = "leave a parameter trainable, and its result attached"
        raise refused_model(section_of(role), what, remedy)
    return tensors


def _refuse_aliases(role: str, module: nn.Module, tensors: Tensors) -> None:
    """What is sent must not change when the weights do."""
    for name, tensor in {**parameters_of(module), **dict(nn.Module.named_buffers(module))}.items():
        storage = tensor.untyped_storage().data_ptr()
        if storage and any(storage == sent.untyped_storage().data_ptr() for sent in tensors):
            what = f"forward() returns {name}, or a view of it, which the next update changes"
            raise refused_model(section_of(role), what, "return a clone() of it")


def _shown(tensor: Tensor) -> str:
    return f"{tensor.dtype} {list(tensor.shape)}".removeprefix("torch.")


def activation_bytes(module: nn.Module, inputs: Tensors) -> int:
    """What a forward keeps for its backward beside parameters, buffers, inputs and output.

    The module is run once, as it is.
    """
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        if tensor.layout == torch.strided:
            storage = tensor.untyped_storage()
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor.detach()  # itself it would keep the graph that keeps it, for ever

    with (
        seeded_apart("activations"),
        torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor),
    ):
        output = as_tensors(module(*inputs))
    others = (*named_tensors(module).values(), *inputs, *output)
    known = {tensor.untyped_storage().data_ptr() for tensor in others}
    return sum(size for address, size in kept.items() if address not in known)


def gradient_bytes(module: nn.Module, sparse: Collection[str]) -> int:
    """Of dense gradients; sparse ones have as many rows as a batch looks up.

    Args:
        sparse: names of the parameters that have those.
    """
    return sum(
        weight.nbytes
        for name, weight in parameters_of(module).items()
        if weight.requires_grad and name not in sparse
    )


def optimizer_bytes(
    module: nn.Module, optimizer: OptimizerSection, rules: Sequence[RuleSection]
) -> int:
    """Of an optimizer's state, once it has seen a gradient of every weight."""
    states = optimizer.state_tensors + sum(rule.state_tensors(optimizer) for rule in rules)
    return states * sum(weight.nbytes for weight in trainable(module))


def trainable(module: nn.Module) -> list[Tensor]:
    """The weights that have gradients."""
    return [weight for weight in parameters_of(module).values() if weight.requires_grad]
