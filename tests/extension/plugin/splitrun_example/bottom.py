"""A bottom model: a linear layer over powers of its inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from splitrun.extend import InputShape, ModelSection, Path, Problem, Spec

if TYPE_CHECKING:
    from torch import Tensor, nn


class Polynomial(ModelSection):
    """A linear layer over the first powers of every input."""

    api = 1

    type: Literal["polynomial"]
    degree: int = Field(2, ge=1, description="The highest power.")
    out: int = Field(ge=1, description="Width of the output.")

    @property
    def width(self) -> int:
        """As stated."""
        return self.out

    def problems(self, spec: Spec, path: Path) -> Iterator[Problem]:
        """More outputs than a batch has rows."""
        if self.out > spec.dataset.batch_size:
            what = f"{self.out} outputs of batches of {spec.dataset.batch_size} rows"
            yield Problem((*path, "out"), what, "use a smaller one")

    def build(self, inputs: InputShape, directory: FilePath) -> nn.Module:
        """The powers, joined, and a linear layer over them."""
        from torch import nn

        powers = _powers()(self.degree)

        return nn.Sequential(powers, nn.Linear(inputs.width * self.degree, self.out))


@cache
def _powers() -> Callable[[int], nn.Module]:
    """The layer of powers, `[rows, n]` to `[rows, n * degree]`: its class needs PyTorch."""
    import torch

    class Powers(torch.nn.Module):
        def __init__(self, degree: int) -> None:
            super().__init__()
            self.degree = degree

        def forward(self, inputs: Tensor) -> Tensor:
            return torch.cat([inputs**power for power in range(1, self.degree + 1)], dim=1)

    return Powers
