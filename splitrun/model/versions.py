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
from splitrun.model.unwrapped import backward


class Version:
    """A published copy of the parameters, and how many batches still need it."""

    __slots__ = ("readers", "shares", "tensors")

    def __init__(self, masters: Iterable[Tensor]) -> None:
        self.tensors = [torch.empty_like(master) for master in masters]
        self.readers = 0
        self.shares = False
        """Whether others have one of its tensors, too, so that it can't be used again."""


class InFlight(NamedTuple):
    """What a batch between its forward and its backward holds."""

    version: Version
    learn: tuple[bool, ...]
    """Whether each of the module's parameters learned, after the forward."""
    is_written: bool
    """Whether the forward wrote to its weights, other than into their `.data`."""


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
        *,
        is_custom: bool = True,
    ) -> None:
        self._is_custom = is_custom
        self._module = module
        parameters = parameters_of(module)
        self._every = tuple(parameters.values())
        self._parameters = [parameters.pop(name) for name in names]
        self._masters = [parameter.data for parameter in self._parameters]
        self._frozen = [each for each in parameters.values() if not each.requires_grad]
        self.leaves_out = len(parameters) > len(self._frozen)
        """Whether there are parameters that learn and have no versions."""
        self._current: Version | None = None
        self._in_use: list[Version] = []
        self._free: list[Version] = []
        self._predict = predict
        self._reach = 0.0
        self._made = 0
        self._rebound = False
        """Whether somebody gave a parameter other memory to show."""

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
        if not self._is_custom:
            self._show_version(version)
            output = self._module(*inputs)
            self._show_masters()
            return output, InFlight(version, (), False)
        versioned = self._parameters[:]
        writes, self._rebound = _writes(versioned), False
        output = self.seeing(version, lambda: self._module(*inputs))
        written = self._rebound or _writes(versioned) > writes
        return output, InFlight(version, self._learn(), written)

    def _show_version(self, version: Version) -> None:
        if self._parameters:
            self._show(version.tensors)

    def _show_masters(self) -> None:
        if self._parameters:
            self._show(self._masters)

    def contents(self, reach: float = 0.0) -> list[Tensor]:
        """Copies of the weights that the next forward is going to see."""
        return [tensor.clone() for tensor in self._newest(reach).tensors]

    def backward(
        self, batch: InFlight, outputs: Sequence[Tensor], gradients: Sequence[Tensor]
    ) -> None:
        """Add the gradients of a batch, given those of its outputs."""
        if not self._is_custom:
            self._show_version(batch.version)
            backward(outputs, gradients)
            self._show_masters()
            return
        now = self._learn(batch.learn)
        self.seeing(batch.version, lambda: backward(outputs, gradients))
        self._learn(now)

    def seeing(self, version: Version, action: Callable[[], Any]) -> Any:
        """The action's result, while the module's parameters show a version.

        A parameter that begins to learn meanwhile gets versions from then on; batches in flight go
        on with what it was.
        """
        if not self._parameters:
            return action()
        self._show(version.tensors)
        try:
            return action()
        finally:
            shown = zip(self._parameters, version.tensors, strict=True)
            self._rebound |= any(one.data_ptr() != other.data_ptr() for one, other in shown)
            self._show(self._masters)
            for parameter in self._frozen:
                if parameter.requires_grad:
                    self._thaw()
                    break

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

    def _learn(self, wanted: tuple[bool, ...] = ()) -> tuple[bool, ...]:
        """Let parameters learn or not, where anything is wanted; gives what they did before."""
        before = tuple([parameter.requires_grad for parameter in self._every])
        if wanted and wanted != before:
            for parameter, learns in zip(self._every, wanted, strict=True):
                parameter.requires_grad_(learns)
        return before

    def _newest(self, reach: float) -> Version:
        if reach != self._reach:
            self._retire()
            self._reach = reach
        return self._current or self._publish()

    def _let_go(self, version: Version) -> None:
        """Use it again, once nobody reads it."""
        if not version.readers:
            self._in_use.remove(version)
            if not version.shares:
                self._free.append(version)

    def _publish(self) -> Version:
        if self._free:
            version = self._free.pop()
        else:
            version = Version(self._masters)
            self._made += 1
        self._current = version
        self._in_use.append(version)
        if self._masters:
            torch._foreach_copy_(version.tensors, self._masters)
            if self._predict and self._reach:
                self._predict(version.tensors, self._reach)
        return version

    def _thaw(self) -> None:
        """Parameters have begun to learn: what they were is part of every version in use, and
        their masters move to memory of their own."""
        learning = [parameter for parameter in self._frozen if parameter.requires_grad]
        self._frozen = [parameter for parameter in self._frozen if not parameter.requires_grad]
        for parameter in learning:
            for version in self._in_use:
                version.tensors.append(parameter.data)
                version.shares = True
            self._parameters.append(parameter)
            self._masters.append(parameter.data.clone())
        self._free.clear()
        self._show(self._masters)

    def _show(self, tensors: Sequence[Tensor]) -> None:
        for parameter, tensor in zip(self._parameters, tensors, strict=True):
            parameter.data = tensor


def _writes(parameters: Sequence[Tensor]) -> int:
    return sum([parameter._version for parameter in parameters])  # noqa: SLF001


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
