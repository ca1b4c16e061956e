"""`key.path=value` and `~key.path`: changes to a spec, made on its tree before it is validated."""

from __future__ import annotations

import re
from dataclasses import dataclass

from splitrun.errors import Path
from splitrun.spec.tree import Flaw, Mark, SourceText, Tree, leaf
from splitrun.spec.wording import printable, shown
from splitrun.spec.yaml_text import read

_PART = re.compile(r"(?P<key>[^.\[\]]+)(?P<indices>(?:\[[0-9]{1,6}\])*)(?:\.|\Z)")
_INDEX = re.compile(r"[0-9]+")
_EXAMPLE = "write key.path=value, for example training.epochs=2"


@dataclass(frozen=True)
class Override:
    """A value for a path, or None to delete it."""

    path: Path
    marks: tuple[Mark, ...]
    """Where in the override each part of the path is."""
    value: Tree | None

    def apply(self, tree: Tree) -> Tree | Flaw:
        """The changed tree, or why it cannot be changed so."""
        return self._deleted(tree) if self.value is None else self._set(tree, self.value)

    def _deleted(self, tree: Tree) -> Tree:
        parent, key = tree.at(self.path[:-1]), self.path[-1]
        there = isinstance(parent, dict) and key in parent
        there = there or (isinstance(parent, list) and isinstance(key, int) and key < len(parent))
        return tree.without(self.path, self.marks[-1]) if there else tree

    def _set(self, tree: Tree, value: Tree) -> Tree | Flaw:
        for depth, mark in enumerate(self.marks):
            path, part = self.path[:depth], self.path[depth]
            parent = tree.at(path)
            if parent is None:
                place, parent = self.marks[depth - 1], [] if isinstance(part, int) else {}
                tree = tree.put(path, leaf(parent, place), place)
            if isinstance(part, int) and not isinstance(parent, list):
                return mark.flaw(path, f"is {shown(parent)}, not a list", "remove the [index]")
            if isinstance(part, int) and part > len(parent):
                what = f"has {len(parent)} items, counted from 0"
                return mark.flaw(path, what, f"use [{len(parent)}] to append one")
            if isinstance(part, str) and not isinstance(parent, dict):
                what = f"is {shown(parent)}, not a mapping"
                return mark.flaw(path, what, f"remove {shown(part)} from the override")
        return tree.put(self.path, value, self.marks[-1])


def parse(argument: str, rank: int) -> tuple[Override | None, list[Flaw]]:
    """The override that a command-line argument is, if it is one, and what is wrong with it."""
    label = argument if len(argument) <= 80 else argument[:80] + "…"
    source = SourceText(rank, "override " + printable(f"'{label}'"))
    start = source.mark(0, 0)
    deletes = argument.startswith("~")
    key, equals, value = argument[deletes:].partition("=")
    if deletes and equals:
        return None, [start.flaw((), "~ deletes a key and takes no value", "write ~key.path")]
    if not deletes and not equals:
        return None, [start.flaw((), "has no '='", _EXAMPLE)]
    parts = _parts(key, SourceText(rank, source.name, int(deletes)))
    if not parts:
        return None, [start.flaw((), f"{shown(key)} is no path of keys", _EXAMPLE)]
    path, marks = zip(*parts, strict=True)
    if deletes:
        return Override(path, marks, None), []
    tree, flaws = read(value, SourceText(rank, source.name, len(key) + 1))
    below = [
        flaw.mark.flaw(path + flaw.problem.path, flaw.problem.what, flaw.problem.remedy)
        for flaw in flaws
    ]
    return (Override(path, marks, tree) if tree else None), below


def _parts(key: str, source: SourceText) -> list[tuple[str | int, Mark]]:
    """Keys and indices with their places; none where `key` is not a path."""
    parts: list[tuple[str | int, Mark]] = []
    position = 0
    while position < len(key):
        found = _PART.match(key, position)
        if found is None:
            return []
        parts.append((found["key"].strip(), source.mark(0, position)))
        indices = _INDEX.finditer(key, found.start("indices"), found.end("indices"))
        parts += [(int(index.group()), source.mark(0, index.start())) for index in indices]
        position = found.end()
    return [] if key.endswith(".") or any(part == "" for part, _ in parts) else parts
