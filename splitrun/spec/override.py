"""`key.path=value` and `~key.path`: changes to a spec, made on its tree before it is validated.

A value on the command line is a value, not a document. Whoever wants a list, a mapping or quotation
marks begins with them, so what begins with `[`, `{`, `"` or `'` is read as YAML, all of it.
Anything else is one scalar as it stands, spaces included: a number, true, false, null (also `~`) or
text. Nothing in it is a comment, an anchor, a directive or a block, and where text is wanted,
numbers too are the text that was typed. What could be none or the text is refused, and both forms
are shown.

A name that holds a dot, a bracket, `=` or a quotation mark is quoted within the path:
`dataset.classes."<=50K"=["<=50K."]`; in double quotes, a backslash stands before `"` and `\\`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from splitrun.errors import Path, dotted
from splitrun.scalars import meaning
from splitrun.spec.tree import Flaw, Mark, SourceText, Tree, leaf
from splitrun.spec.wording import assignment, printable, quoted, shown, typed
from splitrun.spec.yaml_text import read, stands_alone, unreadable

_PART = re.compile(
    r"""(?:"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>(?:[^']|'')*)'|(?P<bare>[^.\[\]="'][^.\[\]=]*))"""
    r"(?P<indices>(?:\[[0-9]{1,6}\])*)(?P<end>\.|=|\Z)"
)
_INDEX = re.compile(r"[0-9]+")
_EXAMPLE = "write key.path=value, for example training.epochs=2"
_QUOTE_NAMES = "quote a name that holds dots, brackets, quotation marks or '=', as in dates.\"a.b\""
_SYNTAX = ("[", "{", '"', "'")


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
                what = f"is {shown(parent)}, not a list"
                return mark.flaw(path, what, f"remove the [index], or {_QUOTE_NAMES}")
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
    parts, position = _parts(argument, int(deletes), source)
    equals = argument[position - 1 : position] == "="
    key = argument[deletes:].partition("=")[0]
    if deletes and (equals or (not parts and "=" in argument)):
        return None, [start.flaw((), "~ deletes a key and takes no value", "write ~key.path")]
    if not deletes and "=" not in argument:
        return None, [start.flaw((), "has no '='", _EXAMPLE)]
    if not parts or not (deletes or equals):
        remedy = _QUOTE_NAMES if re.search(r"[\[\]\"']", key) else _EXAMPLE
        return None, [start.flaw((), f"{shown(key)} is no path of keys", remedy)]
    path, marks = zip(*parts, strict=True)
    if deletes:
        return Override(path, marks, None), []
    if (
        isinstance(path[-1], str)
        and path[-1][-1:] in ("<", ">", "!")
        and argument[position - 2] != '"'
    ):
        whole = (*path[:-1], f"{path[-1]}=…")
        return None, [start.flaw(path, "'=' within a name", f"quote it: {dotted(whole)}=…")]
    tree, flaws = _value(argument[position:], path, SourceText(rank, source.name, position))
    return (Override(path, marks, tree) if tree else None), flaws


def _value(text: str, path: Path, source: SourceText) -> tuple[Tree | None, list[Flaw]]:
    """What `text` means as the value of the key at `path`, and what is wrong with it."""
    plain = text.strip(" ")
    if not plain.startswith(_SYNTAX):
        flaw = unreadable(text, source)
        value = text if text and not plain else meaning(plain)
        if isinstance(value, str):
            return leaf(text, source.mark(0, 0)), [flaw] if flaw else []
        return leaf(value, source.mark(0, 0, text)), []
    tree, flaws = read(text, source)
    as_text = f"for text, write {typed(assignment(path, quoted(plain, source.rank)))}"
    if tree is None or not stands_alone(text):
        more = source.mark(0, 0).flaw((), f"more follows what begins with {plain[0]}", "remove it")
        flaws = [
            Flaw(it.mark, replace(it.problem, remedy=f"{it.problem.remedy}; {as_text}"))
            for it in flaws or [more]
        ]
    elif not isinstance(tree.data, str):
        tree = Tree(tree.data, tree.marks | {(): replace(tree.mark(()), text=plain)})
    return tree, [
        it.mark.flaw(path + it.problem.path, it.problem.what, it.problem.remedy) for it in flaws
    ]


def _parts(
    argument: str, position: int, source: SourceText
) -> tuple[list[tuple[str | int, Mark]], int]:
    """Keys and indices with their places, none where there is no path; and where the path ends."""
    parts: list[tuple[str | int, Mark]] = []
    end = "."
    while end == ".":
        found = _PART.match(argument, position)
        if found is None:
            return [], position
        double, single = found["double"], found["single"]
        key = re.sub(r"\\(.)", r"\1", double) if double is not None else None
        key = single.replace("''", "'") if single is not None else key
        key = found["bare"].strip() if key is None else key
        if not key:
            return [], position
        parts.append((key, source.mark(0, position)))
        indices = _INDEX.finditer(argument, found.start("indices"), found.end("indices"))
        parts += [(int(index.group()), source.mark(0, index.start())) for index in indices]
        position, end = found.end(), found["end"]
    return parts, position
