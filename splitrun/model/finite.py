"""Whether numbers are numbers: a weight that is NaN or infinite is kept nowhere.

Parameters are always finite, and so are buffers that began so: others, such as a mask of -inf, are
what their module wants.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from splitrun.errors import ModelError, Problem
from splitrun.model.build import section_of
from splitrun.model.state import buffers_of, parameters_of


@torch.no_grad()
def is_finite(tensor: Tensor) -> bool:
    """Whether every element is; whole numbers are."""
    if not (tensor.is_floating_point() or tensor.is_complex()):
        return True
    if tensor.element_size() == 1:  # 8-bit floats have no arithmetic
        tensor = tensor.float()
    # A finite sum has finite terms, and is found in half the time; one that is not may overflow.
    return bool(tensor.sum().isfinite()) or bool(tensor.isfinite().all())


class Finite:
    """What has to stay finite of a module.

    Args:
        module: as it was built, before any training and before it is given saved weights.
    """

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._buffers = {name for name, buffer in buffers_of(module).items() if is_finite(buffer)}

    def odd_weight(self) -> str:
        """`parameter 0.weight`, or the name of a buffer, if that is not finite; else empty."""
        for name, parameter in parameters_of(self._module).items():
            if not is_finite(parameter):
                return f"parameter {name}"
        for name, buffer in buffers_of(self._module).items():
            if name in self._buffers and not is_finite(buffer):
                return f"buffer {name}"
        return ""

    def odd_state(self, optimizers: Iterable[torch.optim.Optimizer]) -> str:
        """Likewise what optimizers keep: `exp_avg_sq (of parameter 0.weight)`."""
        names = {id(parameter): name for name, parameter in parameters_of(self._module).items()}
        for optimizer in optimizers:
            for parameter, state in optimizer.state.items():
                for key, value in state.items():
                    if isinstance(value, Tensor) and not is_finite(value):
                        return f"optimizer's {key} (of parameter {names.get(id(parameter), '?')})"
        return ""


def refuse_odd_weights(role: str, module: nn.Module) -> None:
    """Refuse a role's module that begins with a parameter which is not finite.

    Raises:
        ModelError: naming role and parameter.
    """
    if odd := Finite(module).odd_weight():
        what = f"its {odd} is not finite before any step"
        raise ModelError([Problem(section_of(role), what, "initialise it")])
