"""A report's page, read back as a browser would."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

_VOID = {"meta", "link", "img", "br", "hr", "input"}


@dataclass
class Element:
    """A start tag, and the text up to its end tag, its children's included."""

    tag: str
    attributes: dict[str, str]
    text: str = ""


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self._open: list[Element] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def close(self) -> None:
        super().close()
        assert not self._open


@dataclass
class Report:
    """What is on a page."""

    html: str
    elements: list[Element] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> Report:
        html = path.read_text(encoding="utf-8")
        parser = _Parser()
        parser.feed(html)
        parser.close()
        return cls(html, parser.elements)

    def texts(self, tag: str, kind: str = "") -> list[str]:
        """Of the elements of this tag, and class if one is given."""
        return [
            " ".join(element.text.split())
            for element in self.elements
            if element.tag == tag and kind in ("", element.attributes.get("class"))
        ]

    @property
    def verdict(self) -> str:
        (verdict,) = self.texts("p", "verdict")
        return verdict

    @property
    def charts(self) -> dict[str, dict[str, Any]]:
        """By title."""
        titles = {
            element.attributes["id"].removesuffix("-title"): element.text
            for element in self.elements
            if element.tag == "h3" and "id" in element.attributes
        }
        return {
            titles[element.attributes["data-chart"]]: json.loads(element.text)
            for element in self.elements
            if "data-chart" in element.attributes
        }

    @property
    def scripts(self) -> list[str]:
        """What a browser would run."""
        return [
            element.text
            for element in self.elements
            if element.tag == "script" and "type" not in element.attributes
        ]

    @property
    def rows(self) -> list[str]:
        return self.texts("tr")
