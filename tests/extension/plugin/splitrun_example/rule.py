"""A compensation rule: late gradients are made smaller, each by its own delay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from splitrun.extend import OptimizerSection, RuleSection

if TYPE_CHECKING:
    from torch import Tensor


class Shrink(RuleSection):
    """Divides a gradient by one and a multiple of its staleness."""

    api = 1

    type: Literal["shrink"]
    strength: float = Field(0.1, ge=0, description="The multiple.")

    def unfit(self, optimizer: OptimizerSection) -> tuple[str, str] | None:
        """Adam's family, which takes no notice of the size of gradients."""
        if optimizer.memory == "moments":
            return f"{optimizer.type} does not see how large gradients are", "use sgd"
        return None

    def correct(self, weights: Sequence[Tensor], staleness: int) -> None:
        """Shrink the gradients in place."""
        for weight in weights:
            if weight.grad is not None:
                weight.grad /= 1 + self.strength * staleness
