"""A source: waves over an angle, and how far they come."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from splitrun.extend import DatasetSection, Opening, Source

if TYPE_CHECKING:
    from splitrun.extend import Table


class Waves(DatasetSection):
    """Sines of growing frequency, whose sum is the label; the parties share them out."""

    api = 1

    type: Literal["waves"]
    rows: int = Field(400, ge=2)
    frequencies: int = Field(4, ge=1, description="Columns, named wave1, wave2, …")
    label: str = "height"

    @property
    def rows_known(self) -> int:
        """As stated."""
        return self.rows

    def open(self, opening: Opening) -> Source:
        """The generator."""
        return _WaveSource(self)


@dataclass(frozen=True)
class _WaveSource:
    dataset: Waves

    def columns(self) -> tuple[str, ...]:
        """The waves and the label."""
        waves = (f"wave{number + 1}" for number in range(self.dataset.frequencies))
        return (*waves, self.dataset.label)

    def read(self, columns: Sequence[str], text: Collection[str]) -> Table:
        """These columns, as numbers."""
        import numpy as np

        from splitrun.extend import Column, Table

        angles = np.linspace(0, 7, self.dataset.rows)
        *waves, label = self.columns()
        heights = {name: np.sin(number * angles) for number, name in enumerate(waves, start=1)}
        every = {**heights, label: np.sum(list(heights.values()), axis=0)}
        taken: dict[str, Column] = {name: every[name] for name in columns}
        return Table("the waves", self.dataset.rows, taken, "row {}".format)

    def fingerprint(self) -> str:
        """Nothing: the spec says all."""
        return ""
