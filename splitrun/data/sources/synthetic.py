"""Generated rows. The names of their columns follow from the spec; `generator` makes the values."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from splitrun.spec.model import SyntheticDataset

if TYPE_CHECKING:
    from splitrun.data.table import Table


@dataclass(frozen=True)
class SyntheticSource:
    """A generator's settings and the parties that columns are generated for."""

    dataset: SyntheticDataset
    parties: tuple[str, ...]

    def columns(self) -> tuple[str, ...]:
        """Those generated for every party, and the label."""
        generated = (column for party in self.parties for column in self.dataset.columns_of(party))
        return (*generated, self.dataset.label)

    def read(self, columns: Sequence[str], text: Collection[str]) -> Table:
        """These columns, generated; see `generator.generate`."""
        from splitrun.data.generator import generate

        return generate(self.dataset, self.parties, columns, text)

    def fingerprint(self) -> str:
        """Nothing: the spec says all."""
        return ""
