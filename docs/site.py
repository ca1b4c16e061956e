"""What the site has beside the pages of docs/: a reference of every key.

Links to files of the repository, which are not on the site, are their names there; `vendor` has the
script that a search needs where pages are opened as files (iframe-worker 1.0.4, MIT).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reference import examples, given_specs, reference

from splitrun.spec import json_schema

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

_DIAGRAM = re.compile(r"```mermaid\n.*?```\n", re.DOTALL)
"""Drawn by a script from elsewhere, which the site does without."""
_LINK = re.compile(r"\[([^\]]*)\]\(((?:\.\./)+)([^)]*)\)")
"""One that leads out of a page's directory."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the reference."""
    from mkdocs.structure.files import File

    schema = json_schema()
    content = reference(schema, examples(schema, given_specs()))
    files.append(File.generated(config, "reference.md", content=content))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Links to what is no page of the site become names of files, and so do diagrams."""
    place = page.file.src_uri.count("/")

    def named(link: re.Match[str]) -> str:
        text, ups, path = link.groups()
        return link[0] if ups.count("../") <= place else f"{text} (`{path}`)"

    diagram = f"(There is a diagram in `docs/{page.file.src_uri}` of the repository.)\n"
    return _LINK.sub(named, _DIAGRAM.sub(diagram, markdown))


_SHIM = "https://unpkg.com/iframe-worker/shim"
"""What the search of a page that is opened as a file needs; the theme would load it."""


def on_post_page(output: str, page: Page, **_: object) -> str:
    """Nothing is loaded from elsewhere."""
    ups = "../" * page.file.dest_uri.count("/")
    return output.replace(_SHIM, f"{ups}vendor/iframe-worker.js")


def on_post_template(output: str, **_: object) -> str:
    """Nor by the page that a server shows for others that are not there."""
    return output.replace(_SHIM, "/vendor/iframe-worker.js")
