"""Weight versions: forward and backward of a batch see the same weights, come what may between.

PyTorch refuses a backward whose saved weights were changed in place, and replacing `.data` gives
wrong gradients without a word. Cloning every parameter at every forward is right, and ruinous for
embedding tables. Here the optimizer updates the *masters* in place, and a forward runs on a
*version*: a copy of just those parameters that autograd saves for the backward, in a buffer that is
reused once nobody needs it. A first linear layer and embeddings are not saved, so they have no
copies, and sparse gradients stay sparse.

A module runs on a version by having its masters replaced in the `_parameters` of the layers that
hold them, tied ones wherever they appear, for the duration of the forward. It stays one module, so
buffers (BatchNorm's statistics) and whatever else it keeps are its own.

Autograd's own check of saved tensors stays on and is a net below: a parameter wrongly taken for
unsaved makes the backward raise. What even that would miss is looked for before (`stashing`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn


class Version:
    """A published copy of the saved parameters, and how many forwards still need it."""

    __slots__ = ("readers", "tensors")

    def __init__(self, masters: Iterable[Tensor]) -> None:
        self.tensors: list[Tensor] = [
            nn.Parameter(torch.empty_like(master), requires_grad=master.requires_grad)
            for master in masters
        ]
        self.readers = 0


class WeightVersions:
    """The versions of one module.

    Args:
        module: its parameters are the masters.
        saved: names of the parameters that autograd saves, and of others that are to have
            versions; none makes every operation free.
        predict: moves a version on by a `reach`; see `Prediction`.
    """

    def __init__(
        self,
        module: nn.Module,
        saved: Iterable[str],
        predict: Callable[[Sequence[Tensor], float], None] | None = None,
    ) -> None:
        self._module = module
        parameters = dict(module.named_parameters())
        self._masters: list[Tensor] = [parameters[name] for name in saved]
        self._sites = [_sites(module, master) for master in self._masters]
        self._current: Version | None = None
        self._free: list[Version] = []
        self._predict = predict
        self._reach = 0.0
        self._made = 0

    @property
    def peak_bytes(self) -> int:
        """Of all versions that were ever held at once: they are reused, and never dropped."""
        return self._made * sum(master.nbytes for master in self._masters)

    def forward(self, *inputs: Tensor, reach: float = 0.0) -> tuple[Any, Version]:
        """Run the module on the current weights; the version is the caller's until `release`.

        A `reach` other than 0 is predicted.
        """
        if reach != self._reach:
            self.updated()
            self._reach = reach
        version = self._current or self._publish()
        version.readers += 1
        if not self._masters:
            return self._module(*inputs), version
        self._point_at(version.tensors)
        try:
            return self._module(*inputs), version
        finally:
            self._point_at(self._masters)

    def release(self, version: Version) -> None:
        """After the backward: hand the version's gradients to the masters and let it go."""
        for master, copy in zip(self._masters, version.tensors, strict=True):
            if copy.grad is not None:
                master.grad = copy.grad if master.grad is None else master.grad.add_(copy.grad)
                copy.grad = None
        version.readers -= 1
        if not version.readers and version is not self._current:
            self._free.append(version)

    def updated(self) -> None:
        """After the optimizer's step: later forwards see the new weights."""
        if self._current is not None and not self._current.readers:
            self._free.append(self._current)
        self._current = None

    def _publish(self) -> Version:
        if self._free:
            self._current = self._free.pop()
        else:
            self._current = Version(self._masters)
            self._made += 1
        if self._masters:
            with torch.no_grad():
                torch._foreach_copy_(self._current.tensors, self._masters)
            if self._predict and self._reach:
                self._predict(self._current.tensors, self._reach)
        return self._current

    def _point_at(self, tensors: Iterable[Tensor]) -> None:
        for sites, tensor in zip(self._sites, tensors, strict=True):
            for table, key in sites:
                table[key] = tensor


def _sites(module: nn.Module, master: Tensor) -> list[tuple[dict[str, Any], str]]:
    """Every place in the module that holds this parameter."""
    return [
        (layer._parameters, key)  # noqa: SLF001 - what torch.func.functional_call replaces, too
        for layer in module.modules()
        for key, parameter in layer._parameters.items()  # noqa: SLF001
        if parameter is master
    ]


def saved_parameters(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[tuple[str, ...], Any]:
    """Names of the parameters that a forward on these inputs saves, and the forward's output.

    Found by storage, so that a view of a weight counts. The output cannot be used for a backward:
    hooks on saved tensors turn autograd's own check off.
    """
    storages: set[int] = set()

    def note(tensor: Tensor) -> None:
        if tensor.layout == torch.strided:
            storages.add(tensor.untyped_storage().data_ptr())

    with torch.autograd.graph.saved_tensors_hooks(note, lambda _: torch.empty(0)):
        output = module(*inputs)
    saved = tuple(
        name
        for name, parameter in module.named_parameters()
        if parameter.untyped_storage().data_ptr() in storages
    )
    return saved, output
