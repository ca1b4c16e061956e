"""How a user's own files are read, joined and split: the keys of datasets and of parties."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    model_serializer,
)
from pydantic_core import PydanticCustomError

from splitrun.spec.section import DELIMITER_PATTERN, Section

DatePart = Literal[
    "elapsed", "year", "month", "day", "weekday", "day_of_year", "hour", "minute", "second"
]
"""What becomes of a date: days since 1970, which scaling shifts as it does any number, or a part of
it."""

KeyType = Literal["auto", "text", "integer"]
"""How keys are compared."""

Align = Literal["sorted", "hmac", "psi"]
"""How parties on machines of their own find out which rows have their keys in common: all are to
have the same; by keyed hashes, which whoever has the key can guess; by private set intersection."""


def _is_encoding(name: str) -> str:
    try:
        "a".encode(name)
    except (LookupError, UnicodeError, ValueError) as error:
        raise PydanticCustomError("encoding", "Python knows no encoding of this name") from error
    return name


Encoding = Annotated[str, AfterValidator(_is_encoding)]


class DateColumn(Section):
    """How a column of dates is written, and what becomes of it."""

    parts: tuple[DatePart, ...] = Field(
        ("elapsed",),
        min_length=1,
        description="Numeric features that are made of it; `elapsed` is in days since 1970.",
    )
    format: str = Field(
        "iso", description="`iso` (2026-11-29, also with a time), or a pattern such as %d.%m.%Y."
    )


class ColumnKeys(Section):
    """What columns hold."""

    missing: Literal["error", "mean"] = Field(
        "error", description="Empty numeric cells: refuse, or fill with the training mean."
    )
    categorical: tuple[str, ...] = Field(
        (), description="Columns to read as categories although they hold numbers."
    )
    dates: dict[str, DateColumn] = Field(
        default_factory=dict, description="Columns that hold dates or times, and their features."
    )

    def features_of(self, columns: Iterable[str]) -> tuple[str, ...]:
        """What becomes of these columns: of one of dates, a feature `signup.month` for each part;
        of others, they themselves."""
        return tuple(
            feature
            for name in columns
            for feature in (
                (f"{name}.{part}" for part in self.dates[name].parts)
                if name in self.dates
                else (name,)
            )
        )

    def columns_for(self, features: Iterable[str]) -> tuple[str, ...]:
        """The columns that these features are made of, each once."""
        column_of = {made: name for name in self.dates for made in self.features_of([name])}
        return tuple(dict.fromkeys(column_of.get(feature, feature) for feature in features))


class ReadingKeys(ColumnKeys):
    """How text files are read. Parquet and NumPy files say most of it themselves."""

    delimiter: str = Field(
        ",",
        min_length=1,
        max_length=8,
        pattern=DELIMITER_PATTERN,
        description="Between cells: a character, `tab`, or several such as `::`.",
    )
    encoding: Encoding = Field(
        "utf-8", description="As Python names it; for example cp1252, utf-16."
    )
    header: Literal["first_row", "none"] | tuple[str, ...] = Field(
        "first_row",
        description="`none`: columns are named column_1, column_2, ...; or a list of all names.",
    )
    comment: str | None = Field(
        None, min_length=1, max_length=1, description="Lines that begin with it are no rows."
    )
    decimal: Literal[".", ","] = Field(".", description="The decimal mark of numbers.")
    thousands: Literal[",", ".", " ", "'", "_"] | None = Field(
        None, description="What groups the digits of numbers."
    )
    units: tuple[str, ...] = Field(
        (), description="What may stand before or after a number and is left out: $, %, kg."
    )
    missing_values: tuple[str, ...] = Field(
        (), description="Cells that hold nothing, beside empty ones and NA, NaN, null, none."
    )


class PartyReading(ReadingKeys):
    """How one party's file is read; what is not set is as the dataset says."""

    @model_serializer(mode="wrap")
    def _set(self, serialize: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        """What is set, that the rest goes on being as the dataset says."""
        return {key: value for key, value in serialize(self).items() if key in self.stated}

    @property
    def stated(self) -> frozenset[str]:
        """The keys that are set."""
        return frozenset(self.model_fields_set)


class AllBut(Section):
    """All columns of a party's file, but some."""

    drop: tuple[str, ...] = ()

    @model_serializer(mode="wrap")
    def _written(self, serialize: Callable[[Any], dict[str, Any]]) -> dict[str, Any] | str:
        """As one writes it: `"*"` where none is dropped."""
        return serialize(self) if self.drop else "*"


def _form(value: object) -> str:
    return "section" if isinstance(value, dict | AllBut) else "list"


def _all(value: object) -> object:
    return {} if value == "*" else value


Columns = Annotated[
    Annotated[tuple[str, ...], Tag("list")] | Annotated[AllBut, Tag("section")],
    Discriminator(_form),
    BeforeValidator(_all, json_schema_input_type=Literal["*"] | tuple[str, ...] | AllBut),
]
"""A party's columns by name, or all of its file but some; `"*"` is all. Its key, what refers to the
keys of others, the label and what splits the rows are never among those that are not named."""


def named(columns: tuple[str, ...] | AllBut) -> tuple[str, ...]:
    """The columns that are listed, if they are."""
    return () if isinstance(columns, AllBut) else columns


def dropped(columns: tuple[str, ...] | AllBut) -> tuple[str, ...]:
    """The columns that are left out, if all others are taken."""
    return columns.drop if isinstance(columns, AllBut) else ()


class Split(Section):
    """Which rows are held out."""

    by: Literal["random", "stratified", "time", "column"] = Field(
        "random",
        description="At random; at random from every class alike; the latest by `column`; or as "
        "`column` says.",
    )
    column: str | None = Field(None, description="In the label holder's file.")
    test: tuple[str, ...] = Field((), description="Values of `column` in rows that are held out.")
    validation: tuple[str, ...] = Field(
        (), description="Values of `column` in rows that decisions rest on."
    )


def _by(value: object) -> object:
    return {"by": value} if isinstance(value, str) else value


SplitOrWord = Annotated[
    Split, BeforeValidator(_by, json_schema_input_type=Literal["random", "stratified"] | Split)
]
"""`stratified` is short for `{by: stratified}`."""
