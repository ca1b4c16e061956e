"""What every section of a spec is made of: strict numbers, names, and the base of all sections."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

PARTY_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*$"
CLASS_PATTERN = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$"
EXPERIMENT_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
DELIMITER_PATTERN = r"^[\x01-\x09\x0b\x0c\x0e-!#-\x7f]*$"


def _whole(value: Any) -> Any:
    """`1e6` is a float to YAML and a whole number to whoever writes `rows: 1e6`."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


# Strict: to pydantic's lax numbers `true` is 1 and the text "017" is 17.
PositiveInt = Annotated[int, Field(strict=True, gt=0, lt=2**63), BeforeValidator(_whole)]
NonNegativeInt = Annotated[int, Field(strict=True, ge=0, lt=2**63), BeforeValidator(_whole)]
ColumnCount = Annotated[int, Field(strict=True, ge=0, le=10_000), BeforeValidator(_whole)]
Cardinality = Annotated[int, Field(strict=True, ge=2, le=100_000_000), BeforeValidator(_whole)]
ClassCount = Annotated[int, Field(strict=True, ge=2, le=10_000), BeforeValidator(_whole)]
"""What is generated has names in memory, whose number is thus bounded."""

ThreadCount = Annotated[int, Field(strict=True, gt=0, le=1_024), BeforeValidator(_whole)]
Seed = Annotated[int, Field(strict=True, ge=0, lt=2**32), BeforeValidator(_whole)]
"""As NumPy and scikit-learn take it."""

PositiveFloat = Annotated[float, Field(strict=True, gt=0)]
NonNegativeFloat = Annotated[float, Field(strict=True, ge=0)]
Fraction = Annotated[float, Field(strict=True, ge=0, lt=1)]

_LARGEST, _HALF_THE_LEAST = (2 - 2**-23) * 2.0**127, 2.0**-150
"""Of what 32-bit floats hold; half of the least that is not 0 is rounded to 0."""


def _held(value: float) -> float:
    if value > _LARGEST:
        raise PydanticCustomError("beyond_float32", "more than a 32-bit float holds")
    return value


def _held_above_zero(value: float) -> float:
    if value <= _HALF_THE_LEAST:
        raise PydanticCustomError("zero_in_float32", "0 as a 32-bit float")
    return _held(value)


PositiveFloat32 = Annotated[PositiveFloat, AfterValidator(_held_above_zero)]
NonNegativeFloat32 = Annotated[NonNegativeFloat, AfterValidator(_held)]
"""What weights are reckoned with."""

Name = Annotated[str, Field(pattern=PARTY_PATTERN, max_length=64)]
"""A party's name: no dots or dashes, so that `bob.bottom` and `bob->alice` are clear."""

ClassPath = Annotated[str, Field(pattern=CLASS_PATTERN)]


class Section(BaseModel):
    """A mapping of the spec: unknown keys are errors, and nothing changes after validation."""

    # defer_build: the validator of `Spec` holds all others, which need not be built twice.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)
