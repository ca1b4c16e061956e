"""JSON Schema of a spec, so that editors complete and check it while it is written."""

from __future__ import annotations

from typing import Any, get_args

from pydantic.json_schema import GenerateJsonSchema

from splitrun.spec.model import SHORT_FORMS, Spec
from splitrun.spec.shape import Shape, fields

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
        holder[key] = {"anyOf": [{"enum": _words(pattern)}, holder[key]]}
    return {"$schema": GenerateJsonSchema.schema_dialect, **schema, "title": "splitrun spec"}


def _slot(schema: dict[str, Any], pattern: tuple[str, ...]) -> tuple[dict[str, Any], str]:
    """The part of the schema, and the key in it, that describes what is at `pattern`."""
    holder, key = {"": schema}, ""
    for part in pattern:
        node = holder[key]
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rpartition("/")[2]]
        if part != "*":
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
