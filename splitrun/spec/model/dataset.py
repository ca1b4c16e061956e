"""Where the rows come from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from splitrun.spec.model.section import (
    DELIMITER_PATTERN,
    Cardinality,
    ClassCount,
    ColumnCount,
    Fraction,
    PositiveInt,
    Section,
    Seed,
)


class DatasetSection(Section):
    """What every dataset has."""

    test_fraction: Fraction = Field(0.2, description="Share of the rows held out for evaluation.")
    split_seed: Seed = Field(0, description="Rules which rows are held out; `seed` does not.")
    batch_size: PositiveInt = Field(128, description="Rows per training batch.")


class FileDataset(DatasetSection):
    """What every dataset that is read from a file has."""

    missing: Literal["error", "mean"] = Field(
        "error", description="Empty numeric cells: refuse, or fill with the training mean."
    )
    categorical: tuple[str, ...] = Field(
        (), description="Columns to read as categories although they hold numbers."
    )
    positive: str | None = Field(
        None, description="For binary labels: the value that counts as 1 (default: the greater)."
    )


class CsvDataset(FileDataset):
    """One CSV file with a header; the parties share out its columns."""

    type: Literal["csv"]
    path: str = Field(description="The file; relative to the spec.")
    label: str = Field(description="The column to predict.")
    delimiter: str = Field(",", min_length=1, max_length=1, pattern=DELIMITER_PATTERN)


class BankMarketingDataset(FileDataset):
    """UCI Bank Marketing (Moro, Cortez and Rita, 2014): 4,521 rows, or all 45,211."""

    type: Literal["bank_marketing"]
    size: Literal["small", "full"] = "small"
    label: str = Field("y", description="The column to predict.")


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
    label: str = Field("label", description="The column to predict.")

    def columns_of(self, party: str) -> tuple[str, ...]:
        """The columns generated for a party: `bob_num0`, `bob_num1`, …, `bob_cat0`, …."""
        numeric = (f"{party}_num{index}" for index in range(self.numeric))
        categorical = (f"{party}_cat{index}" for index in range(self.categorical))
        return (*numeric, *categorical)


Dataset = Annotated[
    CsvDataset | BankMarketingDataset | SyntheticDataset, Field(discriminator="type")
]
