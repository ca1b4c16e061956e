"""Huber's loss: squares of small errors, and of large ones their size."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from splitrun.extend import Labels, LossSection, Metric

if TYPE_CHECKING:
    from torch import Tensor


class Huber(LossSection):
    """Huber's loss of one number."""

    api = 1
    labels: ClassVar[Labels] = "numbers"
    default_metrics: ClassVar[tuple[Metric, ...]] = ("mae",)

    type: Literal["huber"]
    delta: float = Field(1.0, gt=0, description="Errors beyond it count by their size.")

    def mean(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """PyTorch's fused mean."""
        from torch.nn.functional import huber_loss

        return huber_loss(outputs, labels, delta=self.delta)

    def per_row(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Of each row."""
        from torch.nn.functional import huber_loss

        return huber_loss(outputs, labels, delta=self.delta, reduction="none")[:, 0]

    def predictions(self, outputs: Tensor) -> Tensor:
        """The outputs themselves."""
        return outputs
