"""PyTorch's optimizers and backward, without what they import for a compiler.

Nothing is compiled here. But methods of `torch.optim.Optimizer` import the compiler to be left
alone by it, and a backward from given gradients compares shapes as symbols: more than a second and
100 MiB at the first step of a run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from inspect import unwrap
from typing import Any, TypeVar, cast

import torch
from torch import Tensor
from torch.autograd import graph

Optimizer = TypeVar("Optimizer", bound=torch.optim.Optimizer)

_DECORATED = ("add_param_group", "load_state_dict", "state_dict", "zero_grad")


@cache
def eager(kind: type[Optimizer]) -> type[Optimizer]:
    """A class of optimizers as it is without the decorators of its methods; steps make no graph.

    Hooks of a step are run as always, for PyTorch puts them around the step of any class.
    """
    step: Callable[..., float | None] = unwrap(kind.step)

    def eager_step(self: Optimizer, closure: Callable[[], float] | None = None) -> float | None:
        with torch.no_grad():
            return step(self, closure)

    methods = {name: unwrap(getattr(kind, name)) for name in _DECORATED}
    made = type(kind.__name__, (kind,), {**methods, "step": eager_step})
    return cast("type[Optimizer]", made)


def backward(outputs: Sequence[Tensor], gradients: Sequence[Tensor]) -> None:
    """Add to the leaves' gradients, given those of outputs, tensor by tensor of the same shapes.

    It is `torch.autograd.backward`, which also compares the shapes.
    """
    _run_backward(outputs, gradients)


def _through_the_engine(outputs: Sequence[Tensor], gradients: Sequence[Tensor]) -> None:
    _ENGINE(
        tuple(outputs),
        tuple(gradients),
        False,
        False,
        (),
        allow_unreachable=True,
        accumulate_grad=True,
    )


_ENGINE: Any = getattr(graph, "_engine_run_backward", None)
_run_backward = _through_the_engine if _ENGINE else torch.autograd.backward
