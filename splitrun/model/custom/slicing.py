"""Whether a module makes of a batch in slices what it makes of the whole batch.

Micro-batches promise the baseline's update up to the order of sums. That holds for modules in which
no row depends on another one, and which count neither forwards nor gradients.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from splitrun.errors import one_line
from splitrun.model.custom.python_state import changed_numbers, python_state
from splitrun.model.custom.trial import (
    Step,
    Trials,
    contents,
    enlarge,
    generic_gradients,
    learning,
    rolled,
    take_gradients,
)
from splitrun.model.randomness import draws_random, seeded_apart
from splitrun.model.state import Tensors, as_tensors, buffer_contents, own
from splitrun.spec.training import Precision

_LOUD = 1e3
"""Gradients are tried at this size, too: what clips them shows then."""
_SIZES = (0.1, 10.0)
"""Of weights: thresholds on them show."""
_ROUGHLY = 1e-2
_ALIKE: Mapping[Precision, float] = {"float32": 1e-4, "bf16": _ROUGHLY}
"""Differences, over the size of the whole, that the order of sums may make."""


def why_not_sliced(trials: Trials, inputs: Tensors, slices: int, precision: Precision) -> str:
    """What micro-batches would change; empty if nothing.

    A module that draws random numbers in training is tried in evaluation mode: what it draws
    depends on the slices, and nothing can be said of that.

    Args:
        inputs: a batch.
        slices: how many it is cut into.
    """
    try:
        return _what_differs(trials, inputs, slices, _ALIKE[precision])
    except RuntimeError as error:
        return f"slices get in each other's way: {one_line(error)}"


def _what_differs(trials: Trials, inputs: Tensors, slices: int, most: float) -> str:
    for size in _SIZES:
        if _mixes_rows(trials, inputs, slices, size):
            return f"with weights {size:g} times as large, its output of a slice is another one"
    module = trials.instance()
    draws = draws_random(lambda: module(*own(inputs)))
    for size in (1.0, _LOUD):
        whole = _end(trials.instance(), inputs, 1, size, evaluating=draws)
        sliced = _end(trials.instance(), inputs, slices, size, evaluating=draws)
        if why := _different(whole.steps, sliced.steps, most):
            return why
        if draws:  # what it leaves behind may all the same depend on nothing but its forwards
            whole = _end(trials.instance(), inputs, 1, size)
            sliced = _end(trials.instance(), inputs, slices, size)
        for name in {**whole.moved, **sliced.moved}:
            if whole.moved.get(name) != sliced.moved.get(name):
                return f"it counts its forwards ({name})"
        if name := _other(whole.tensors, sliced.tensors, most):
            return f"its {name} ends as another one"
    return ""


def _mixes_rows(trials: Trials, inputs: Tensors, slices: int, size: float) -> bool:
    """Whether weights of another size make rows depend on others, in evaluation mode."""
    outputs = []
    for number in (1, slices):
        module = trials.instance()
        enlarge(module, size)
        module.eval()
        try:
            outputs.append(_batch(module, own(inputs), number, 1.0).outputs)
        except Exception:  # noqa: BLE001 - nothing says that it bears weights of that size
            return False
    return not all(_alike(one, other, _ROUGHLY) for one, other in zip(*outputs, strict=True))


class _End(NamedTuple):
    """What two batches came to, and what they left in the module."""

    steps: list[Step]
    tensors: dict[str, Tensor]
    """Parameters, which a hook may update, and buffers."""
    moved: dict[str, object]
    """Numbers that it keeps in Python, as far as they have changed."""


def _end(
    module: nn.Module, inputs: Tensors, slices: int, size: float, *, evaluating: bool = False
) -> _End:
    before = python_state(module)
    if evaluating:
        module.eval()
    steps = _batches(module, inputs, slices, size)
    after = python_state(module)
    moved = {name: after.get(name) for name in changed_numbers(before, after)}
    return _End(steps, contents(module) | buffer_contents(module, caches=False), moved)


def _batches(module: nn.Module, inputs: Tensors, slices: int, size: float) -> list[Step]:
    """Two batches, each cut into so many slices: all forwards, then all backwards."""
    return [_batch(module, batch, slices, size) for batch in (own(inputs), rolled(inputs, 7))]


def _batch(module: nn.Module, inputs: Tensors, slices: int, size: float) -> Step:
    rows = len(inputs[0])
    cuts: list[Tensors] = []
    sent: list[Tensors] = []
    for micro in range(slices):
        start, stop = micro * rows // slices, (micro + 1) * rows // slices
        part = tuple(
            tensor.detach()[start:stop].requires_grad_(tensor.requires_grad).clone()
            for tensor in inputs
        )
        with seeded_apart("trial", "slice", micro):
            cuts.append(as_tensors(module(*part)))
        sent.append(tuple(tensor.detach().clone() for tensor in cuts[-1]))
    outputs = tuple(torch.cat(pieces) for pieces in zip(*sent, strict=True))
    gradients = [size * each for each in generic_gradients(outputs)]
    start = 0
    for cut in cuts:
        stop = start + len(cut[0])
        kept, given = learning(cut, [each[start:stop] for each in gradients])
        if kept:
            with seeded_apart("trial", "backward", start):
                torch.autograd.backward(kept, given)
        start = stop
    return Step(outputs, take_gradients(module))


def _different(wholes: Sequence[Step], slicewise: Sequence[Step], most: float) -> str:
    for whole, sliced in zip(wholes, slicewise, strict=True):
        for one, other in zip(whole.outputs, sliced.outputs, strict=True):
            if not _alike(one, other, most):
                return "its output of a slice is another one than that of the batch"
        for name, gradient in whole.gradients.items():
            if not _alike(gradient, sliced.gradients[name], most):
                return f"the gradient of {name} is another one"
    return ""


def _other(one: Mapping[str, Tensor], other: Mapping[str, Tensor], most: float) -> str:
    for name in {**one, **other}:
        if not _alike(one.get(name), other.get(name), most):
            return name
    return ""


def _alike(one: Tensor | None, other: Tensor | None, most: float) -> bool:
    """Whether two tensors are the same up to the order of sums."""
    if one is None or other is None:
        return one is other
    if one.shape != other.shape:
        return False
    one, other = (each.to_dense() if each.is_sparse else each for each in (one, other))
    one, other = one.detach().double(), other.detach().double()
    gap = (one - other).norm()
    return bool(gap <= most * max(one.norm().item(), 1e-12)) or not bool(gap.isfinite())
