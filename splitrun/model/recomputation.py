"""A step's gradients once more, from what was stashed at its forward.

A habit may begin after the checks that come before training: a cache that is only now reused, a
schedule that enters its next phase. So now and then, early and at the end, a bottom with several
batches in flight runs a step again by itself, at the same version, buffers and random numbers. If
any bit differs, batches got in each other's way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from splitrun.model.python_capture import Captured
from splitrun.model.state import buffers_of, parameters_of
from splitrun.model.tensors import Tensors, as_tensors
from splitrun.model.trial import Step, difference, learning, own, take_gradients
from splitrun.model.versions import Version, WeightVersions

_EARLY = frozenset((0, 1, 2, 4, 8, 16, 32, 64, 128))
_EVERY = 256


def is_due(step: int, first: int, last: int) -> bool:
    """Whether a step is run again: some early ones, then one in 256, and the last one.

    Args:
        first: of this life of the run.
        last: of the run.
    """
    since = step - first
    return since in _EARLY or since % _EVERY == 0 or step == last


class Stash(NamedTuple):
    """What a forward was given, and what it found in the module."""

    inputs: Tensors
    buffers: dict[str, Tensor]
    learns: dict[str, bool]
    """Whether parameters did."""
    attributes: Captured


def stash(module: nn.Module, inputs: Tensors) -> Stash:
    """Copy what a forward is about to be given and to find."""
    buffers = {name: buffer.detach().clone() for name, buffer in buffers_of(module).items()}
    learns = {name: each.requires_grad for name, each in parameters_of(module).items()}
    return Stash(own(inputs), buffers, learns, Captured(module))


Seeded = Callable[[], AbstractContextManager[object]]
"""Holds the random generators as they were for a forward, or a backward."""


class Recomputation:
    """Runs steps of one module again.

    Args:
        versions: of the module.
    """

    def __init__(self, module: nn.Module, versions: WeightVersions) -> None:
        self._module = module
        self._versions = versions

    def difference(
        self,
        stashed: Stash,
        version: Version,
        outputs: Tensors,
        upstream: Tensors,
        forward: Seeded,
        backward: Seeded,
    ) -> str:
        """What is different when a step is run again; empty if nothing.

        The module's gradients are those of the step alone. They, and all that it keeps, are as
        before afterwards.

        Args:
            stashed: before the step's forward.
            version: that the step saw.
            outputs: of its forward.
            upstream: the gradients of the outputs.
        """
        module, versions = self._module, self._versions
        gradients = take_gradients(module)
        live = _Live(module)
        stashed.attributes.put_back()
        live.show(stashed.buffers, stashed.learns)
        try:
            with forward():
                again = as_tensors(versions.seeing(version, lambda: module(*stashed.inputs)))
            sent = tuple(each.detach().clone() for each in again)
            kept, given = learning(again, upstream)
            if kept:
                with backward():
                    versions.seeing(version, lambda: torch.autograd.backward(kept, given))
        finally:
            found = take_gradients(module)
            live.put_back()
            for name, parameter in parameters_of(module).items():
                parameter.grad = gradients[name]
        first = Step(tuple(each.detach() for each in outputs), gradients)
        return difference(first, Step(sent, found))


class _Live:
    """What a module keeps now, to be there again when a step has been run again."""

    def __init__(self, module: nn.Module) -> None:
        self._attributes = Captured(module)
        self._places = [layer._buffers for layer in nn.Module.modules(module)]  # noqa: SLF001
        self._held = [dict(place) for place in self._places]
        self._buffers = buffers_of(module)
        self._contents = {name: buffer.data for name, buffer in self._buffers.items()}
        self._parameters = parameters_of(module)
        self._learns = {name: each.requires_grad for name, each in self._parameters.items()}

    def show(self, buffers: Mapping[str, Tensor], learns: Mapping[str, bool]) -> None:
        """Let buffers have these contents, and parameters learn or not."""
        for name, buffer in self._buffers.items():
            if name in buffers:
                buffer.data = buffers[name]
        for name, parameter in self._parameters.items():
            parameter.requires_grad_(learns.get(name, parameter.requires_grad))

    def put_back(self) -> None:
        """Make it all what it was."""
        self._attributes.put_back()
        for place, objects in zip(self._places, self._held, strict=True):
            place.clear()
            place.update(objects)
        self.show(self._contents, self._learns)
