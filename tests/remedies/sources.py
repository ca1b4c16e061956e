"""The remedies that the code holds, as far as they say that a key be given a value."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import splitrun

_REMEDY = re.compile(
    r"\b(?:set|use|lower|raise|write|list|give|add) (?:[^;\n]{0,60}? )??"
    r"(?:dataset|parties|training|top|pipeline|runtime|links)\.[\w.\0]+[^;\n]*"
)


@functools.cache
def templates() -> Mapping[str, str]:
    """Each remedy, NUL for what is filled in, and `file:line` where it is written."""
    found: dict[str, str] = {}
    root = Path(splitrun.__file__).parent
    for path in sorted(root.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for line, text in _texts(tree):
            for remedy in _REMEDY.findall(text):
                found.setdefault(remedy.strip(), f"{path.relative_to(root.parent)}:{line}")
    return found


def _texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every text of a module and its line, docstrings, descriptions of keys and parts of others
    left out."""
    inner = {
        id(value)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for value in ast.walk(node)
        if value is not node
    }
    inner |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    inner |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.keyword)}
    for node in ast.walk(tree):
        if id(node) in inner:
            continue
        if isinstance(node, ast.JoinedStr):
            yield (
                node.lineno,
                "".join(
                    str(part.value) if isinstance(part, ast.Constant) else "\0"
                    for part in node.values
                ),
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
