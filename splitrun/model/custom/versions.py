"""Weight versions of a user's class, which may do with its weights whatever it likes.

It may write to them in its forward, give a parameter other memory to show, let it learn from some
batch on or no longer, and run its forward again in its backward. All of that is noticed here, and
what can be followed is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from splitrun.model.eager import backward
from splitrun.model.state import Tensors, parameters_of
from splitrun.model.versions import InFlight, Version, WeightVersions


class WatchedVersions(WeightVersions):
    """The versions of one module that is a user's; made as `WeightVersions` are."""

    def __init__(self, *options: Any) -> None:
        super().__init__(*options)
        self._every = tuple(parameters_of(self._module).values())
        versioned = {id(parameter) for parameter in self._parameters}
        others = [parameter for parameter in self._every if id(parameter) not in versioned]
        self._frozen = [each for each in others if not each.requires_grad]
        self.leaves_out = len(others) > len(self._frozen)
        """Whether there are parameters that learn and have no versions."""
        self._in_use: list[Version] = []
        self._shared: set[Version] = set()
        """Of those in use, the ones that have a tensor of others, and can't be used again."""

    def forward(self, *inputs: Tensor, reach: float = 0.0) -> tuple[Any, InFlight]:
        """Run the module on the current weights; the version is the batch's until it is released.

        A `reach` other than 0 is predicted.
        """
        version = self._newest(reach)
        version.readers += 1
        versioned = self._parameters[:]
        writes = _writes(versioned)
        output, is_rebound = self.seeing(version, lambda: self._run(version, inputs))
        is_written = is_rebound or _writes(versioned) > writes
        return output, InFlight(version, self._learn(), is_written)

    def contents(self, reach: float = 0.0) -> list[Tensor]:
        """Copies of the weights that the next forward is going to see."""
        return [tensor.clone() for tensor in self._newest(reach).tensors]

    def backward(
        self, batch: InFlight, outputs: Sequence[Tensor], gradients: Sequence[Tensor]
    ) -> None:
        """Add the gradients of a batch, given those of its outputs.

        Raises:
            RuntimeError: an output has been given another shape since, or autograd's own.
        """
        if [each.shape for each in outputs] != [each.shape for each in gradients]:
            raise RuntimeError("its output has another shape than it had after the forward")
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
            self._show(self._masters)
            for parameter in self._frozen:
                if parameter.requires_grad:
                    self._thaw()
                    break

    def _run(self, version: Version, inputs: Tensors) -> tuple[Any, bool]:
        """What the module gives while a version is shown, and whether it has given a parameter
        other memory to show."""
        output = self._module(*inputs)
        return output, _addresses(self._parameters) != _addresses(version.tensors)

    def _publish(self) -> Version:
        version = super()._publish()
        self._in_use.append(version)
        return version

    def _let_go(self, version: Version) -> None:
        if version.readers:
            return
        self._in_use.remove(version)
        if version in self._shared:
            self._shared.remove(version)
        else:
            super()._let_go(version)

    def _learn(self, wanted: tuple[bool, ...] = ()) -> tuple[bool, ...]:
        """Let parameters learn or not, where anything is wanted; gives what they did before."""
        before = tuple([parameter.requires_grad for parameter in self._every])
        if wanted and wanted != before:
            for parameter, learns in zip(self._every, wanted, strict=True):
                parameter.requires_grad_(learns)
        return before

    def _thaw(self) -> None:
        """Parameters have begun to learn: what they were is part of every version in use, and
        their masters move to memory of their own."""
        learning = [parameter for parameter in self._frozen if parameter.requires_grad]
        self._frozen = [parameter for parameter in self._frozen if not parameter.requires_grad]
        for parameter in learning:
            for version in self._in_use:
                version.tensors.append(parameter.data)
            self._parameters.append(parameter)
            self._masters.append(parameter.data.clone())
        self._shared.update(self._in_use)
        self._free.clear()
        self._show(self._masters)


def _writes(parameters: Sequence[Tensor]) -> int:
    return sum([parameter._version for parameter in parameters])  # noqa: SLF001


def _addresses(tensors: Sequence[Tensor]) -> list[int]:
    return [tensor.data_ptr() for tensor in tensors]
