"""What a module consists of, and what a role's training state is made of.

A state is a tree of dicts, lists, tuples, numbers, text, None and tensors that nobody writes to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

State = Mapping[str, Any]


def named_tensors(module: nn.Module) -> dict[str, Tensor]:
    """A module's parameters and buffers, each once, and those that `state_dict` leaves out."""
    return dict(module.named_parameters()) | dict(module.named_buffers())


def fill(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Give a module's parameters and buffers these values.

    Raises:
        RuntimeError: they are other tensors than the module's.
    """
    named = named_tensors(module)
    ours = {name: list(tensor.shape) for name, tensor in named.items()}
    theirs = {name: list(tensor.shape) for name, tensor in tensors.items()}
    if ours != theirs:
        names = sorted(ours.keys() | theirs.keys())
        differ = [name for name in names if ours.get(name) != theirs.get(name)]
        raise RuntimeError(f"other tensors than the model's: {', '.join(differ)}")
    with torch.no_grad():
        for name, tensor in named.items():
            tensor.copy_(tensors[name])


def tensor_bytes(tree: Any) -> int:
    """Of all tensors in a tree."""
    if isinstance(tree, Tensor):
        return tree.nbytes
    if isinstance(tree, Mapping):
        return sum(map(tensor_bytes, tree.values()))
    return sum(map(tensor_bytes, tree)) if isinstance(tree, list | tuple) else 0


def cloned(tree: Any) -> Any:
    """The tree with a copy of every tensor."""
    if isinstance(tree, Tensor):
        return tree.detach().clone()
    if isinstance(tree, dict):
        return {key: cloned(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(cloned(value) for value in tree)
    return tree
