"""How the learning rate changes over a run, once its warm-up is over."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field

from splitrun.spec.contracts import LrScheduleSection
from splitrun.spec.section import PositiveInt


class ConstantLr(LrScheduleSection):
    """The rate stays as it is."""

    type: Literal["constant"]

    @property
    def is_constant(self) -> bool:
        """Unless there is a warm-up."""
        return not self.warmup_steps

    def after_warmup(self, past: int, steps_per_epoch: int, steps: int) -> float:  # noqa: ARG002
        """1."""
        return 1.0


class StepLr(LrScheduleSection):
    """Multiplies the rate by `gamma` every `every_epochs`, counted from the end of the warm-up."""

    type: Literal["step"]
    every_epochs: PositiveInt
    gamma: Annotated[float, Field(strict=True, gt=0, le=1)] = 0.1

    def after_warmup(self, past: int, steps_per_epoch: int, steps: int) -> float:  # noqa: ARG002
        """`gamma` to the number of times that it has been applied."""
        return float(self.gamma ** (past // (self.every_epochs * steps_per_epoch)))


class ExponentialLr(LrScheduleSection):
    """Multiplies the rate by `gamma` over each epoch after the warm-up, a little every step."""

    type: Literal["exponential"]
    gamma: Annotated[float, Field(strict=True, gt=0, le=1)]

    def after_warmup(self, past: int, steps_per_epoch: int, steps: int) -> float:  # noqa: ARG002
        """`gamma` to the epochs since the warm-up."""
        return float(self.gamma ** (past / steps_per_epoch))


class CosineLr(LrScheduleSection):
    """Falls along half a cosine from the rate at the first step after the warm-up to
    `final_fraction` of it at the last step; a single step is made at the full rate."""

    type: Literal["cosine"]
    final_fraction: Annotated[float, Field(strict=True, ge=0, le=1)] = 0.0

    def after_warmup(self, past: int, steps_per_epoch: int, steps: int) -> float:  # noqa: ARG002
        """Between 1 and `final_fraction`."""
        last = steps - 1
        cosine = (1 + math.cos(math.pi * min(1.0, past / last))) / 2 if last > 0 else 1.0
        return self.final_fraction + (1 - self.final_fraction) * cosine
