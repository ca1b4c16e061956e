"""What every section of a spec is made of: strict numbers, names, and the bases of all sections.

A component is a section that is chosen by its `type`. `OneOf` marks the fields of a spec that hold
one; which there are `splitrun.components` knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    model_serializer,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from splitrun.components import registry
from splitrun.errors import Path, Problem

if TYPE_CHECKING:
    from splitrun.spec.model import Spec

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
RowWeight = Annotated[float, Field(strict=True, ge=1e-12, le=1e12)]
"""What a row counts for: sums of such are within 32-bit floats."""
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


CLASS_TAG = "class"
"""Stands for a section that is told by its `class` key instead of a `type`."""


@dataclass(frozen=True)
class OneOf:
    """Marks a field that holds a component of a kind."""

    kind: str

    @property
    def members(self) -> Mapping[str, type[Component]]:
        """The sections that may stand there, by their tag."""
        return registry().members(self.kind)

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """A union that is told apart by `type`, made when the first spec is validated."""
        choices = {tag: handler.generate_schema(section) for tag, section in self.members.items()}
        if not choices:
            return handler.generate_schema(_Nothing)
        discriminator = _tag if CLASS_TAG in choices else "type"
        union = core_schema.tagged_union_schema(choices, discriminator)
        if not all(issubclass(section, WordOrSection) for section in self.members.values()):
            return union
        return core_schema.no_info_before_validator_function(_in_long, union)


class _Nothing(Section):
    """Stands for the components of a kind that has none; no installed package offers one."""

    type: Literal["none of the installed packages offers one"]


def _in_long(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


def _tag(value: Any) -> str | None:
    if isinstance(value, dict):
        return CLASS_TAG if CLASS_TAG in value else value.get("type")
    return getattr(value, "type", None)


class Component(Section):
    """A part of an experiment that is chosen by its `type`."""

    api: ClassVar[int]
    """The version of the contract that a package's component was made for, `splitrun.extend.API`
    of that time; splitrun's own need none."""

    stated: ClassVar[tuple[str, ...]] = ()
    """Attributes or fields that only a subclass can state, and must."""

    if TYPE_CHECKING:

        @property
        def type(self) -> str:
            """Its name; a subclass has the field `type: Literal["name"]`."""

    def problems(self, spec: Spec, path: Path) -> Iterator[Problem]:  # noqa: ARG002
        """Why the spec, in which this stands at `path`, cannot run."""
        return iter(())

    def warnings(self, spec: Spec, path: Path) -> Iterator[Problem]:  # noqa: ARG002
        """What of this has no effect in a spec that can run."""
        return iter(())


class WordOrSection(Component):
    """A component that is written as its name alone where it has no other keys."""

    @model_serializer(mode="wrap")
    def _short(self, serialize: Callable[[Any], dict[str, Any]]) -> Any:
        given = serialize(self)
        return given["type"] if given.keys() == {"type"} else given


def of_type(kind: str, name: str) -> Any:
    """One of splitrun's own components, with its defaults."""
    return registry().members(kind)[name](type=name)


def components_of(section: Section, path: Path = ()) -> Iterator[tuple[Path, Component]]:
    """Every component in a section, and where it stands."""
    if isinstance(section, Component):
        yield path, section
    for key, value in section:
        yield from _components_in(value, (*path, key))


def _components_in(value: object, path: Path) -> Iterator[tuple[Path, Component]]:
    if isinstance(value, Section):
        yield from components_of(value, path)
    elif isinstance(value, dict | tuple):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in pairs:
            yield from _components_in(inner, (*path, key))
