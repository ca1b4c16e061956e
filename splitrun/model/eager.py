"""PyTorch's optimizers and backward, without what they do for a compiler and a profiler.

Nothing is compiled here. But methods of `torch.optim.Optimizer` import the compiler to be left
alone by it, and a backward from given gradients compares shapes as symbols: more than a second and
100 MiB at the first step of a run, and a tenth of every small step after it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from inspect import unwrap
from typing import Any, NamedTuple, TypeVar, cast

import torch
from torch import Tensor
from torch.optim import optimizer as optimizer_module

Optimizer = TypeVar("Optimizer", bound=torch.optim.Optimizer)

_STEP = "step_without_hooks"
_HOOKS = ("_optimizer_step_pre_hooks", "_optimizer_step_post_hooks")
_HOOKS_OF_ALL = ("_global_optimizer_pre_hooks", "_global_optimizer_post_hooks")
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
    own = {"step": eager_step, _STEP: eager_step}  # PyTorch puts hooks around the first of them
    return cast("type[Optimizer]", type(kind.__name__, (kind,), {**methods, **own}))


class Steps(NamedTuple):
    """Two ways to make an optimizer's step."""

    optimizer: torch.optim.Optimizer
    """Whose own step has whatever hooks there are, and a profiler's mark."""
    bare: Callable[[], object]
    """Without; its own where there is no other."""
    hooks: Sequence[Mapping[int, Any]]
    """All that could be, own and everybody's: they may come at any time."""

    @property
    def now(self) -> Callable[[], object]:
        """The way to make it now: what somebody has put in the place of the step counts."""
        if any(self.hooks) or "step" in vars(self.optimizer):
            return self.optimizer.step
        return self.bare


def steps_of(optimizer: torch.optim.Optimizer) -> Steps:
    """How to make an optimizer's step; only an eager one has a bare one."""
    bare = getattr(optimizer, _STEP, None)
    own = [getattr(optimizer, name, None) for name in _HOOKS]
    every = [getattr(optimizer_module, name, None) for name in _HOOKS_OF_ALL]
    hooks = [each for each in (*own, *every) if each is not None]
    knows_all = len(hooks) == len(_HOOKS) + len(_HOOKS_OF_ALL)
    return Steps(optimizer, bare if bare and knows_all else optimizer.step, hooks)


def backward(outputs: Sequence[Tensor], gradients: Sequence[Tensor]) -> None:
    """Add to the leaves' gradients, given those of outputs, tensor by tensor of the same shapes.

    It is `torch.autograd.backward`, which also compares the shapes.
    """
    _run_backward(outputs, gradients)


def _through_the_engine(outputs: Sequence[Tensor], gradients: Sequence[Tensor]) -> None:
    _ENGINE.run_backward(
        tuple(outputs),
        tuple(gradients),
        False,
        False,
        (),
        allow_unreachable=True,
        accumulate_grad=True,
    )


_ENGINE: Any = getattr(torch.autograd.Variable, "_execution_engine", None)
_run_backward = _through_the_engine if _ENGINE else torch.autograd.backward
