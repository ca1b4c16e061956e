"""A step's gradients once more, from what was stashed at its forward.

A habit may begin after the checks that come before training: a cache that is only now reused, a
schedule that enters its next phase. So now and then, early and at the end, a bottom with several
batches in flight runs a step again by itself, at the same version, buffers and random numbers. If
any bit differs, batches got in each other's way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache

from torch import Tensor, nn

from splitrun.model.custom.python_state import Captured
from splitrun.model.custom.trial import Step, difference, learning, same, take_gradients
from splitrun.model.custom.versions import WatchedVersions
from splitrun.model.eager import backward
from splitrun.model.state import Tensors, as_tensors, buffers_of, own, parameters_of
from splitrun.model.versions import Version
from splitrun.seeds import derive_seed

_EARLY = frozenset((0, 1, 2, 4, 6, 8, 11, 16, 23, 32, 45, 64, 90, 128, 181))
_EVERY = 256


def is_due(step: int, first: int, last: int) -> bool:
    """Whether a step is run again: some early ones, then one of every 256, which no period meets
    or misses for ever, and the last one.

    Args:
        first: of this attempt of the run.
        last: of the run.
    """
    since = step - first
    window, place = divmod(since, _EVERY)
    if window == 0:
        return since in _EARLY or step == last
    return place == _place(window) or step == last


@lru_cache(maxsize=8)
def _place(window: int) -> int:
    """Where in a window of 256 steps the one is that is run again."""
    return derive_seed("a step again", window) % _EVERY


class Kept:
    """All that a module keeps beside parameters that learn, to be put back: buffers, frozen
    parameters, attributes, and which parameters learn."""

    def __init__(self, module: nn.Module) -> None:
        self._attributes = Captured(module)
        tables = (layer._buffers for layer in nn.Module.modules(module))  # noqa: SLF001
        self._places = [(table, dict(table)) for table in tables if isinstance(table, dict)]
        parameters = parameters_of(module)
        self._learns = [(each, each.requires_grad) for each in parameters.values()]
        frozen = [each for each in parameters.values() if not each.requires_grad]
        tensors = (*buffers_of(module).values(), *frozen)
        self._contents = [(tensor, tensor.detach().clone()) for tensor in tensors]

    def put_back(self) -> None:
        """Make it all what it was; contents are written where they were, for views to see."""
        self._attributes.put_back()
        for table, tensors in self._places:
            table.clear()
            table.update(tensors)
        for tensor, content in self._contents:
            if tensor.shape == content.shape:
                tensor.data.copy_(content)
        for parameter, learns in self._learns:
            parameter.requires_grad_(learns)


class Stash:
    """What a forward was given, and what it found in the module.

    Args:
        weights: that it is going to see.
    """

    def __init__(self, module: nn.Module, inputs: Tensors, weights: Sequence[Tensor]) -> None:
        self.inputs = own(inputs)
        self.kept = Kept(module)
        self._weights = weights

    def differs(self, version: Version) -> bool:
        """Whether the forward has changed the weights that it saw."""
        return not all(map(same, self._weights, version.tensors))


Seeded = Callable[[], AbstractContextManager[object]]
"""Holds the random generators as they were for a forward, or a backward."""


class Recomputation:
    """Runs steps of one module again.

    Args:
        versions: of the module.
    """

    def __init__(self, module: nn.Module, versions: WatchedVersions) -> None:
        self._module = module
        self._versions = versions

    def difference(
        self,
        stash: Stash,
        version: Version,
        outputs: Tensors,
        upstream: Tensors,
        seeded_forward: Seeded,
        seeded_backward: Seeded,
    ) -> str:
        """What is different when a step is run again; empty if nothing.

        The module's gradients are those of the step alone. They, and all that it keeps, are as
        before afterwards.

        Args:
            stash: made before the step's forward.
            version: that the step saw.
            outputs: of its forward.
            upstream: the gradients of the outputs.
        """
        module, versions = self._module, self._versions
        gradients = take_gradients(module)
        now = Kept(module)
        stash.kept.put_back()
        try:
            with seeded_forward():
                again = as_tensors(versions.seeing(version, lambda: module(*stash.inputs)))
            sent = tuple(each.detach().clone() for each in again)
            kept, given = learning(again, upstream)
            if kept:
                with seeded_backward():
                    versions.seeing(version, lambda: backward(kept, given))
        finally:
            found = take_gradients(module)
            now.put_back()
            _give(module, gradients)
        first = Step(tuple(each.detach() for each in outputs), gradients)
        return difference(first, Step(sent, found))


def _give(module: nn.Module, gradients: Mapping[str, Tensor | None]) -> None:
    for name, parameter in parameters_of(module).items():
        parameter.grad = gradients.get(name)
