"""Instances of a user's module to try things on, and what a step of one comes to.

What holds at initial weights need not hold later: a gate that begins at zero hides what is behind
it. So trials run at generic weights, with generic gradients. An instance is built from the spec,
never copied: a copy shares what its closures hold with the original. It is dropped before training,
which is done by one that was never run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from splitrun.model.custom.python_state import Captured, Look, python_state
from splitrun.model.eager import backward
from splitrun.model.randomness import seeded_apart
from splitrun.model.state import Tensors, as_tensors, fingerprint, named_tensors, own, parameters_of
from splitrun.seeds import derive_seed

_SHARE, _LEAST = 0.1, 0.01
"""Of a weight's size, and at least so much, a generic weight differs from the initial one."""


class Trials:
    """Makes instances that are as new; one serves again as long as its forwards leave nothing in
    it that cannot be put back.

    As a context, it leaves parameters and buffers as they were: a class may share them between its
    instances.

    Args:
        build: makes an instance from the spec.
    """

    def __init__(self, build: Callable[[], nn.Module]) -> None:
        self.build = build
        self._first: Pristine | None = None
        self._spare: _AsNew | None = None

    def __enter__(self) -> Trials:
        return self

    def __exit__(self, *_: object) -> None:
        self._drop()

    def instance(self) -> nn.Module:
        """An instance at generic weights, in training mode, that nobody else holds."""
        if self._spare is None or not self._spare.is_as_new():
            self._drop()
            module = self.build()
            self._first = self._first or Pristine.of(module)
            self._spare = _AsNew(module)
        self._spare.put_back()
        module = self._spare.module
        disturb(module, "generic weights")
        module.train()
        return module

    @property
    def first(self) -> Pristine:
        """What the first instance was when it was new."""
        assert self._first is not None  # there was one
        return self._first

    def woken(self, module: nn.Module) -> tuple[str, ...]:
        """Layers of the first instance that were in evaluation mode, and are not in the module,
        which is in training mode."""
        layers = nn.Module.named_modules(module)
        return tuple(n for n, layer in layers if layer.training and n in self.first.asleep)

    def _drop(self) -> None:
        if self._spare is not None:
            self._spare.put_back()
            self._spare = None


class Pristine(NamedTuple):
    """What tells whether two instances are alike."""

    tensors: bytes
    attributes: Look
    asleep: tuple[str, ...]
    """Layers in evaluation mode."""

    @classmethod
    def of(cls, module: nn.Module) -> Pristine:
        """Of a module that was not run yet."""
        layers = nn.Module.named_modules(module)
        asleep = tuple(name for name, layer in layers if not layer.training)
        return cls(fingerprint(module), python_state(module), asleep)


def differs_from_the_first(
    module: nn.Module, build: Callable[[], nn.Module], first: Pristine, inputs: Tensors
) -> bool:
    """Whether a new instance is another network than the first one was.

    Attributes may differ and mean nothing, such as the numbers of hooks; or be a generator that
    was seeded with the time. So instances are run where they do.
    """
    own_first = Pristine.of(module)
    if own_first.tensors != first.tensors:
        return True
    if own_first.attributes == first.attributes:
        return False
    one, other = (step(_training(build()), inputs) for _ in range(2))
    return bool(difference(one, other))


def _training(module: nn.Module) -> nn.Module:
    module.train()
    return module


class _AsNew:
    """A module, and how it was when it was new.

    Frozen parameters are not copied: they may be all of a large encoder. Whether one was changed
    shows in its sum.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self._objects = named_tensors(module)
        self._sums = _sums_of_frozen(module)
        self._contents = {
            name: each.detach().clone()
            for name, each in self._objects.items()
            if name not in self._sums
        }
        self._learns = {name: each.requires_grad for name, each in self._objects.items()}
        self._attributes = Captured(module)
        self._look: Look = python_state(module)

    def is_as_new(self) -> bool:
        """Put its attributes back; whether it can be as it was."""
        self._attributes.put_back()
        objects = named_tensors(self.module)
        alike = objects.keys() == self._objects.keys() and all(
            objects[name] is each for name, each in self._objects.items()
        )
        shapes = all(self._objects[name].shape == it.shape for name, it in self._contents.items())
        for name, each in self._objects.items():
            each.requires_grad_(self._learns[name])
        frozen = _sums_of_frozen(self.module) == self._sums
        return alike and shapes and frozen and python_state(self.module) == self._look

    def put_back(self) -> None:
        """Give its tensors the contents that they had."""
        for name, content in self._contents.items():
            if self._objects[name].shape == content.shape:
                self._objects[name].data.copy_(content)
        for name, each in self._objects.items():
            each.requires_grad_(self._learns[name])
            each.grad = None


def _sums_of_frozen(module: nn.Module) -> dict[str, float]:
    return {
        name: float(each.detach().abs().sum(dtype=torch.float64))
        for name, each in parameters_of(module).items()
        if not each.requires_grad
    }


@dataclass(frozen=True)
class Step:
    """What a forward and a backward came to."""

    outputs: Tensors
    gradients: Mapping[str, Tensor | None]
    """By parameter."""


def disturb(module: nn.Module, *stream: str | int) -> None:
    """Move every parameter that learns a little, as training does."""
    for name, parameter in parameters_of(module).items():
        if not (parameter.requires_grad and parameter.dtype.is_floating_point):
            continue
        generator = torch.Generator().manual_seed(derive_seed(*stream, name))
        size = parameter.data.square().mean().sqrt() if parameter.numel() else 0.0
        noise = torch.randn(parameter.shape, generator=generator).to(parameter.dtype)
        parameter.data.add_(noise * (_SHARE * size + _LEAST))


def enlarge(module: nn.Module, factor: float) -> None:
    """Multiply every parameter that learns: bounds and thresholds show at other sizes alone."""
    for parameter in parameters_of(module).values():
        if parameter.requires_grad:
            parameter.data.mul_(factor)


def rolled(inputs: Tensors, by: int = 1) -> Tensors:
    """Another batch of the same rows."""
    return tuple(torch.roll(tensor.detach(), by, 0) for tensor in inputs)


def generic_gradients(outputs: Sequence[Tensor], *stream: str | int) -> Tensors:
    """One for each of the outputs, of their rows; a slice's is a slice of the batch's."""
    gradients = []
    for index, output in enumerate(outputs):
        generator = torch.Generator().manual_seed(derive_seed("gradient", index, *stream))
        gradients.append(torch.randn(output.shape, generator=generator).to(output.dtype))
    return tuple(gradients)


def learning(outputs: Sequence[Tensor], gradients: Sequence[Tensor]) -> tuple[Tensors, Tensors]:
    """The outputs that gradients can flow back from, with those."""
    kept = [index for index, output in enumerate(outputs) if output.requires_grad]
    return tuple(outputs[i] for i in kept), tuple(gradients[i] for i in kept)


def graph_nodes() -> int:
    """How many operations autograd has noted in this thread: a backward adds none to them, unless
    a forward is run in it."""
    return int(torch._C._autograd._get_sequence_nr())  # noqa: SLF001 - nothing public tells


def take_gradients(module: nn.Module) -> dict[str, Tensor | None]:
    """The gradients that have gathered; none are left."""
    parameters = parameters_of(module)
    gradients = {name: parameter.grad for name, parameter in parameters.items()}
    for parameter in parameters.values():
        parameter.grad = None
    return gradients


def step(module: nn.Module, inputs: Tensors, *stream: str | int) -> Step:
    """A forward and a backward, with nothing between them."""
    with seeded_apart("trial", "forward", *stream):
        outputs = as_tensors(module(*own(inputs)))
    sent = tuple(output.detach().clone() for output in outputs)
    pairs = learning(outputs, generic_gradients(outputs))
    if pairs[0]:
        with seeded_apart("trial", "backward", *stream):
            backward(*pairs)
    return Step(sent, take_gradients(module))


def difference(one: Step, other: Step) -> str:
    """What differs between two steps in any bit, by name; empty if nothing does."""
    for mine, theirs in zip(one.outputs, other.outputs, strict=True):
        if not same(mine, theirs):
            return "its output"
    for name, gradient in one.gradients.items():
        if not same(gradient, other.gradients.get(name)):
            return f"the gradient of {name}"
    return ""


def same(one: Tensor | None, other: Tensor | None) -> bool:
    """Whether two tensors have the same bits; not a number is the same as itself."""
    if one is None or other is None:
        return one is other
    if one.layout != other.layout or one.shape != other.shape:
        return False
    if one.is_sparse:
        one, other = one.coalesce(), other.coalesce()
        return torch.equal(one.indices(), other.indices()) and same(one.values(), other.values())
    if torch.equal(one, other):
        return True
    return bool(((one == other) | ((one != one) & (other != other))).all())


def contents(module: nn.Module) -> dict[str, Tensor]:
    """Copies of all parameters that learn."""
    return {
        name: each.detach().clone()
        for name, each in parameters_of(module).items()
        if each.requires_grad
    }
