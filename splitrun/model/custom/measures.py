"""Losses and metrics of your own: what training makes small, and what evaluations tell."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, PrivateAttr

from splitrun.errors import ModelError, Problem
from splitrun.model.custom.section import ClassSection
from splitrun.spec.measures import Labels, LossSection, Metric, MetricSection
from splitrun.spec.section import CLASS_TAG, Name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from splitrun.model.metrics import Figure


class CustomLoss(ClassSection, LossSection):
    """A loss of your own: a class whose instances are called with outputs and labels, and give a
    number for each row."""

    labels: Labels = Field(
        description="What it takes: `binary`, `classes`, `multilabel` or `numbers`; see "
        "docs/modules.md."
    )
    standardise: bool = Field(
        False,
        description="Of numbers: it is given them less the mean of the training rows, in their "
        "standard deviations.",
    )

    _instance: Any = PrivateAttr(None)

    @property
    def standardises(self) -> bool:
        """As stated under `standardise`."""
        return self.standardise

    @property
    def default_metrics(self) -> tuple[Metric, ...]:
        """Those of splitrun's own losses of such labels."""
        return ("rmse",) if self.labels == "numbers" else ("auroc", "accuracy")

    def built(self, directory: FilePath) -> Self:
        """With an instance of the class, which has nothing of other random numbers than its own.

        Raises:
            ModelError: it cannot be imported or built, or has no instances that can be called.
        """
        from splitrun.model.randomness import seeded_apart

        with seeded_apart("loss"):
            instance = self.instance(directory, {})
        _refuse_uncallable(self.class_, instance, "__call__(outputs, labels)")
        made = self.model_copy()
        made._instance = instance  # noqa: SLF001 - its own class
        return made

    def try_out(self, directory: FilePath, outputs: Tensor, labels: Tensor) -> None:
        """See `measure_trial`."""
        from splitrun.model.custom.measure_trial import try_loss

        try_loss(partial(self.built, directory), outputs, labels, directory)

    @property
    def called(self) -> Callable[[Tensor, Tensor], Tensor]:
        """The instance, of one that is built."""
        assert self._instance is not None, "a loss is built before it is computed"
        instance: Callable[[Tensor, Tensor], Tensor] = self._instance
        return instance

    def mean(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Of the rows' losses."""
        return self.per_row(outputs, labels).mean()

    def per_row(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """`[rows]`, of an instance that gives this or `[rows, 1]`.

        Raises:
            ValueError: it gives something else.
        """
        lost, rows = self.called(outputs, labels), len(outputs)
        if wrong := misshapen(lost, rows):
            raise ValueError(f"{self.class_} {wrong}")
        return lost.reshape(rows)

    def predictions(self, outputs: Tensor) -> Tensor:
        """What its own `predictions(outputs)` says, if it has one; else the sigmoid, the softmax
        or, of numbers, the outputs themselves."""
        own = getattr(self.called, "predictions", None)
        if own is not None:
            predicted: Tensor = own(outputs)
            return predicted
        if self.labels == "numbers":
            return outputs
        return outputs.sigmoid() if self.labels == "binary" else outputs.softmax(dim=1)


class CustomMetric(ClassSection, MetricSection):
    """A metric of your own: a class whose instances are called with labels, predictions and
    weights, and give a number."""

    name: Name = Field(description="What it is called wherever metrics are told.")
    greater_is_better: bool = Field(description="Whether more of it is better.")

    def built(self, directory: FilePath) -> Figure:
        """An instance of the class.

        Raises:
            ModelError: it cannot be imported or built, or has no instances that can be called.
        """
        instance: Figure = self.instance(directory, {})
        _refuse_uncallable(self.class_, instance, "__call__(labels, predictions, weights)")
        return instance

    def try_out(
        self, directory: FilePath, truth: NDArray[Any], predicted: NDArray[np.float64]
    ) -> None:
        """See `measure_trial`."""
        from splitrun.model.custom.measure_trial import try_metric

        try_metric(self.class_, partial(self.built, directory), truth, predicted, directory)


def misshapen(lost: Any, rows: int) -> str:
    """What a loss gives instead of a number for each of so many rows; empty if it gives these."""
    shape = list(getattr(lost, "shape", ()))
    if shape in ([rows], [rows, 1]):
        return ""
    given = f"a tensor {shape}" if hasattr(lost, "shape") else f"a {type(lost).__name__}"
    return f"gives {given} for {rows} row{'s' * (rows != 1)}"


def _refuse_uncallable(class_path: str, instance: object, wanted: str) -> None:
    if not callable(instance):
        what = f"{class_path} makes a {type(instance).__name__} that cannot be called"
        raise ModelError([Problem((CLASS_TAG,), what, f"define {wanted}")])
