"""What a model and its training hold in memory."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch
from torch import Tensor, nn

from splitrun.model.randomness import seeded_apart
from splitrun.model.state import named_tensors, parameters_of
from splitrun.model.tensors import Tensors, as_tensors
from splitrun.spec.contracts import OptimizerSection, RuleSection


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
