"""PyTorch's optimizers and its backward without what it wraps around them for others' sake.

`Optimizer.step` is wrapped to be recorded by a profiler, hooked and left alone by a compiler, and
`torch.autograd.backward` looks at shapes that symbols may stand for. A small model's step spends a
tenth of its time there, and the first call imports the compiler, and with it a second of modules.
What is called here is PyTorch's own code, only without that: the bits are the same.

These are the private names that splitrun relies on. Where PyTorch has them no more, its public ways
are taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim import optimizer as optimizer_module

_OWN = ("torch.optim.", "splitrun.")
"""Where optimizers come from whose wrappers are known. A user's own may be wrapped for a reason."""
_engine = getattr(torch.autograd.Variable, "_execution_engine", None)


def backward(outputs: Sequence[Tensor], gradients: Sequence[Tensor]) -> None:
    """Add up the gradients at the leaves of a graph that no user's code is part of.

    Args:
        outputs: of the graph, of which every one learns.
        gradients: of each, of its shape and type.
    """
    if _engine is None:
        torch.autograd.backward(outputs, gradients)
        return
    _engine.run_backward(
        tuple(outputs),
        tuple(gradients),
        False,
        False,
        (),
        allow_unreachable=True,
        accumulate_grad=True,
    )


def step_of(optimizer: Optimizer) -> Callable[[], object]:
    """What does an optimizer's step where gradients are off. Hooks of the step, whoever has
    registered them, run as ever."""
    kind = type(optimizer)
    if not kind.__module__.startswith(_OWN) or "step" in vars(optimizer):
        return optimizer.step
    try:
        hooks: tuple[dict[int, Any], ...] = (
            optimizer._optimizer_step_pre_hooks,  # noqa: SLF001
            optimizer._optimizer_step_post_hooks,  # noqa: SLF001
            optimizer_module._global_optimizer_pre_hooks,  # noqa: SLF001
            optimizer_module._global_optimizer_post_hooks,  # noqa: SLF001
        )
    except AttributeError:
        return optimizer.step
    step = _innermost(kind.step)

    def unwrapped() -> object:
        return optimizer.step() if any(hooks) else step(optimizer)

    return unwrapped


@contextmanager
def without_compiler() -> Iterator[None]:
    """In here optimizers are made, saved and restored without an import of PyTorch's compiler,
    which is to leave these methods alone when it comes to them."""
    kept: list[Callable[..., object]] = []
    for name in ("add_param_group", "state_dict", "load_state_dict"):
        method = _innermost(getattr(Optimizer, name))
        if _LEFT_ALONE not in vars(method):
            setattr(method, _LEFT_ALONE, method)
            kept.append(method)
    try:
        yield
    finally:
        for method in kept:
            delattr(method, _LEFT_ALONE)


_LEFT_ALONE = "__dynamo_disable"
"""Where `torch._disable_dynamo` remembers what it has wrapped a method into."""


def _innermost(function: Any) -> Any:
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    return function
