"""The site: every page is in its navigation, and its reference has every key."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from splitrun.spec import json_schema

DOCS = Path(__file__).parents[1] / "docs"


def loaded(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{name}_of_docs", DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(DOCS)
        spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site() -> ModuleType:
    return loaded("site")


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    return loaded("reference")


@pytest.fixture(scope="module")
def text(reference: ModuleType) -> str:
    """Of the page."""
    schema = json_schema()
    written: str = reference.reference(schema, reference.examples(schema, reference.given_specs()))
    return written


def leaves(content: Any) -> list[str]:
    """The pages of a navigation."""
    if isinstance(content, str):
        return [content]
    within = content.values() if isinstance(content, dict) else content
    return [leaf for each in within for leaf in leaves(each)]


def test_every_page_is_in_the_navigation_once() -> None:
    config = yaml.safe_load((DOCS.parent / "mkdocs.yml").read_text(encoding="utf-8"))
    pages = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}
    pages = {page for page in pages if not page.startswith("adr/")} | {"reference.md"}
    assert sorted(leaves(config["nav"])) == sorted(pages)


def test_the_reference_has_every_key_of_every_section(text: str) -> None:
    schema = json_schema()
    headings = re.findall(r"^## (\w+)$", text, re.MULTILINE)
    assert len(headings) == len(set(headings))
    for name, section in schema["$defs"].items():
        if name == "_Nothing":  # what packages would offer
            continue
        assert name.strip("_") in headings
        for key in section.get("properties", {}):
            assert f"| `{key}` |" in text
    assert {f"#{each.lower()}" for each in headings} >= set(re.findall(r"\]\((#\w+)\)", text))


def test_every_key_has_an_example_that_fits_it(reference: ModuleType) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json_schema()
    given = reference.examples(schema, reference.given_specs())
    for name, section in {reference.ROOT: schema, **schema["$defs"]}.items():
        for key, value in section.get("properties", {}).items():
            if key == "hooks" or "const" in value:  # packages have hooks; a constant is its own
                continue
            such = given[name.strip("_"), key]
            is_valid = jsonschema.Draft202012Validator({"$defs": schema["$defs"], **value}).is_valid
            assert is_valid(such), (name, key, such)


def test_bounds_defaults_choices_and_examples_are_told(text: str) -> None:
    assert "| `parts` | list of `elapsed`, `year`," in text
    assert "| `resources` | names to number > 0, ≤ 1,000,000,000 |  | `{bank: 1}` |" in text
    assert "| `schedule` | `sequential`, `microbatch`, `stale` | `sequential` | `stale` |" in text
    assert "| `depth` | whole number > 0 or `auto` |" in text
    assert "| `seed` | whole number ≥ 0, < 4,294,967,296 | `0` |" in text
    assert "| `parties` | names to [PartySection](#partysection) | required |" in text


class Page:
    class file:  # noqa: N801 - as MkDocs has it
        src_uri = "studies/page.md"


def test_what_stands_in_a_list_is_indented_as_the_site_wants_it() -> None:
    for page in DOCS.rglob("*.md"):
        fences = re.findall(r"^( *)```", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert {len(each) % 4 for each in fences} <= {0}, page


def test_a_diagram_is_told_of_and_not_shown_as_its_source(site: ModuleType) -> None:
    told = site.on_page_markdown("one\n\n```mermaid\na --> b\n```\n\ntwo\n", Page)
    assert (
        told == "one\n\n(There is a diagram in `docs/studies/page.md` of the repository.)\n\ntwo\n"
    )


def test_a_link_that_leaves_the_site_is_the_name_of_a_file(site: ModuleType) -> None:
    text = "[a](../value.md), [b](../../CONTRIBUTING.md)"
    assert site.on_page_markdown(text, Page) == "[a](../value.md), b (`CONTRIBUTING.md`)"


def test_no_page_loads_anything_from_elsewhere(site: ModuleType) -> None:
    class Built:
        class file:  # noqa: N801 - as MkDocs has it
            dest_uri = "studies/page.html"

    loads = "<script>var shim = 'https://unpkg.com/iframe-worker/shim'</script>"
    assert site.on_post_page(loads, Built).count("../vendor/iframe-worker.js") == 1
    assert "unpkg" not in site.on_post_page(loads, Built)
    assert "unpkg" not in site.on_post_template(loads, template_name="404.html")
