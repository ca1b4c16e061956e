"""A role's state as JSON and named tensors, exact to the bit.

What JSON has no word for is an object: `{"dict": [[key, value], …]}`, `{"tuple": […]}`,
`{"tensor": name, "stride": […]}`. Python writes a finite float so that it reads back the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def encode(tree: Any, name: str = "state") -> tuple[Any, dict[str, Tensor]]:
    """A tree of dicts, lists, tuples, numbers, text, None and tensors, as JSON and tensors by name.

    Raises:
        TypeError: it holds something else.
    """
    tensors: dict[str, Tensor] = {}
    return _encoded(tree, name, tensors), tensors


def _encoded(tree: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    if tree is None or isinstance(tree, bool | int | float | str):
        return tree
    if isinstance(tree, Tensor):
        tensors[name] = tree.contiguous()
        return {"tensor": name, "stride": list(tree.stride())}
    if isinstance(tree, Mapping):
        each = [[key, _encoded(value, f"{name}.{key}", tensors)] for key, value in tree.items()]
        return {"dict": each}
    if isinstance(tree, list | tuple):
        items = [_encoded(value, f"{name}.{i}", tensors) for i, value in enumerate(tree)]
        return items if isinstance(tree, list) else {"tuple": items}
    raise TypeError(f"{name}: a {type(tree).__name__} cannot be kept in a checkpoint")


def decode(tree: Any, tensors: Mapping[str, Tensor]) -> Any:
    """The tree that `encode` was given.

    Raises:
        KeyError, ValueError: it was not made by `encode`.
    """
    if isinstance(tree, list):
        return [decode(item, tensors) for item in tree]
    if not isinstance(tree, dict):
        return tree
    if "dict" in tree:
        return {key: decode(value, tensors) for key, value in tree["dict"]}
    if "tuple" in tree:
        return tuple(decode(item, tensors) for item in tree["tuple"])
    tensor = tensors[tree["tensor"]]
    if list(tensor.stride()) == tree["stride"]:
        return tensor
    return torch.empty_strided(tensor.shape, tree["stride"], dtype=tensor.dtype).copy_(tensor)
