"""Weight versions: forward and backward of a batch see the same weights, come what may between.

PyTorch refuses a backward whose saved weights were changed in place, and cloning every parameter at
every forward is right, and ruinous for embedding tables. Here the optimizer updates the *masters*
in place, and a batch runs on a *version*: a copy of those parameters that a backward may read, in a
buffer that is reused once nobody needs it. A first linear layer and embeddings are not saved by
autograd, so in our own models they have no copies, and sparse gradients stay sparse.

A module's parameters stay the objects that they are; what changes is the memory they show. For the
forward of a batch and again for its backward they show its version, at all other times the masters.
So whoever holds a parameter, by whatever way, sees the right weights: layers, closures, compiled
functions, hooks, recomputation in the backward. Gradients arrive at the parameters, and attributes
such as `requires_grad` are theirs alone.

Autograd's own check of saved tensors stays on and is a net below: a parameter wrongly taken for
unsaved makes the backward raise. What even that would miss is looked for before (`stashing`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.grad_mode import _unsafe_preserve_version_counter

from splitrun.model.eager import backward
from splitrun.model.state import parameters_of


class Version:
    """A published copy of the parameters, and how many batches still need it."""

    __slots__ = ("readers", "tensors")

    def __init__(self, masters: Iterable[Tensor]) -> None:
        self.tensors = [torch.empty_like(master) for master in masters]
        self.readers = 0


class InFlight(NamedTuple):
    """What a batch between its forward and its backward holds."""

    version: Version
    learn: tuple[bool, ...] = ()
    """Of a user's class, whether each of the module's parameters learned, after the forward."""
    is_written: bool = False
    """Likewise, whether the forward wrote to its weights, other than into their `.data`."""


class WeightVersions:
    """The versions of one module.

    Args:
        module: its parameters show the masters whenever nothing runs here.
        names: of the parameters that are to have versions; none makes every operation free.
        predict: moves a version on by a `reach`; see `Prediction`.
    """

    def __init__(
        self,
        module: nn.Module,
        names: Iterable[str],
        predict: Callable[[Sequence[Tensor], float], None] | None = None,
    ) -> None:
        self._module = module
        parameters = parameters_of(module)
        self._parameters = [parameters[name] for name in names]
        self._masters = [parameter.data for parameter in self._parameters]
        self._current: Version | None = None
        self._free: list[Version] = []
        self._predict = predict
        self._reach = 0.0
        self._made = 0

    @property
    def peak_bytes(self) -> int:
        """Of all versions that were ever held at once: they are reused, and never dropped."""
        return self._made * sum(master.nbytes for master in self._masters)

    def forward(self, *inputs: Tensor, reach: float = 0.0) -> tuple[Any, InFlight]:
        """Run the module on the current weights; the version is the batch's until it is released.

        A `reach` other than 0 is predicted.
        """
        version = self._newest(reach)
        version.readers += 1
        self._show(version.tensors)
        try:
            return self._module(*inputs), InFlight(version)
        finally:
            self._show(self._masters)

    def backward(
        self, batch: InFlight, outputs: Sequence[Tensor], gradients: Sequence[Tensor]
    ) -> None:
        """Add the gradients of a batch, given those of its outputs."""
        self._show(batch.version.tensors)
        try:
            backward(outputs, gradients)
        finally:
            self._show(self._masters)

    def release(self, batch: InFlight) -> None:
        """A batch needs its version no more."""
        version = batch.version
        version.readers -= 1
        if version is not self._current:
            self._let_go(version)

    @contextmanager
    def updating(self) -> Iterator[None]:
        """In here the optimizer steps; later forwards see the new weights.

        It writes to the masters alone, which no batch in flight has saved. So parameters that have
        versions do not count this as a change of what was saved.
        """
        with _unsafe_preserve_version_counter(tuple(self._parameters)):
            yield
        self._retire()

    def _retire(self) -> None:
        """Later forwards want a new version."""
        current, self._current = self._current, None
        if current is not None:
            self._let_go(current)

    def _newest(self, reach: float) -> Version:
        if reach != self._reach:
            self._retire()
            self._reach = reach
        return self._current or self._publish()

    def _let_go(self, version: Version) -> None:
        """Use it again, once nobody reads it."""
        if not version.readers:
            self._free.append(version)

    def _publish(self) -> Version:
        if self._free:
            version = self._free.pop()
        else:
            version = Version(self._masters)
            self._made += 1
        self._current = version
        if self._masters:
            torch._foreach_copy_(version.tensors, self._masters)
            if self._predict and self._reach:
                self._predict(version.tensors, self._reach)
        return version

    def _show(self, tensors: Sequence[Tensor]) -> None:
        for parameter, tensor in zip(self._parameters, tensors, strict=True):
            parameter.data = tensor


def saved_parameters(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[tuple[str, ...], Any]:
    """Names of the parameters that a forward on these inputs saves, and the forward's output.

    Found by storage, so that a view of a weight counts. The output cannot be used for a backward:
    hooks on saved tensors turn autograd's own check off.
    """
    storages: set[int] = set()

    def note(tensor: Tensor) -> Tensor:
        if tensor.layout == torch.strided:
            storages.add(tensor.untyped_storage().data_ptr())
        return tensor.detach()  # itself it would keep the graph that keeps it, for ever

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        output = module(*inputs)
    saved = tuple(
        name
        for name, parameter in parameters_of(module).items()
        if parameter.untyped_storage().data_ptr() in storages
    )
    return saved, output
