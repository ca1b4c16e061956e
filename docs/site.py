"""What the site has beside the pages of docs/: a reference of every key, made of the schema.

Links to files of the repository, which are not on the site, are their names there; `vendor` has the
script that a search needs where pages are opened as files (iframe-worker 1.0.4, MIT).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from splitrun.spec import json_schema

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

Schema = Mapping[str, Any]
_DIAGRAM = re.compile(r"```mermaid\n.*?```\n", re.DOTALL)
"""Drawn by a script from elsewhere, which the site does without."""
_LINK = re.compile(r"\[([^\]]*)\]\(((?:\.\./)+)([^)]*)\)")
"""One that leads out of a page's directory."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the reference."""
    from mkdocs.structure.files import File

    page = File.generated(config, "reference.md", content=reference(json_schema()))
    files.append(page)
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Links to what is no page of the site become names of files, and so do diagrams."""
    place = page.file.src_uri.count("/")

    def named(link: re.Match[str]) -> str:
        text, ups, path = link.groups()
        return link[0] if ups.count("../") <= place else f"{text} (`{path}`)"

    diagram = f"(There is a diagram in `docs/{page.file.src_uri}` of the repository.)\n"
    return _LINK.sub(named, _DIAGRAM.sub(diagram, markdown))


_LINKED = re.compile(r"\]\(#(\w+)\)")
_SHIM = "https://unpkg.com/iframe-worker/shim"
"""What the search of a page that is opened as a file needs; the theme would load it."""


def on_post_page(output: str, page: Page, **_: object) -> str:
    """Nothing is loaded from elsewhere."""
    ups = "../" * page.file.dest_uri.count("/")
    return output.replace(_SHIM, f"{ups}vendor/iframe-worker.js")


def on_post_template(output: str, **_: object) -> str:
    """Nor by the page that a server shows for others that are not there."""
    return output.replace(_SHIM, "/vendor/iframe-worker.js")


def reference(schema: Schema) -> str:
    """Every key of a spec, section by section, in the order in which they are come by."""
    text = "\n".join(_section("A spec", schema))
    parts = ["# Every key", "Made of `splitrun schema`.", text]
    done: set[str] = set()
    names = {_anchor(name): name for name in schema["$defs"]}
    while left := [each for each in _LINKED.findall("".join(parts)) if each not in done]:
        done.add(left[0])
        name = names[left[0]]
        parts.append("\n".join(_section(_title(name), schema["$defs"][name])))
    return "\n\n".join(parts) + "\n"


def _section(title: str, schema: Schema) -> Iterator[str]:
    """A heading, what it is, and its keys as a table."""
    yield f"## {title}"
    yield f"\n{_flat(schema.get('description', ''))}"
    keys = schema.get("properties", {})
    if not keys:
        return
    yield '\n<div class="keys" markdown>\n'
    yield "| key | type | default | what it says |\n|---|---|---|---|"
    for key, value in keys.items():
        required = key in schema.get("required", ())
        default = "required" if required else _value(value.get("default"))
        yield f"| `{key}` | {_type(value)} | {default} | {_flat(_described(value))} |"
    yield "\n</div>"


def _described(schema: Schema) -> str:
    """What a key says, or what one of its alternatives says first."""
    told = schema.get("description", "")
    parts = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    return told or next((each for each in map(_described, parts) if each), "")


def _type(schema: Schema) -> str:
    """In words; sections are links."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{_title(name)}](#{_anchor(name)})"
    if "const" in schema:
        return _value(schema["const"])
    if "enum" in schema:
        return ", ".join(map(_value, schema["enum"]))
    for key in ("anyOf", "oneOf"):
        if key in schema:
            words = dict.fromkeys(_type(each) for each in schema[key] if each.get("type") != "null")
            return " or ".join(words)
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if kind == "object":
        values = [*schema.get("patternProperties", {}).values(), schema.get("additionalProperties")]
        return f"names to {_type(values[0])}" if isinstance(values[0], dict) else "mapping"
    return _KINDS.get(kind, kind) + _bounds(schema)


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
