"""Whether a bottom may run several batches deep: do its batches get in each other's way?

Forward and backward of a batch see the same weights (`versions`). But batches in flight share all
else that a module keeps: buffers, attributes, tensors that it writes to again. A backward that
reads what a later forward has changed is wrong, and nothing in PyTorch tells. So before a user's
module is pipelined, a step of it is compared with one between whose forward and backward the
weights are updated and another batch has its forward.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import torch
from torch import nn

from splitrun.errors import one_line
from splitrun.model.custom.python_state import python_state
from splitrun.model.custom.recomputation import Recomputation, Stash
from splitrun.model.custom.trial import (
    Step,
    Trials,
    contents,
    difference,
    disturb,
    enlarge,
    generic_gradients,
    learning,
    rolled,
    same,
    step,
    take_gradients,
)
from splitrun.model.custom.versions import WatchedVersions
from splitrun.model.randomness import seeded_apart
from splitrun.model.state import Tensors, as_tensors, own

_SIZES = (10.0, 100.0)
"""Of weights, at which a bound on them shows."""


def why_not_stashed(trials: Trials, versioned: Collection[str], inputs: Tensors) -> str:
    """What keeps a bottom from being pipelined; empty if nothing does.

    Args:
        trials: of its module.
        versioned: names of the parameters that versions copy.
        inputs: a batch.
    """
    for size in (1.0, *_SIZES):
        if name := _written(trials, size, versioned, inputs):
            return f"it changes its parameter {name} by itself, which belongs to a version of it"
    module = trials.instance()
    _warm_up(lambda *batch: module(*batch), inputs)
    plain = step(module, inputs)
    try:
        disturbed = _disturbed(trials.instance(), versioned, inputs)
    except RuntimeError as error:
        return (
            f"its backward needs what a later forward or an update has changed: {one_line(error)}"
        )
    if different := difference(plain, disturbed):
        return f"its backward reads what a later forward has changed: {different} is wrong"
    return ""


def _written(trials: Trials, size: float, versioned: Collection[str], inputs: Tensors) -> str:
    """Which of its parameters a module writes to in a step, when they are so many times as large;
    empty if none."""
    module = trials.instance()
    enlarge(module, size)
    before = contents(module)
    try:
        step(module, inputs)
    except Exception:
        if size == 1.0:
            raise
        return ""  # nothing says that it bears weights of that size
    after = contents(module)
    return next((name for name in versioned if not same(before[name], after.get(name))), "")


def _warm_up(forward: Callable[..., object], inputs: Tensors) -> None:
    """A forward before those that count: what a module keeps for good it has by then."""
    with seeded_apart("trial", "warm-up"):
        forward(*own(rolled(inputs, 2)))


def is_repeatable(trials: Trials, versioned: Collection[str], inputs: Tensors) -> bool:
    """Whether a step of a module can be run again while others are in flight, and is the same.

    It is then a mistake if it is not the same during a run; see `recomputation`.
    """
    module = trials.instance()
    versions = WatchedVersions(module, versioned)
    if versions.leaves_out:
        return False
    stash = Stash(module, inputs, versions.contents())
    with seeded_apart("trial", "forward"):
        output, batch = versions.forward(*own(inputs))
    outputs = as_tensors(output)
    with torch.no_grad(), versions.updating():
        disturb(module, "an update")
    with seeded_apart("trial", "another forward"):
        versions.forward(*own(rolled(inputs)))
    upstream = generic_gradients(outputs)
    kept, given = learning(outputs, upstream)
    if not kept:
        return False
    with seeded_apart("trial", "backward"):
        versions.backward(batch, kept, given)
    before = python_state(module)
    again = Recomputation(module, versions).difference(
        stash,
        batch.version,
        outputs,
        upstream,
        lambda: seeded_apart("trial", "forward"),
        lambda: seeded_apart("trial", "backward"),
    )
    return not again and python_state(module) == before


def _disturbed(module: nn.Module, versioned: Collection[str], inputs: Tensors) -> Step:
    """A step, between whose forward and backward come an update and another batch's forward."""
    versions = WatchedVersions(module, versioned)
    _warm_up(lambda *batch: versions.release(versions.forward(*batch)[1]), inputs)
    with seeded_apart("trial", "forward"):
        output, batch = versions.forward(*own(inputs))
    outputs = as_tensors(output)
    sent = tuple(each.detach().clone() for each in outputs)
    with torch.no_grad(), versions.updating():
        disturb(module, "an update")
    with seeded_apart("trial", "another forward"):
        versions.forward(*own(rolled(inputs)))
    pairs = learning(outputs, generic_gradients(outputs))
    if pairs[0]:
        with seeded_apart("trial", "backward"):
            versions.backward(batch, *pairs)
    return Step(sent, take_gradients(module))
