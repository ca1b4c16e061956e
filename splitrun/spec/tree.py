"""Plain data, and where each part of it was written.

A `Tree` pairs what YAML holds (dicts, lists, scalars) with a mark for every path in it. Trees are
never changed: `put` and `without` give new ones, in which parts of several sources, a file and the
overrides on a command line, keep their own marks.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from splitrun.errors import Path, Problem
from splitrun.spec.wording import printable

_SHOWN_OF_KEY = 80


@dataclass(frozen=True)
class SourceText:
    """A text that a spec is read from."""

    rank: int
    """0 for the file, then 1, 2, … for the overrides: the order in which problems are reported."""
    name: str
    column: int = 0
    """Of what precedes the YAML on its first line, in an override."""

    def mark(self, line: int, column: int, text: str | None = None) -> Mark:
        """The mark at a line and column, both counted from 0."""
        shift = self.column if line == 0 else 0
        return Mark(self.rank, line + 1, column + shift + 1, self.name, text)


@dataclass(frozen=True, order=True)
class Mark:
    """A place in a source; line and column are counted from 1."""

    rank: int
    line: int
    column: int
    source: str = field(compare=False)
    text: str | None = field(compare=False, default=None)
    """How a number, a truth value or null was spelt there."""

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}"

    def flaw(self, path: Path, what: str, remedy: str) -> Flaw:
        """A problem that is found here."""
        return Flaw(self, Problem(_printable(path), what, remedy, str(self)))


@dataclass(frozen=True)
class Flaw:
    """A problem, and the mark that it is sorted by."""

    mark: Mark
    problem: Problem


@dataclass(frozen=True)
class Tree:
    """Data and the marks of its parts; the root's mark is at `()`."""

    data: Any
    marks: dict[Path, Mark]

    def mark(self, path: Path) -> Mark:
        """Where `path` was written, or its nearest ancestor that was."""
        while path not in self.marks:
            path = path[:-1]
        return self.marks[path]

    def flaw(self, path: Path, what: str, remedy: str) -> Flaw:
        """A problem at `path`."""
        return self.mark(path).flaw(path, what, remedy)

    def at(self, path: Path) -> Any:
        """The value at `path`, or None where there is none."""
        value = self.data
        for part in path:
            if isinstance(value, dict) and isinstance(part, str):
                value = value.get(part)
            elif isinstance(value, list) and isinstance(part, int) and part < len(value):
                value = value[part]
            else:
                return None
        return value

    def put(self, path: Path, value: Tree, mark: Mark) -> Tree:
        """With `value` at `path`, whose parent must exist; `mark` becomes the place of `path`."""

        def put(parent: Any, part: str | int) -> None:
            if isinstance(parent, list) and part == len(parent):
                parent.append(value.data)
            else:
                parent[part] = value.data

        return Tree(
            _edited(self.data, path, put),
            self._marks_outside(path)
            | {path + below: where for below, where in value.marks.items()}
            | {path: replace(mark, text=value.mark(()).text)},
        )

    def without(self, path: Path, mark: Mark) -> Tree:
        """Without `path`; `mark`, where it was deleted, is the place of what is now missing."""
        return Tree(
            _edited(self.data, path, operator.delitem), self._marks_outside(path) | {path: mark}
        )

    def _marks_outside(self, path: Path) -> dict[Path, Mark]:
        return {old: mark for old, mark in self.marks.items() if old[: len(path)] != path}


def leaf(value: Any, mark: Mark) -> Tree:
    """A tree of one value."""
    return Tree(value, {(): mark})


def with_values(data: Any, values: Mapping[Path, Any]) -> Any:
    """A copy of `data` with other values at paths that exist."""
    changed = copy.deepcopy(data)
    for path, value in values.items():
        parent = changed
        for part in path[:-1]:
            parent = parent[part]
        parent[path[-1]] = value
    return changed


def in_order(flaws: Iterable[Flaw]) -> tuple[Problem, ...]:
    """The problems in the order in which their places are read."""
    ordered = sorted(flaws, key=lambda flaw: flaw.mark)
    return tuple(dict.fromkeys(flaw.problem for flaw in ordered))


def _edited(data: Any, path: Path, edit: Callable[[Any, str | int], None]) -> Any:
    """A copy of `data` in which `edit` has changed the parent of `path`; what it can, it shares."""
    part, *below = path
    edited = data.copy()
    if below:
        edited[part] = _edited(data[part], tuple(below), edit)
    else:
        edit(edited, part)
    return edited


def _printable(path: Path) -> Path:
    """Keys as a one-line message can show them."""
    return tuple(
        part if isinstance(part, int) else printable(part[:_SHOWN_OF_KEY]) for part in path
    )
