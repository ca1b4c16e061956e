"""From a file and overrides to a `Document`: a valid spec that knows where each key was written.

text ─▶ tree ─▶ long forms ─▶ overrides ─▶ models ─▶ cross-checks ─▶ effective values. Every step
gathers problems, and all of them are raised together.
"""

from __future__ import annotations

import codecs
import contextlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from splitrun.errors import Path, Problem, SpecError
from splitrun.files import open_regular
from splitrun.spec import check
from splitrun.spec.apart import seen_by
from splitrun.spec.effective import resolved
from splitrun.spec.explain import explain, unclear
from splitrun.spec.model import NO_SHORT_FORMS, SHORT_FORMS, Spec
from splitrun.spec.override import Override, parse
from splitrun.spec.section import EXPERIMENT_PATTERN
from splitrun.spec.shape import place_of
from splitrun.spec.tree import Flaw, SourceText, Tree, in_order, leaf, with_values
from splitrun.spec.wording import closest, did_you_mean, printable
from splitrun.spec.yaml_text import MAX_BYTES, dump, read, too_large

_MOST_EXPLAINED = 200
_MOST_SHOWN = 50
_NUMBERS = (int, float)
"""And truth values, which are whole numbers to Python."""


@dataclass(frozen=True)
class Document:
    """A valid spec with the text it came from."""

    spec: Spec
    """With its effective depth and micro-batches stated."""
    file: FilePath
    """As the user named it."""
    text: str
    """As given, before overrides."""
    remarks: tuple[Problem, ...]
    """What is allowed but has no effect, or hardly the intended one; located."""
    tree: Tree = field(repr=False, compare=False)
    """What the spec was validated from: the text with the overrides."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """The remarks in words."""
        return tuple(map(str, self.remarks))

    @property
    def directory(self) -> FilePath:
        """Where relative data paths and custom classes are looked up."""
        return self.file.parent

    def locate(self, path: Path) -> str:
        """`file:line:col` of a key, or of its nearest ancestor that was written."""
        return str(self.tree.mark(path))

    def warnings_of_steps(self, steps: int) -> tuple[str, ...]:
        """What `warnings` could not say before it was known how many steps the run has."""
        found = in_order(_located(check.step_warnings(self.spec, steps), self.tree))
        return tuple(text for text in map(str, found) if text not in self.warnings)

    def problem(self, path: Path, what: str, remedy: str) -> Problem:
        """A problem with the key at `path`, located."""
        return self.tree.flaw(path, what, remedy).problem

    @contextlib.contextmanager
    def located(self) -> Iterator[None]:
        """Fills places into the problems of a `SpecError` that passes through."""
        try:
            yield
        except SpecError as error:
            located = [
                problem if problem.where else problem.at(self.locate(problem.path))
                for problem in error.problems
            ]
            raise type(error)(located) from error


def load(file: FilePath, overrides: Sequence[str] = (), party: str | None = None) -> Document:
    """Read a spec and apply `key.path=value` and `~key.path` to it.

    Args:
        party: who reads it, and need not be told what is the others' alone; see `apart`.

    Raises:
        SpecError: it cannot be read or is not valid; with every problem that was found.
    """
    return _document(_text_of(file), file, overrides, party)


def loads(text: str, name: str, overrides: Sequence[str] = ()) -> Document:
    """Like `load`, for a spec that is no file; messages call it `name`.

    Raises:
        SpecError: it is not valid; with every problem that was found.
    """
    return _document(text, FilePath(name), overrides)


def resolved_yaml(spec: Spec) -> str:
    """All of a spec in its long form, with effective values; `loads` gives an equal one back."""
    return dump(resolved_tree(spec))


def resolved_tree(spec: Spec) -> dict[str, Any]:
    """The same as plain data."""
    content = resolved(spec).model_dump(mode="json", by_alias=True)
    parties = content["parties"].values()
    # What is not there is left out where it once could not be, so that digests of specs stay.
    for key in ("hooks", "sinks"):
        if not content[key]:
            del content[key]
    for section, key in ((content["runtime"], "address"), *((it, "ray") for it in parties)):
        if section[key] is None:
            del section[key]
    return content


def stated_tree(spec: Spec) -> dict[str, Any]:
    """Of all of that, what is not the default."""
    content: dict[str, Any] = spec.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return content


def _document(
    text: str, file: FilePath, overrides: Sequence[str], party: str | None = None
) -> Document:
    tree, flaws = read(text, SourceText(0, printable(str(file))))
    changes: list[Override] = []
    for rank, argument in enumerate(overrides, start=1):
        change, wrong = parse(argument, rank)
        changes += [change] if change else []
        flaws += wrong
    if tree is None:
        raise _spec_error(flaws)
    if isinstance(tree.data, dict):
        flaws += _unknown(tree, party)
        tree, wrong = _changed(tree, changes)
        flaws += wrong
        tree = _named(tree, file.stem)
        if party is not None:
            tree = seen_by(tree, party)
    spec, errors = _validated(tree)
    flaws += _unless_reported(explain(errors[:_MOST_EXPLAINED], tree), flaws)
    if spec:
        flaws += _unless_reported(unclear(spec, tree), flaws)
        flaws += _located(check.problems(spec), tree)
    if spec is None or flaws:
        raise _spec_error(flaws)
    remarks = in_order(_located(check.warnings(spec), tree))
    return Document(resolved(spec), file, text, remarks, tree)


def _unknown(tree: Tree, party: str | None) -> list[Flaw]:
    """That who reads the spec is no party of it: what is its own would make it one."""
    parties = tree.at(("parties",))
    if party is None or not isinstance(parties, dict) or party in parties:
        return []
    remedy = did_you_mean(party, list(map(str, parties)), "use")
    return [tree.flaw(("parties",), f"{party!r} is no party", remedy)]


def _located(problems: Iterator[Problem], tree: Tree) -> list[Flaw]:
    return [tree.flaw(it.path, it.what, it.remedy) for it in islice(problems, _MOST_EXPLAINED)]


def _changed(tree: Tree, changes: Sequence[Override]) -> tuple[Tree, list[Flaw]]:
    """The tree in its long form with the overrides applied, from left to right."""
    flaws = []
    tree = _expanded(tree)
    for change in changes:
        changed = change.apply(tree)
        if isinstance(changed, Flaw):
            flaws.append(changed)
        else:
            tree = _expanded(changed)
    return tree, flaws


def _named(tree: Tree, stem: str) -> Tree:
    """With the file's name for a spec that has none, if it can be one."""
    if "name" in tree.data or not re.match(EXPERIMENT_PATTERN, stem):
        return tree
    return tree.put(("name",), leaf(stem, tree.mark(())), tree.mark(()))


def _validated(tree: Tree) -> tuple[Spec | None, list[ErrorDetails]]:
    """The spec, or what pydantic has against it.

    Where text is wanted, a number or truth value is read as it was spelt: columns may be called
    2019, 1e3 or true.
    """
    spec, errors = _parsed(tree.data)
    spelt: dict[Path, str] = {}
    for error in errors:
        path = place_of(error["loc"]).path
        text = tree.mark(path).text
        if error["type"] == "string_type" and isinstance(error["input"], _NUMBERS) and text:
            spelt[path] = text
    return _parsed(with_values(tree.data, spelt)) if spelt else (spec, errors)


def _parsed(data: Any) -> tuple[Spec | None, list[ErrorDetails]]:
    try:
        return Spec.model_validate(data), []
    except ValidationError as error:
        return None, error.errors(include_url=False)


def _unless_reported(found: Iterable[Flaw], reported: Sequence[Flaw]) -> list[Flaw]:
    """Those that are not about a value which another problem is about already."""
    known = {flaw.problem.path for flaw in reported} - {()}

    def is_known(path: Path) -> bool:
        return any(path[:length] in known for length in range(1, len(path) + 1))

    return [flaw for flaw in found if not is_known(flaw.problem.path)]


def _spec_error(flaws: Sequence[Flaw]) -> SpecError:
    problems = in_order(flaws)
    shown = problems[:_MOST_SHOWN]
    if len(problems) > len(shown):
        last = Problem((), "there are more problems", "mend those above first", shown[-1].where)
        shown += (last,)
    return SpecError(shown)


def _expanded(tree: Tree) -> Tree:
    """The tree in its long form only; what is long already stays as it is."""
    for pattern, key in SHORT_FORMS.items():
        words = {path: tree.at(path) for path in _matches(tree, pattern)}
        words = {
            path: word
            for path, word in words.items()
            if isinstance(word, str) and word not in NO_SHORT_FORMS.get(pattern, ())
        }
        if words:
            data = with_values(tree.data, {path: {key: word} for path, word in words.items()})
            tree = Tree(data, tree.marks | {(*path, key): tree.mark(path) for path in words})
    return tree


def _matches(tree: Tree, pattern: tuple[str, ...], path: Path = ()) -> Iterator[Path]:
    if not pattern:
        yield path
        return
    value = tree.at(path)
    keys: Iterable[str | int] = ()
    if isinstance(value, dict):
        keys = value if pattern[0] == "*" else {pattern[0]} & value.keys()
    elif isinstance(value, list) and pattern[0] == "[]":
        keys = range(len(value))
    for key in keys:
        yield from _matches(tree, pattern[1:], (*path, key))


def _text_of(file: FilePath) -> str:
    """All of `file`, decoded as UTF-8 and not changed otherwise.

    Raises:
        SpecError: it cannot be opened, is too large or is no UTF-8.
    """
    try:
        with open_regular(file, elsewhere=True) as stream:
            content = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise SpecError([Problem((), *_why_not(file, error), printable(str(file)))]) from error
    if len(content) > MAX_BYTES:
        raise SpecError([too_large(SourceText(0, printable(str(file)))).problem])
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise SpecError([_not_utf8(file, content, error)]) from error


def _why_not(file: FilePath, error: Exception) -> tuple[str, str]:
    if isinstance(error, FileNotFoundError):
        return "no such file", _alternative(file)
    if isinstance(error, IsADirectoryError):
        return "is a directory", _within(file)
    if isinstance(error, PermissionError):
        return "may not be read", "check its permissions"
    reason = error.strerror if isinstance(error, OSError) else None
    return f"cannot be read ({reason or error})", "check the path"


def _alternative(file: FilePath) -> str:
    try:
        near = closest(file.name, [other.name for other in file.parent.glob("*.y*ml")])
    except (OSError, ValueError):
        near = None
    if near is None:
        return "check the path"
    return f"did you mean {printable(str(file.with_name(near)))}?"


def _within(directory: FilePath) -> str:
    specs = sorted(directory.glob("*.y*ml"))
    return f"name a file, such as {printable(str(specs[0]))}" if specs else "name a file"


def _not_utf8(file: FilePath, content: bytes, error: UnicodeDecodeError) -> Problem:
    before = content[: error.start].decode()
    line = before.count("\n")
    mark = SourceText(0, printable(str(file))).mark(line, len(before) - before.rfind("\n") - 1)
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        what = "UTF-16 text"
    else:
        what = f"the byte 0x{content[error.start]:02x}, which is not UTF-8"
    return mark.flaw((), what, "save the file as UTF-8").problem
