"""What each type of dataset is asked: the base of its section, which opens its source."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag

from splitrun.errors import Path, Problem
from splitrun.spec.files import Align, ColumnKeys, KeyType, ReadingKeys, Split, SplitOrWord
from splitrun.spec.section import Component, Fraction, PositiveInt, Seed
from splitrun.spec.wording import closest

if TYPE_CHECKING:
    from splitrun.data.sources import Opening, Source
    from splitrun.spec.model import Spec


def _list_or_word(value: Any) -> str:
    return "list" if isinstance(value, list | tuple) else "word"


LabelColumns = Annotated[
    Annotated[str, Tag("word")] | Annotated[tuple[str, ...], Field(min_length=1), Tag("list")],
    Discriminator(_list_or_word),
]


class DatasetSection(Component):
    """Where the rows come from, and which of them are held out."""

    stated: ClassVar[tuple[str, ...]] = ("label",)

    own_files: ClassVar[bool] = False
    """Whether each party may have a file of its own, with keys that rows are joined by."""

    test_fraction: Fraction = Field(0.2, description="Share of the rows held out for evaluation.")
    split_seed: Seed = Field(0, description="Rules which rows are held out; `seed` does not.")
    batch_size: PositiveInt = Field(128, description="Rows per training batch.")
    validation_fraction: Fraction = Field(
        0.0,
        description="Share of the rows, taken from those to train on, that decisions rest on; "
        "beside a test file, of the other file's rows.",
    )
    split: SplitOrWord = Field(default_factory=Split, description="Which rows are held out.")
    weight: str | None = Field(
        None,
        description="The label holder's column of what each row counts for, in the loss and in "
        "metrics; never a feature.",
    )

    if TYPE_CHECKING:

        @property
        def label(self) -> str | tuple[str, ...]:
            """The column to predict, or several; a subclass has a field of this name."""

    @abstractmethod
    def open(self, opening: Opening) -> Source:
        """The source of the rows; nothing is read yet."""

    def to_download(self, opening: Opening) -> str | None:  # noqa: ARG002
        """The name of a published file that reading would download first."""
        return None

    def default_columns(self, party: str) -> tuple[str, ...] | None:  # noqa: ARG002
        """The columns of a party that lists none; None where it must list some."""
        return None

    @property
    def labels(self) -> tuple[str, ...]:
        """The columns to predict."""
        return (self.label,) if isinstance(self.label, str) else self.label

    @property
    def rows_known(self) -> int | None:
        """The number of all rows, where the spec alone tells."""
        return None

    @property
    def classes_known(self) -> int | None:
        """The number of a label's classes, where the spec alone tells."""
        return None

    @property
    def has_categories(self) -> bool | None:
        """Whether some columns are categorical, where the spec alone tells."""
        return None

    @property
    def read_as_categories(self) -> tuple[str, ...]:
        """Columns that are categorical although they hold numbers."""
        return ()

    @property
    def counts_as_one(self) -> str | None:
        """For binary labels: the value that counts as 1; None for the greater one."""
        return None

    @property
    def declared_classes(self) -> Mapping[str, Sequence[str]]:
        """The label's classes, each with its other spellings; empty where the data tell."""
        return {}

    @property
    def fills_missing(self) -> bool:
        """Whether empty numeric cells become the training rows' mean; else they are refused."""
        return False

    @property
    def cache_path(self) -> str | None:
        """The directory for encoded rows that are kept on the disk; None where none are."""
        return None

    @property
    def test_file(self) -> str | None:
        """The path of the file that all parties' held-out rows are in, if there is one."""
        return None

    @property
    def row_key(self) -> str | None:
        """The column that rows are joined by; None where there is none, or parties say."""
        return None

    @property
    def keys_as(self) -> KeyType:
        """How keys are compared."""
        return "auto"

    @property
    def aligned_by(self) -> Align | None:
        """How parties on machines of their own join rows by keys, where they do."""
        return None

    @property
    def reading_keys(self) -> ReadingKeys:
        """How files are read, where a party does not say otherwise."""
        missing: Literal["mean", "error"] = "mean" if self.fills_missing else "error"
        return ReadingKeys(categorical=self.read_as_categories, missing=missing)

    @property
    def training_rows(self) -> int | None:
        """The rows to train on, counted like scikit-learn's `train_test_split`; None where it takes
        the rows to tell."""
        rows = self.rows_known
        if rows is None or self.split.by in {"time", "column"}:
            return None
        shares = (self.test_fraction, self.validation_fraction)
        return rows - sum(math.ceil(rows * share) for share in shares)

    @property
    def smallest_batch(self) -> int:
        """Rows of the smallest training batch, as far as they are known."""
        rows = self.training_rows
        return self.batch_size if rows is None else rows % self.batch_size or self.batch_size


class FileDatasetSection(ColumnKeys, DatasetSection):
    """What every dataset that is read from a file has."""

    positive: str | None = Field(
        None,
        description="For binary labels: the value that counts as 1 (default: the greater); of "
        "several labels, of each.",
    )

    @property
    def read_as_categories(self) -> tuple[str, ...]:
        """Those listed under `categorical`."""
        return self.categorical

    @property
    def counts_as_one(self) -> str | None:
        """The `positive` value."""
        return self.positive

    @property
    def fills_missing(self) -> bool:
        """Whether `missing` is `mean`."""
        return self.missing == "mean"

    def problems(self, spec: Spec, path: Path) -> Iterator[Problem]:
        """Columns under `categorical` that no party has, as far as the spec alone tells, or that
        are listed twice."""
        parties = spec.parties.values()
        columns = dict.fromkeys(it for party in parties for it in party.listed)
        by_file = any(party.columns and not party.listed for party in parties)
        for index, column in enumerate(self.categorical):
            place = (*path, "categorical", index)
            if column in self.categorical[:index]:
                yield Problem(place, f"{column!r} is listed twice", "keep one")
            elif column not in columns and not by_file:
                near = closest(column, columns)
                remedy = f"did you mean {near!r}?" if near else "remove it, or give it to a party"
                yield Problem(place, f"{column!r} is no party's column", remedy)

    def warnings(self, spec: Spec, path: Path) -> Iterator[Problem]:
        """A `positive` value of labels that are not binary."""
        if self.positive is not None and spec.top.loss.labels not in ("binary", "multilabel"):
            what = f"has no effect with the loss {spec.top.loss.title}"
            yield Problem((*path, "positive"), what, "remove it")
