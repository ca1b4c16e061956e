"""Losses that packages might offer."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor

from splitrun.extend import Labels, LossSection, Metric


class Ageless(LossSection):
    """Whole, but nobody knows for which version of the contract."""

    labels: ClassVar[Labels] = "numbers"
    default_metrics: ClassVar[tuple[Metric, ...]] = ("mae",)

    type: Literal["good"]

    def mean(self, outputs: Tensor, labels: Tensor) -> Tensor:
        return (outputs - labels).abs().mean()

    def per_row(self, outputs: Tensor, labels: Tensor) -> Tensor:
        return (outputs - labels).abs()[:, 0]

    def predictions(self, outputs: Tensor) -> Tensor:
        return outputs


class Good(Ageless):
    """As it should be."""

    api = 1


class Crooked(Good):
    """With a key of a type that does not exist."""

    key: nowhere.Type  # type: ignore[name-defined]  # noqa: F821


class Older(Ageless):
    """Made for an earlier version."""

    api = 0


class Partial(LossSection):
    """Without most of what a loss does."""

    api = 1

    type: Literal["partial"]

    def mean(self, outputs: Tensor, labels: Tensor) -> Tensor:
        return (outputs - labels).mean()


def stranger() -> None:
    """No class at all."""
