"""What a role's forwards compute in: float32, or bfloat16 where PyTorch's autocast has it."""

from __future__ import annotations

from functools import cache
from types import new_class
from typing import Any

import torch
from torch import Tensor, nn

from splitrun.spec.training import Precision


def in_precision(module: nn.Module, precision: Precision) -> nn.Module:
    """The same module, whose calls compute in a precision; its weights stay as they are, and what
    would be bfloat16 of its results is float32.

    It gets a class of its own, as a module with parametrizations does in PyTorch: then whoever
    calls it has the precision, be it for a probe, in training or in an evaluation, in whatever
    thread, and the names in its state are the same.
    """
    if precision == "bf16":
        kind: Any = type(module)
        object.__setattr__(module, "__class__", _autocast(kind))
    return module


@cache
def _autocast(kind: type[Any]) -> type[Any]:
    def called(self: nn.Module, *inputs: Any, **named: Any) -> Any:
        with torch.autocast("cpu", torch.bfloat16):
            output = kind.__call__(self, *inputs, **named)
        if isinstance(output, Tensor):
            return _as_float32(output)
        if isinstance(output, tuple | list):
            return tuple(map(_as_float32, output))  # a named one, too
        return output  # which the probe refuses

    own = {"__call__": called, "__module__": kind.__module__}
    return new_class(kind.__name__, (kind,), exec_body=lambda names: names.update(own))


def _as_float32(output: Any) -> Any:
    return output.float() if _is_bfloat16(output) else output


def _is_bfloat16(output: Any) -> bool:
    return isinstance(output, Tensor) and output.dtype == torch.bfloat16
