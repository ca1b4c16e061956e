"""The losses: over logits for the cross-entropies, over the outputs themselves for numbers.

Their means are PyTorch's fused functions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from splitrun.errors import Path, Problem
from splitrun.spec.measures import Labels, LossSection, Metric, output_width, width_place

if TYPE_CHECKING:
    from torch import Tensor

    from splitrun.spec import Spec


class BinaryCrossEntropy(LossSection):
    """Binary cross-entropy over one logit."""

    labels: ClassVar[Labels] = "binary"
    default_metrics: ClassVar[tuple[Metric, ...]] = ("auroc", "accuracy")
    wider: ClassVar[str] = "cross_entropy"

    type: Literal["binary_cross_entropy"]

    def mean(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Of outputs `[rows, 1]` and labels 0 and 1, float32 `[rows, 1]`."""
        import torch

        return torch.nn.functional.binary_cross_entropy_with_logits(outputs, labels)

    def per_row(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """`[rows]`."""
        import torch

        lost = torch.nn.functional.binary_cross_entropy_with_logits(
            outputs, labels, reduction="none"
        )
        return lost[:, 0]

    def predictions(self, outputs: Tensor) -> Tensor:
        """The probability of class 1, `[rows, 1]`."""
        return outputs.sigmoid()


class CrossEntropy(LossSection):
    """Cross-entropy over a logit for each class."""

    labels: ClassVar[Labels] = "classes"
    default_metrics: ClassVar[tuple[Metric, ...]] = ("auroc", "accuracy")

    type: Literal["cross_entropy"]

    def problems(self, spec: Spec, path: Path) -> Iterator[Problem]:
        """Outputs that are not one for each class, as far as the spec tells."""
        width, classes = output_width(spec), spec.dataset.classes_known
        place, because = width_place(spec, path)
        if width is not None and width < 2:
            what = f"the output is {width} wide, which does not fit {self.type}"
            remedy = f"use an output for each class, or binary_cross_entropy{because}"
            yield Problem(place, what, remedy)
        elif width is not None and classes is not None and width != classes:
            what = f"the output is {width} wide for {classes} classes"
            yield Problem(place, what, f"use {classes}, or set dataset.classes{because}")

    def mean(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Of outputs `[rows, classes]` and class indices, int64 `[rows]`."""
        import torch

        return torch.nn.functional.cross_entropy(outputs, labels)

    def per_row(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """`[rows]`."""
        import torch

        return torch.nn.functional.cross_entropy(outputs, labels, reduction="none")

    def predictions(self, outputs: Tensor) -> Tensor:
        """The probability of every class, `[rows, classes]`."""
        return outputs.softmax(dim=1)


class MultilabelBinaryCrossEntropy(LossSection):
    """Binary cross-entropy over a logit for each of several labels, and the mean over these."""

    labels: ClassVar[Labels] = "multilabel"
    default_metrics: ClassVar[tuple[Metric, ...]] = ("auroc", "accuracy")

    type: Literal["multilabel_binary_cross_entropy"]

    def mean(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Of outputs and labels 0 and 1, float32 `[rows, labels]`."""
        import torch

        return torch.nn.functional.binary_cross_entropy_with_logits(outputs, labels)

    def per_row(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """`[rows]`."""
        import torch

        lost = torch.nn.functional.binary_cross_entropy_with_logits(
            outputs, labels, reduction="none"
        )
        return lost.mean(dim=1)

    def predictions(self, outputs: Tensor) -> Tensor:
        """The probability that each label is 1, `[rows, labels]`."""
        return outputs.sigmoid()


class MeanSquaredError(LossSection):
    """The mean squared error of one number, in variances of the target: always predicting the
    training mean has a loss of 1."""

    labels: ClassVar[Labels] = "numbers"
    default_metrics: ClassVar[tuple[Metric, ...]] = ("rmse",)
    standardises: ClassVar[bool] = True

    type: Literal["mse"]

    def mean(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Of outputs and labels, float32 `[rows, 1]`."""
        import torch

        return torch.nn.functional.mse_loss(outputs, labels)

    def per_row(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """`[rows]`."""
        import torch

        return torch.nn.functional.mse_loss(outputs, labels, reduction="none")[:, 0]

    def predictions(self, outputs: Tensor) -> Tensor:
        """The outputs themselves."""
        return outputs
