"""What a loss and a metric are asked: the bases of their sections, which check and compute them.

PyTorch and NumPy are imported where something is computed, so that a spec is checked without them.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from splitrun.errors import Path, Problem
from splitrun.spec.section import Component, WordOrSection

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from splitrun.spec.model import Spec


Labels = Literal["binary", "classes", "multilabel", "numbers"]
"""What a loss takes: 0 and 1 as float32 `[rows, 1]`, indices of classes as int64 `[rows]`, 0 and 1
of each of several labels as float32 `[rows, labels]`, or numbers as float32 `[rows, 1]`."""

Metric = Literal["auroc", "average_precision", "accuracy", "f1", "log_loss", "rmse", "mae", "r2"]

METRICS: Mapping[Labels, tuple[Metric, ...]] = {
    "binary": ("auroc", "average_precision", "accuracy", "f1", "log_loss"),
    "classes": ("auroc", "average_precision", "accuracy", "f1", "log_loss"),
    "multilabel": ("auroc", "average_precision", "accuracy", "f1", "log_loss"),
    "numbers": ("rmse", "mae", "r2"),
}
"""Those that fit the labels; of several, each is the mean over them."""


class LossSection(WordOrSection):
    """What training makes small: a mean over the rows of the top's outputs `[rows, width]`."""

    stated: ClassVar[tuple[str, ...]] = ("labels", "default_metrics")

    wider: ClassVar[str] = ""
    """The loss for outputs of another width, if there is one."""

    if TYPE_CHECKING:

        @property
        def labels(self) -> Labels:
            """What it takes."""

        @property
        def default_metrics(self) -> tuple[Metric, ...]:
            """What is computed at evaluations where the spec names nothing."""

    @property
    def standardises(self) -> bool:
        """Of a loss of numbers: whether it is given them less the mean of the training rows,
        divided by their standard deviation, so that it learns as well whatever their unit. Metrics
        and predictions are in the target's own units all the same."""
        return False

    @property
    def class_path(self) -> str | None:
        """`package.module:Class` of code that the spec itself brings, if it brings any."""
        return None

    @property
    def title(self) -> str:
        """What messages call it: its class, or its type."""
        return self.class_path or self.type

    def built(self, directory: FilePath) -> LossSection:  # noqa: ARG002
        """The same loss, ready to be computed.

        Args:
            directory: the spec's, beside which its code is looked for.
        """
        return self

    def try_out(self, directory: FilePath, outputs: Tensor, labels: Tensor) -> None:
        """Refuse code that the spec brings and that cannot be trained with.

        Args:
            directory: the spec's.
            outputs: of the top at its first weights.
            labels: of the same number of training rows.

        Raises:
            ModelError: located in this section.
        """

    def problems(self, spec: Spec, path: Path) -> Iterator[Problem]:
        """Outputs of another width than it takes, as far as the spec tells."""
        classes = spec.dataset.classes_known
        if self.labels == "multilabel":
            classes = len(spec.dataset.labels)
        width, wanted = output_width(spec), self.width(classes)
        if width is not None and wanted is not None and width != wanted:
            place, because = width_place(spec, path)
            what = f"the output is {width} wide, which does not fit {self.title}"
            other = f", or {self.wider}" if self.wider else ""
            yield Problem(place, what, f"use {wanted}{other}{because}")

    def width(self, classes: int | None) -> int | None:
        """The width of outputs that it takes, given the number of classes, or of several labels, if
        that is known."""
        return classes if self.labels in ("classes", "multilabel") else 1

    @abstractmethod
    def mean(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """The mean over the rows, a scalar; what training differentiates."""

    @abstractmethod
    def per_row(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """The loss of each row, `[rows]`; its mean is `mean` up to rounding."""

    def weighted_mean(self, outputs: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
        """The sum of the rows' losses times their weights, divided by the sum of the weights: a
        scalar, and what training differentiates where rows have weights; 0 where all weigh 0.

        Args:
            weights: `[rows]`, not negative.
        """
        lost = self.per_row(outputs, labels)
        if lost.shape != weights.shape:
            what = f"the loss {self.title} gives {list(lost.shape)} for {len(weights)} rows"
            raise ValueError(f"{what}; its per_row must give one number for each")
        weights = weights.to(lost.dtype)
        total = weights.sum()
        return (lost * weights).sum() / (total if total > 0 else 1)

    @abstractmethod
    def predictions(self, outputs: Tensor) -> Tensor:
        """Probabilities (of class 1, or of every class) or, of numbers, the outputs themselves."""


class MetricSection(Component):
    """A figure of an evaluation that is not one of splitrun's own."""

    if TYPE_CHECKING:

        @property
        def name(self) -> str:
            """What it is called wherever figures are told."""

        @property
        def greater_is_better(self) -> bool:
            """Whether more of it is better."""

    @property
    @abstractmethod
    def class_path(self) -> str:
        """`package.module:Class` of code that the spec brings."""

    @abstractmethod
    def built(self, directory: FilePath) -> Callable[[Any, Any, Any], float]:
        """What computes it, given labels, predictions and, where rows have some, weights.

        Args:
            directory: the spec's, beside which its code is looked for.
        """

    @abstractmethod
    def try_out(
        self, directory: FilePath, truth: NDArray[Any], predicted: NDArray[np.float64]
    ) -> None:
        """Refuse code that evaluations cannot be told by.

        Args:
            directory: the spec's.
            truth: labels of training rows.
            predicted: of as many.

        Raises:
            ModelError: located in this section.
        """


def output_width(spec: Spec) -> int | None:
    """The width of what the loss is given; None where only a module tells."""
    if spec.top.model is not None:
        return spec.top.model.width
    widths = [party.bottom.width for party in spec.parties.values() if party.bottom is not None]
    known = [width for width in widths if width is not None]
    if len(known) < len(widths):
        return None
    return sum(known) if spec.top.fusion == "concat" else max(known, default=None)


def width_place(spec: Spec, loss: Path) -> tuple[Path, str]:
    """Where that width is stated, or the loss; and what a remedy adds where no key states it."""
    if spec.top.model is not None:
        return ("top", "model", *spec.top.model.width_key), ""
    return loss, "; the fused bottoms are the output, as top has no model"
