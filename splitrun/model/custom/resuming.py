"""Whether a module goes on as it was once its parameters and buffers have been given back to it.

A checkpoint holds those, and what `get_extra_state()` gives. A module that counts its forwards in
an attribute, or keeps a running mean there, would begin anew with it.
"""

from __future__ import annotations

from torch import nn

from splitrun.model.custom.python_state import changed_numbers, python_state
from splitrun.model.custom.trial import Trials, difference, disturb, rolled, step
from splitrun.model.state import Tensors, extra_states, fill, named_tensors, set_extra_states

_STEPS = 3
"""After which a module's state is taken."""


def what_is_lost(trials: Trials, inputs: Tensors) -> str:
    """What a resumed run would be without; empty if nothing.

    Args:
        inputs: a batch.
    """
    module = trials.instance()
    for number in range(_STEPS):
        before = python_state(module)
        step(module, rolled(inputs, number), number)
        disturb(module, "updates", number)
    moved = set(changed_numbers(before, python_state(module)))
    other = trials.build()
    try:
        _give(module, other)
    except RuntimeError:  # another network every time, which is refused for that
        return ""
    other.train()
    kept, found = python_state(module), python_state(other)
    lost = [name for name in moved if kept[name] != found.get(name)]
    if lost:
        return f"its attribute {min(lost)}"
    here, there = step(module, inputs, _STEPS), step(other, inputs, _STEPS)
    return difference(here, there) and "what it keeps beside parameters and buffers"


def _give(module: nn.Module, other: nn.Module) -> None:
    """What a checkpoint of one module holds, to another."""
    fill(other, {name: tensor.detach() for name, tensor in named_tensors(module).items()})
    set_extra_states(other, extra_states(module))
    for (_, mine), (_, theirs) in zip(
        nn.Module.named_parameters(module), nn.Module.named_parameters(other), strict=True
    ):
        theirs.requires_grad_(mine.requires_grad)
