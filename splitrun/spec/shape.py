"""What may stand where in a spec, read off the models' annotations; JSON Schema for editors.

pydantic's errors name the member of a union in their location, and know nothing of the keys of
other sections. A `Shape` knows both: it is a section, a union of sections told apart by a tag, a
mapping of names to a shape, a list of a shape, or a leaf.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema

from splitrun.errors import Path
from splitrun.spec.model import SHORT_FORMS, WORD_OR, Spec
from splitrun.spec.section import CLASS_TAG, OneOf, Section


@dataclass(frozen=True)
class Shape:
    """One place of a spec."""

    section: type[Section] | None = None
    members: Mapping[str, type[Section]] = field(default_factory=dict)
    """Of a union, by tag; `section` is the one chosen, if one is."""
    tag: str = ""
    element: Shape | None = None
    """Of a mapping with free keys."""
    item: Shape | None = None
    """Of a list."""
    kind: str = ""
    """Of the components that are its members."""

    def child(self, key: str | int) -> Shape:
        """The shape under a key of a section, of a mapping with free keys, or of a list."""
        if self.item is not None:
            return self.item
        if self.element is not None:
            return self.element
        known = fields(self.section).get(str(key)) if self.section else None
        return _shape(known.annotation, known.metadata) if known else Shape()

    def chosen(self, tag: str) -> Shape:
        """This union with a member chosen."""
        return replace(self, section=self.members[tag], tag=tag)


@dataclass(frozen=True)
class Place:
    """Where a location of pydantic's leads."""

    path: Path
    parent: Shape
    """What holds the last key."""


def _last_key(path: Path) -> str:
    return next((part for part in reversed(path) if isinstance(part, str)), "")


@functools.cache
def fields(section: type[Section]) -> dict[str, FieldInfo]:
    """A section's fields by the keys that a spec has for them."""
    return {info.alias or name: info for name, info in section.model_fields.items()}


def place_of(location: tuple[str | int, ...]) -> Place:
    """The place in a spec that an error's location means, without pydantic's union tags."""
    shape = parent = Shape(section=Spec)
    path: Path = ()
    for part in location:
        if part in WORD_OR.get(_last_key(path), ()):
            continue
        if shape.members and shape.section is None and not isinstance(part, int):
            shape = shape.chosen(str(part))
        else:
            parent, shape, path = shape, shape.child(part), (*path, part)
    return Place(path, parent)


def wants_text(spec: Spec, path: Path) -> bool:
    """Whether the key at `path` of a valid spec is one of a section that takes text of any kind."""
    parent: Any = spec
    for part in path[:-1]:
        if isinstance(parent, Section):
            known = {info.alias or name: name for name, info in type(parent).model_fields.items()}
            parent = getattr(parent, known.get(str(part), ""), None)
        elif isinstance(parent, dict):
            parent = parent.get(part)
        else:
            is_item = isinstance(parent, tuple) and isinstance(part, int)
            parent = parent[int(part)] if is_item else None
    info = fields(type(parent)).get(str(path[-1])) if isinstance(parent, Section) else None
    return info is not None and str in get_args(info.annotation)


@functools.cache
def homes() -> Mapping[str, tuple[Path, ...]]:
    """Every key of every section, and where it may stand, likeliest first; `*` is any name."""
    found: dict[str, list[Path]] = {}
    for path in _paths(Shape(section=Spec), ()):
        if path[-1] != "*":
            found.setdefault(str(path[-1]), []).append(path)
    return {
        key: tuple(
            dict.fromkeys(sorted(paths, key=lambda path: (len(path), path[0] != "training")))
        )
        for key, paths in found.items()
    }


def _paths(shape: Shape, path: Path) -> Iterator[Path]:
    if path:
        yield path
    if shape.element:
        yield from _paths(shape.element, (*path, "*"))
    for section in [shape.section] if shape.section else shape.members.values():
        for key in fields(section):
            yield from _paths(Shape(section=section).child(key), (*path, key))


def _shape(annotation: Any, metadata: Sequence[Any] = ()) -> Shape:
    for mark in metadata:
        if isinstance(mark, OneOf):
            return Shape(members=mark.members, kind=mark.kind)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _shape(arguments[0], arguments[1:])
    if origin is dict:
        element = _shape(arguments[1])
        return Shape(element=element) if element.section or element.members else Shape()
    if origin is tuple:
        item = _shape(arguments[0])
        return Shape(item=item) if item.section or item.members else Shape()
    if origin in (Union, UnionType):
        return _any_of([_shape(option) for option in arguments])
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return Shape(section=annotation)
    return Shape()


def _any_of(options: list[Shape]) -> Shape:
    """What is one of several shapes."""
    sections = [option.section for option in options if option.section]
    unions = [option for option in options if option.members]
    item = next((option.item for option in options if option.item), None)
    if unions:
        return replace(unions[0], item=item)
    if len(sections) == 1:
        return Shape(section=sections[0], item=item)
    return Shape(members={_tag(section): section for section in sections}, item=item)


def _tag(section: type[Section]) -> str:
    kind = section.model_fields.get("type")
    return str(get_args(kind.annotation)[0]) if kind else CLASS_TAG


_LINK_KEYS = r"^(default|[A-Za-z_][A-Za-z0-9_]*->?[A-Za-z_][A-Za-z0-9_]*)$"


class _WithoutFieldTitles(GenerateJsonSchema):
    """Fields have their keys as names; `Latency Ms` adds nothing to `latency_ms`."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's signature
        return False


def json_schema() -> dict[str, Any]:
    """The schema, draft 2020-12, of long and short forms; `check` knows more than it can say."""
    schema = Spec.model_json_schema(schema_generator=_WithoutFieldTitles)
    schema["required"].remove("name")  # the file's name serves
    schema["properties"]["parties"]["additionalProperties"] = False
    schema["properties"]["links"]["propertyNames"] = {"pattern": _LINK_KEYS}
    for pattern in sorted(SHORT_FORMS, key=len, reverse=True):
        holder, key = _slot(schema, pattern)
        if words := _words(pattern):
            holder[key] = {"anyOf": [{"enum": words}, holder[key]]}
    return {"$schema": GenerateJsonSchema.schema_dialect, **schema, "title": "splitrun spec"}


def _slot(schema: dict[str, Any], pattern: tuple[str, ...]) -> tuple[dict[str, Any], str]:
    """The part of the schema, and the key in it, that describes what is at `pattern`."""
    holder, key = {"": schema}, ""
    for part in pattern:
        node = holder[key]
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rpartition("/")[2]]
        if part == "[]":
            options = [node, *node.get("oneOf", ()), *node.get("anyOf", ())]
            holder, key = next(option for option in options if "items" in option), "items"
        elif part != "*":
            holder, key = node["properties"], part
        elif "patternProperties" in node:
            holder, (key,) = node["patternProperties"], node["patternProperties"]
        else:
            holder, key = node, "additionalProperties"
    return holder, key


def _words(pattern: tuple[str, ...]) -> list[str]:
    """What may stand at `pattern` for the mapping that it is short for."""
    shape = Shape(section=Spec)
    for part in pattern:
        shape = shape.child(part)
    if shape.element is not None:
        return _words((*pattern, "*"))
    if shape.section is not None:
        literal = fields(shape.section)[SHORT_FORMS[pattern]].annotation
        return [
            word
            for option in (literal, *get_args(literal))
            for word in get_args(option)
            if isinstance(word, str)
        ]
    return [
        tag
        for tag, section in shape.members.items()
        if not any(info.is_required() for key, info in fields(section).items() if key != "type")
    ]
