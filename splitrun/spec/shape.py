"""What may stand where in a spec, read off the models' annotations.

pydantic's errors name the member of a union in their location, and know nothing of the keys of
other sections. A `Shape` knows both: it is a section, a union of sections told apart by a tag, a
mapping of names to a shape, a list of a shape, or a leaf.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from splitrun.errors import Path
from splitrun.spec.model import WORD_OR, Section, Spec

CLASS_TAG = "class"
"""Stands for a section that is told by its `class` key instead of a `type`."""


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

    def child(self, key: str | int) -> Shape:
        """The shape under a key of a section, of a mapping with free keys, or of a list."""
        if self.item is not None:
            return self.item
        if self.element is not None:
            return self.element
        known = fields(self.section).get(str(key)) if self.section else None
        return _shape(known.annotation) if known else Shape()

    def chosen(self, tag: str) -> Shape:
        """This union with a member chosen."""
        return replace(self, section=self.members[tag], tag=tag)


@dataclass(frozen=True)
class Place:
    """Where a location of pydantic's leads."""

    path: Path
    parent: Shape
    """What holds the last key."""


@functools.cache
def fields(section: type[Section]) -> dict[str, FieldInfo]:
    """A section's fields by the keys that a spec has for them."""
    return {info.alias or name: info for name, info in section.model_fields.items()}


def place_of(location: tuple[str | int, ...]) -> Place:
    """The place in a spec that an error's location means, without pydantic's union tags."""
    shape = parent = Shape(section=Spec)
    path: Path = ()
    for part in location:
        if shape.members and shape.section is None:
            shape = shape.chosen(str(part))
        elif not path or part not in WORD_OR.get(str(path[-1]), ()):
            parent, shape, path = shape, shape.child(part), (*path, part)
    return Place(path, parent)


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


def _shape(annotation: Any) -> Shape:
    annotation = _bare(annotation)
    if get_origin(annotation) is dict:
        element = _shape(get_args(annotation)[1])
        return Shape(element=element) if element.section or element.members else Shape()
    if get_origin(annotation) is tuple:
        item = _shape(get_args(annotation)[0])
        return Shape(item=item) if item.section or item.members else Shape()
    options = (
        [_bare(option) for option in get_args(annotation)]
        if get_origin(annotation) in (Union, UnionType)
        else [annotation]
    )
    nested = [_bare(inner) for option in options for inner in get_args(option) or [option]]
    sections = [option for option in nested if _is_section(option)]
    if len(sections) == 1:
        return Shape(section=sections[0])
    return Shape(members={_tag(section): section for section in sections})


def _bare(annotation: Any) -> Any:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation


def _is_section(option: Any) -> bool:
    return isinstance(option, type) and issubclass(option, Section)


def _tag(section: type[Section]) -> str:
    kind = section.model_fields.get("type")
    return str(get_args(kind.annotation)[0]) if kind else CLASS_TAG
