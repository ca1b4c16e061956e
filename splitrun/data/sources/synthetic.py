"""Generated rows. The names of their columns follow from the spec; `generator` makes the values."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from splitrun.data.sources import Opening
from splitrun.errors import Path, Problem
from splitrun.spec.datasets import DatasetSection, LabelColumns
from splitrun.spec.section import Cardinality, ClassCount, ColumnCount, PositiveInt, Seed

if TYPE_CHECKING:
    from splitrun.data.table import Table
    from splitrun.spec import Spec


class SyntheticDataset(DatasetSection):
    """Generated rows whose label depends on every party's columns."""

    type: Literal["synthetic"]
    rows: PositiveInt = 10_000
    numeric: ColumnCount = Field(8, description="Numeric columns per party.")
    categorical: ColumnCount = Field(0, description="Categorical columns per party.")
    cardinality: Cardinality = Field(1_000, description="Distinct values of a categorical column.")
    classes: ClassCount = Field(2, description="For classification.")
    noise: Annotated[float, Field(strict=True, ge=0, le=1e6)] = Field(
        0.1, description="Standard deviation of the noise, as a multiple of the signal's."
    )
    generator_seed: Seed = Field(0, description="Rules the rows; `seed` does not.")
    label: LabelColumns = Field("label", description="The column to predict, or several.")

    def open(self, opening: Opening) -> SyntheticSource:
        """The generator of columns for these parties."""
        return SyntheticSource(self, opening.parties)

    def default_columns(self, party: str) -> tuple[str, ...]:
        """The columns generated for a party: `bob_num0`, `bob_num1`, …, `bob_cat0`, …."""
        numeric = (f"{party}_num{index}" for index in range(self.numeric))
        categorical = (f"{party}_cat{index}" for index in range(self.categorical))
        return (*numeric, *categorical)

    @property
    def rows_known(self) -> int:
        """As stated under `rows`."""
        return self.rows

    @property
    def classes_known(self) -> int:
        """As stated under `classes`."""
        return self.classes

    @property
    def has_categories(self) -> bool | None:
        """Whether some are to be generated."""
        return self.categorical > 0 if self.numeric + self.categorical else None

    def problems(self, spec: Spec, path: Path) -> Iterator[Problem]:
        """No columns, no rows to train on, or classes that do not fit the loss."""
        if self.numeric + self.categorical == 0:
            what = "no columns: numeric and categorical are both 0"
            yield Problem((*path, "numeric"), what, "set one of them to at least 1")
        if self.training_rows is not None and self.training_rows < 1:
            what = f"none of {self.rows} rows is left to train on"
            yield Problem((*path, "rows"), what, "use more, or lower dataset.test_fraction")
        if spec.top.loss.labels in ("binary", "multilabel") and self.classes != 2:
            what = f"{self.classes} classes do not fit the loss {spec.top.loss.title}"
            yield Problem((*path, "classes"), what, "use 2, or the loss cross_entropy")


@dataclass(frozen=True)
class SyntheticSource:
    """A generator's settings and the parties that columns are generated for."""

    dataset: SyntheticDataset
    parties: tuple[str, ...]

    def columns(self) -> tuple[str, ...]:
        """Those generated for every party, and the label."""
        generated = (
            column for party in self.parties for column in self.dataset.default_columns(party)
        )
        return (*generated, *self.dataset.labels)

    def read(self, columns: Sequence[str], text: Collection[str]) -> Table:
        """These columns, generated; see `generator.generate`."""
        from splitrun.data.generator import generate

        return generate(self.dataset, self.parties, columns, text)

    def fingerprint(self) -> str:
        """Nothing: the spec says all."""
        return ""
