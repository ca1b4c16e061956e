"""A step's gradients once more, from what was stashed at its forward.

A habit may begin after the checks that come before training: a cache that is only now reused, a
schedule that enters its next phase. So now and then, early and at the end, a bottom with several
batches in flight runs a step again by itself, at the same version, buffers and random numbers. If
any bit differs, batches got in each other's way.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from splitrun.model.state import buffers_of, parameters_of
from splitrun.model.tensors import Tensors, as_tensors
from splitrun.model.trial import Step, difference, learning, own, take_gradients
from splitrun.model.versions import Version, WeightVersions

_EARLY = frozenset((0, 1, 2, 4, 8, 16, 32, 64, 128))
_EVERY = 256


def is_due(step: int, first: int, steps: int) -> bool:
    """Whether a step is run again: some early ones, then one in 256, and the last one.

    Args:
        first: of this life of the run.
        steps: of the run.
    """
    since = step - first
    return since in _EARLY or since % _EVERY == 0 or step == steps - 1


class Stash(NamedTuple):
    """What a forward was given."""

    inputs: Tensors
    buffers: dict[str, Tensor]


def stash(module: nn.Module, inputs: Tensors) -> Stash:
    """Copy what a forward is about to be given."""
    buffers = {name: buffer.detach().clone() for name, buffer in buffers_of(module).items()}
    return Stash(own(inputs), buffers)


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

        The module's gradients are those of the step alone. They and its buffers stay as they are.

        Args:
            stashed: before the step's forward.
            version: that the step saw.
            outputs: of its forward.
            upstream: the gradients of the outputs.
        """
        module, versions = self._module, self._versions
        gradients = take_gradients(module)
        buffers = buffers_of(module)
        live = {name: buffer.data for name, buffer in buffers.items()}
        places = [layer._buffers for layer in nn.Module.modules(module)]  # noqa: SLF001 - to be put back
        held = [dict(place) for place in places]
        _show(buffers, stashed.buffers)
        try:
            with forward():
                again = as_tensors(versions.seeing(version, lambda: module(*stashed.inputs)))
            sent = tuple(each.detach().clone() for each in again)
            kept, given = learning(again, upstream)
            if kept:
                with backward():
                    versions.seeing(version, lambda: torch.autograd.backward(kept, given))
        finally:
            for place, objects in zip(places, held, strict=True):
                place.clear()
                place.update(objects)
            _show(buffers, live)
            found = take_gradients(module)
            parameters = parameters_of(module)
            for name, gradient in gradients.items():
                parameters[name].grad = gradient
        first = Step(tuple(each.detach() for each in outputs), gradients)
        return difference(first, Step(sent, found))


def _show(buffers: dict[str, Tensor], contents: dict[str, Tensor]) -> None:
    for name, buffer in buffers.items():
        if name in contents:
            buffer.data = contents[name]
