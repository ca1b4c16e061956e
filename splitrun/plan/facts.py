"""What a spec alone does not tell, as a frozen record that `data` and `model` produce."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class TensorFacts:
    """One tensor of a cut, per row: its trailing shape and its element size in bytes."""

    shape: tuple[int, ...]
    itemsize: int
    dtype: str = "float32"
    """As PyTorch names it."""

    @property
    def bytes_per_row(self) -> int:
        """Bytes of one row."""
        size = self.itemsize
        for extent in self.shape:
            size *= extent
        return size


@dataclass(frozen=True)
class RoleFacts:
    """What the probe found out about one role's model."""

    parameters: int
    """Number of weights."""
    parameter_bytes: int
    saved: tuple[str, ...]
    """Parameters that need versions under staleness: those that autograd keeps for the backward,
    and of a user's class all that learn but tables of sparse gradients."""
    saved_bytes: int
    draws_random: bool
    """Whether a training forward draws random numbers (dropout)."""
    cut: tuple[TensorFacts, ...] = ()
    """What a bottom sends; empty for a top."""
    predictable: tuple[str, ...] = ()
    """A bottom's trainable parameters that are no embedding tables."""
    unsaved_predictable_bytes: int = 0
    """Of those that autograd does not keep."""
    buffer_bytes: int = 0
    gradient_bytes: int = 0
    """Of dense gradients of all weights."""
    optimizer_bytes: int = 0
    """Of the optimizer's state, once it is complete."""
    activation_bytes_per_row: float = 0.0
    """What a forward keeps for its backward beside weights, inputs and cut."""
    input_bytes_per_row: float = 0.0
    is_custom: bool = False
    """Whether it is a class of the user's, of which one batch does not tell all."""
    recomputes: bool = False
    """Whether its backward runs a forward again."""
    leaves_traces: bool = False
    """Whether its forwards change what it keeps: buffers, or attributes of Python."""
    repeatable: bool = False
    """Whether a step of it can be run again in the middle of a run, to look at its gradients."""
    woken: tuple[str, ...] = ()
    """Layers that are in evaluation mode when they are built, which `train()` ends."""
    sparse: tuple[str, ...] = ()
    """Parameters whose gradients are sparse."""

    @property
    def cut_bytes_per_row(self) -> int:
        """Bytes of one row of the whole cut; its gradient has as many."""
        return sum(tensor.bytes_per_row for tensor in self.cut)


@dataclass(frozen=True)
class Facts:
    """Everything beyond the spec that a plan depends on."""

    train_rows: int
    test_rows: int
    roles: Mapping[str, RoleFacts]
