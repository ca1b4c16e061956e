"""What a module consists of, what a role's training state is made of, and whether it is finite.

`Tensors` are what crosses between roles, and what a module returns. A state is a tree of dicts,
lists, tuples, numbers, text, None and tensors that nobody writes to.

A weight that is NaN or infinite is kept nowhere. Parameters are always finite, and so are buffers
that began so: others, such as a mask of -inf, are what their module wants.
"""

from __future__ import annotations

import cmath
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

State = Mapping[str, Any]
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


def parameters_of(module: nn.Module) -> dict[str, nn.Parameter]:
    """All parameters by name, each once; a user's class may have methods of its own that tell of
    others."""
    return dict(nn.Module.named_parameters(module))


def buffers_of(module: nn.Module) -> dict[str, Tensor]:
    """All buffers by name, each once; likewise."""
    return dict(nn.Module.named_buffers(module))


def buffer_contents(module: nn.Module, *, caches: bool = True) -> dict[str, Tensor]:
    """Copies of all buffers.

    Args:
        caches: those, too, that `state_dict` leaves out.
    """
    left_out = set() if caches else _left_out(module)
    buffers = buffers_of(module).items()
    return {name: each.detach().clone() for name, each in buffers if name not in left_out}


def _left_out(module: nn.Module) -> set[str]:
    layers = nn.Module.named_modules(module)
    return {
        f"{name}.{key}".lstrip(".")
        for name, layer in layers
        for key in layer._non_persistent_buffers_set  # noqa: SLF001 - nothing public tells
    }


def digest_of(module: nn.Module) -> str:
    """SHA-256 over a module's parameters and buffers, sorted by name: raw little-endian bytes."""
    digest = hashlib.sha256()
    for _, tensor in sorted(named_tensors(module).items()):
        content = tensor.detach().cpu().contiguous().view(-1)
        digest.update(content.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def weights_sha256(digests: Mapping[str, str]) -> str:
    """The digest of a whole model: SHA-256 over the digests of its roles, sorted by role, so that
    nobody needs everybody's weights."""
    digest = hashlib.sha256()
    for role in sorted(digests):
        digest.update(bytes.fromhex(digests[role]))
    return digest.hexdigest()


def named_tensors(module: nn.Module) -> dict[str, Tensor]:
    """A module's parameters and buffers, each once, and those that `state_dict` leaves out."""
    return {**parameters_of(module), **buffers_of(module)}


def fingerprint(module: nn.Module) -> bytes:
    """A digest of all names, shapes, types and values of a module's parameters and buffers."""
    digest = hashlib.blake2b(digest_size=16)
    for name, tensor in named_tensors(module).items():
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        content = tensor.detach().contiguous().view(-1)
        digest.update(content.view(torch.uint8).numpy().data)
    return digest.digest()


def fill(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Give a module's parameters and buffers these values.

    Buffers may come to be, or change their shape, in forwards: those are put in their places.

    Raises:
        RuntimeError: they are other tensors than the module's.
    """
    named, parameters = named_tensors(module), parameters_of(module)
    buffers = {name: tensor for name, tensor in tensors.items() if name not in parameters}
    ours = {name: list(tensor.shape) for name, tensor in named.items()}
    theirs = {name: list(tensor.shape) for name, tensor in tensors.items()}
    names = sorted(ours.keys() | theirs.keys())
    differ = [name for name in names if ours.get(name) != theirs.get(name)]
    strange = [name for name in differ if not (name in buffers and _is_buffer(module, name))]
    if strange:
        raise RuntimeError(f"other tensors than the model's: {', '.join(strange)}")
    with torch.no_grad():
        for name, tensor in tensors.items():
            if name in differ:
                _put_buffer(module, name, tensor.clone())
            else:
                named[name].copy_(tensor)


def _is_buffer(module: nn.Module, name: str) -> bool:
    """Whether a buffer of this name could be there: one is, or nothing else is."""
    layer, _, key = name.rpartition(".")
    try:
        holder = module.get_submodule(layer)
    except AttributeError:
        return False
    return key in holder._buffers or not hasattr(holder, key)  # noqa: SLF001 - also one that is None


def _put_buffer(module: nn.Module, name: str, tensor: Tensor) -> None:
    layer, _, key = name.rpartition(".")
    holder = module.get_submodule(layer)
    if key in holder._buffers:  # noqa: SLF001 - stays persistent, or not, as it is
        holder._buffers[key] = tensor  # noqa: SLF001
    else:
        holder.register_buffer(key, tensor)


def extra_states(module: nn.Module) -> dict[str, Any]:
    """What layers give as `get_extra_state()`, by the layer's name."""
    return {
        name: layer.get_extra_state()
        for name, layer in nn.Module.named_modules(module)
        if type(layer).get_extra_state is not nn.Module.get_extra_state
    }


def set_extra_states(module: nn.Module, states: Mapping[str, Any]) -> None:
    """Give layers back what `extra_states` told.

    Raises:
        AttributeError: there is no such layer.
    """
    for name, state in states.items():
        module.get_submodule(name).set_extra_state(state)


def is_state(tree: Any) -> bool:
    """Whether this is a tree as above, which checkpoints can hold."""
    if isinstance(tree, Mapping):
        keys = all(isinstance(key, str | int) for key in tree)
        return keys and all(map(is_state, tree.values()))
    if isinstance(tree, list | tuple):
        return all(map(is_state, tree))
    return tree is None or isinstance(tree, bool | int | float | str | Tensor)


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


@torch.no_grad()
def is_finite(tensor: Tensor) -> bool:
    """Whether every element is; whole numbers are."""
    if not (tensor.is_floating_point() or tensor.is_complex()):
        return True
    if tensor.element_size() == 1:  # 8-bit floats have no arithmetic
        tensor = tensor.float()
    # A finite sum has finite terms, and is found in half the time; one that is not may overflow.
    return cmath.isfinite(tensor.sum().item()) or bool(tensor.isfinite().all())


class Finite:
    """What has to stay finite of a module.

    Args:
        module: as it was built, before any training and before it is given saved weights.
    """

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._buffers = {name for name, buffer in buffers_of(module).items() if is_finite(buffer)}

    def odd_weight(self) -> str:
        """`parameter 0.weight`, or the name of a buffer, if that is not finite; else empty."""
        for name, parameter in parameters_of(self._module).items():
            if not is_finite(parameter):
                return f"parameter {name}"
        for name, buffer in buffers_of(self._module).items():
            if name in self._buffers and not is_finite(buffer):
                return f"buffer {name}"
        return ""

    def odd_state(self, optimizers: Iterable[torch.optim.Optimizer]) -> str:
        """Likewise what optimizers keep: `exp_avg_sq (of parameter 0.weight)`."""
        names = {id(parameter): name for name, parameter in parameters_of(self._module).items()}
        for optimizer in optimizers:
            for parameter, state in optimizer.state.items():
                for key, value in state.items():
                    if isinstance(value, Tensor) and not is_finite(value):
                        return f"optimizer's {key} (of parameter {names.get(id(parameter), '?')})"
        return ""
