"""Expands `pipeline: stale` to `pipeline: {schedule: stale}`, and its like."""

from __future__ import annotations

from collections.abc import Iterator

from splitrun.errors import Path
from splitrun.spec.model import SHORT_FORMS
from splitrun.spec.tree import Tree, with_values


def expanded(tree: Tree) -> Tree:
    """The tree in its long form only; what is long already stays as it is."""
    for pattern, key in SHORT_FORMS.items():
        words = {path: tree.at(path) for path in _matches(tree, pattern)}
        words = {path: word for path, word in words.items() if isinstance(word, str)}
        if words:
            data = with_values(tree.data, {path: {key: word} for path, word in words.items()})
            tree = Tree(data, tree.marks | {(*path, key): tree.mark(path) for path in words})
    return tree


def _matches(tree: Tree, pattern: tuple[str, ...], path: Path = ()) -> Iterator[Path]:
    if not pattern:
        yield path
        return
    value = tree.at(path)
    if isinstance(value, dict):
        for key in value if pattern[0] == "*" else {pattern[0]} & value.keys():
            yield from _matches(tree, pattern[1:], (*path, key))
