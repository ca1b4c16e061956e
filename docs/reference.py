"""A reference of every key of a spec: made of its schema, with examples from specs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import yaml

Schema = Mapping[str, Any]
Examples = Mapping[tuple[str, str], Any]
"""By section and key, a value."""

ROOT = "A spec"
_LINKED = re.compile(r"\]\(#(\w+)\)")


def given_specs() -> Iterator[Mapping[str, Any]]:
    """Parts of specs, with what the experiments do not use; and those."""
    docs = Path(__file__).parent
    for file in [docs / "examples.yaml", *sorted(docs.parent.glob("experiments/*.yaml"))]:
        yield from yaml.safe_load_all(file.read_text(encoding="utf-8"))


def examples(schema: Schema, specs: Iterable[Mapping[str, Any]]) -> Examples:
    """The first value that specs, or parts of them, give each key. A key that none of them gives
    has that of one with the same name and the same schema elsewhere."""
    found: dict[tuple[str, str], Any] = {}
    for spec in specs:
        for section, key, value in _given(spec, {**schema, "title": ROOT}, schema["$defs"]):
            found.setdefault((section, key), value)
    sections = {ROOT: schema, **{_title(name): each for name, each in schema["$defs"].items()}}
    alike = {(key, _text(sections[of]["properties"][key])): it for (of, key), it in found.items()}
    for section, each in sections.items():
        for key, value in each.get("properties", {}).items():
            if (section, key) not in found and (key, _text(value)) in alike:
                found[section, key] = alike[key, _text(value)]
    return found


def _given(value: Any, schema: Schema, defs: Schema) -> Iterator[tuple[str, str, Any]]:
    """Every key within a value, with its section."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        yield from _given(value, {**defs[name], "title": _title(name)}, defs)
    for alternative in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from _given(value, alternative, defs)
    keys = schema.get("properties", {})
    if isinstance(value, list):
        for each in value:
            yield from _given(each, schema.get("items", {}), defs)
    elif isinstance(value, dict) and keys and _is_of(value, keys):
        for key, each in value.items():
            yield schema["title"], key, each
            yield from _given(each, keys[key], defs)
    elif isinstance(value, dict) and schema.get("type") == "object" and not keys:
        for each in value.values():
            for within in _of_names(schema):
                yield from _given(each, within, defs)


def _is_of(value: Mapping[str, Any], keys: Schema) -> bool:
    """Whether a mapping is a section with these keys, by its type and its own keys."""
    kind = keys.get("type", {}).get("const", value.get("type"))
    return set(value) <= set(keys) and value.get("type", kind) == kind


def _of_names(schema: Schema) -> list[Schema]:
    """What may stand under names of one's own."""
    values = [*schema.get("patternProperties", {}).values(), schema.get("additionalProperties")]
    return [each for each in values if isinstance(each, dict)]


def reference(schema: Schema, given: Examples) -> str:
    """Every key of a spec, section by section, in the order in which they are come by.

    Args:
        given: values to show.
    """
    text = "\n".join(_section(ROOT, schema, schema["$defs"], given))
    parts = [
        "# Every key",
        "Made of `splitrun schema`; the values are examples.",
        text,
    ]
    done: set[str] = set()
    names = {_anchor(name): name for name in schema["$defs"]}
    while left := [each for each in _LINKED.findall("".join(parts)) if each not in done]:
        done.add(left[0])
        name = names[left[0]]
        section = _section(_title(name), schema["$defs"][name], schema["$defs"], given)
        parts.append("\n".join(section))
    return "\n\n".join(parts) + "\n"


def _section(title: str, schema: Schema, defs: Schema, given: Examples) -> Iterator[str]:
    """A heading, what it is, and its keys as a table."""
    yield f"## {title}"
    yield f"\n{_flat(schema.get('description', ''))}"
    keys = schema.get("properties", {})
    if not keys:
        return
    yield '\n<div class="keys" markdown>\n'
    yield "| key | type | default | such as | what it says |\n|---|---|---|---|---|"
    for key, value in keys.items():
        required = key in schema.get("required", ())
        default = "required" if required else _value(value.get("default"))
        such = _example(given.get((title, key)))
        says = _flat(_described(value, defs))
        yield f"| `{key}` | {_type(value)} | {default} | {such} | {says} |"
    yield "\n</div>"


_LONGEST = 60
"""Characters of an example; of a longer one, a section with keys of its own, the beginning."""


def _example(value: Any) -> str:
    """As one writes it in a spec, on one line."""
    if value is None:
        return ""
    text = yaml.safe_dump(
        value, default_flow_style=True, allow_unicode=True, width=10_000, sort_keys=False
    )
    text = " ".join(text.removesuffix("...\n").split()).replace("|", "\\|")
    return f"`{text if len(text) <= _LONGEST else text[:_LONGEST] + '…'}`"


def _described(schema: Schema, defs: Schema) -> str:
    """What a key says; else what its section says, where it may be but one."""
    told: str = schema.get("description", "")
    if "$ref" in schema:
        told = told or defs[schema["$ref"].rpartition("/")[2]].get("description", "")
    parts = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    found = set(filter(None, (_described(each, defs) for each in parts)))
    return told or (found.pop() if len(found) == 1 else "")


def _type(schema: Schema) -> str:
    """In words; sections are links."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _OFFERED.get(name) or f"[{_title(name)}](#{_anchor(name)})"
    if "const" in schema:
        return _value(schema["const"])
    if "enum" in schema:
        return ", ".join(map(_value, schema["enum"]))
    if alternatives := [*schema.get("anyOf", ()), *schema.get("oneOf", ())]:
        words = (_type(each).split(" or ") for each in alternatives if each.get("type") != "null")
        return " or ".join(dict.fromkeys(chain.from_iterable(words)))
    kind = schema.get("type", "anything")
    if kind == "array":
        of = _type(schema.get("items", {}))
        return f"list of ({of.replace(' or ', '; ')})" if " or " in of else f"list of {of}"
    if kind == "object":
        within = _of_names(schema)
        return f"names to {_type(within[0])}" if within else "mapping"
    return _KINDS.get(kind, kind) + _bounds(schema)


_OFFERED = {"_Nothing": "sections that packages offer"}
"""Where splitrun has none of its own."""
_KINDS = {"integer": "whole number", "string": "text", "boolean": "true, false"}
_BOUNDS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
}
_LARGEST = 2**60
"""Bounds beyond are those of machines."""


def _bounds(schema: Schema) -> str:
    told = [
        form.format(_number(schema[key]))
        for key, form in _BOUNDS.items()
        if key in schema and abs(schema[key]) < _LARGEST
    ]
    return f" {', '.join(told)}" if told else ""


def _number(value: float) -> str:
    """`4,294,967,296`, `0.5`, `1e-08`."""
    return f"{value:,.0f}" if value == round(value) else f"{value:g}"


def _value(value: object) -> str:
    """As one writes it in a spec; nothing for null."""
    return "" if value is None else f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _flat(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _title(name: str) -> str:
    return name.strip("_")


def _anchor(name: str) -> str:
    return _title(name).lower()


def _text(schema: Schema) -> str:
    return json.dumps(schema, sort_keys=True)
