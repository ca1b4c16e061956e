"""Does what a message says: the words of its remedy become the next command line.

A remedy that can be typed has one of the forms of `FORMS`. Whatever else a message advises (to mend
a file, to fill a cell) is no business of a command line, and `follow` gives None for it.
"""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

_LINE = re.compile(
    r"(?P<where>.+?)(?::(?P<line>\d+))?(?::(?P<column>\d+))?: "
    r"(?:(?P<path>[\w.\[\]\"<>=->]+): )?(?P<what>.*?)[;,] (?P<remedy>.*)"
)
_KEY = r"(?:dataset|parties|training|top|pipeline|runtime|links|seed|name)[\w.\[\]\"<>=-]*"

_MOST = 6
"""Problems that one may come upon, one after another."""


@dataclass(frozen=True)
class Typed:
    """A command line and the spec that it names."""

    words: tuple[str, ...]
    spec: str

    def with_words(self, *more: str) -> Typed:
        """With these words at the end."""
        return replace(self, words=(*self.words, *more))


@dataclass(frozen=True)
class Told:
    """A line of a message, in parts; `path` is empty where it names no key."""

    where: str
    line: int
    column: int
    path: str
    what: str
    remedy: str

    @classmethod
    def of(cls, line: str) -> Told | None:
        """None for a line of another form."""
        found = _LINE.fullmatch(line)
        if found is None:
            return None
        row, column = int(found["line"] or 0), int(found["column"] or 0)
        path, what = found["path"] or "", found["what"]
        return cls(found["where"], row, column, path, what, found["remedy"])

    @property
    def override(self) -> str:
        """The override that it is about; empty where it is about a file."""
        found = re.fullmatch(r"override '(.*)'", self.where)
        return found[1] if found else ""


def follow(line: str, typed: Typed) -> Typed | None:
    """The command line and the spec after the remedy of `line`; None where nothing can be typed."""
    told = Told.of(line)
    if told is None:
        return None
    for form, do in FORMS.items():
        if found := re.search(form, told.remedy):
            return do(told, found, typed)
    return None


def _instead(told: Told, new: str, typed: Typed) -> Typed:
    """With `new` for the word that is wrong, where it is written."""
    (old,) = re.findall(r"'([^']*)'", told.what)[:1]
    if told.override:
        words = tuple(
            word.replace(old, new, 1) if word == told.override else word for word in typed.words
        )
        return replace(typed, words=words)
    lines = typed.spec.splitlines(keepends=True)
    before, after = lines[told.line - 1][: told.column - 1], lines[told.line - 1][told.column - 1 :]
    lines[told.line - 1] = before + after.replace(old, new, 1)
    return replace(typed, spec="".join(lines))


def _did_you_mean(told: Told, found: re.Match[str], typed: Typed) -> Typed | None:
    if re.search(r"no column|no value|is no party", told.what):
        key = "dataset.positive" if "dataset.positive" in told.what else told.path
        return typed.with_words(f'{key}="{found[1]}"')
    return _instead(told, found[1], typed)


def _typed_words(told: Told, found: re.Match[str], typed: Typed) -> Typed:
    (word,) = shlex.split(found[1])
    words = tuple(old for old in typed.words if old != told.override)
    return replace(typed, words=(*words, word))


def _set(told: Told, found: re.Match[str], typed: Typed) -> Typed:
    del told
    value = found[2] if found[2][:1] in "[{" else shlex.split(found[2])[0]
    return typed.with_words(f"{found[1]}={value}")


def _set_words(told: Told, found: re.Match[str], typed: Typed) -> Typed:
    del told
    words = shlex.split(found[1].split(", or ")[0])
    return typed.with_words(*itertools.takewhile(lambda word: re.match(f"~?{_KEY}", word), words))


def _another_file(told: Told, found: re.Match[str], typed: Typed) -> Typed:
    del told
    if not found[1].endswith(".yaml"):
        return typed.with_words(f"dataset.path={found[1]}")
    return replace(typed, words=(typed.words[0], found[1], *typed.words[2:]))


def _categorical(told: Told, found: re.Match[str], typed: Typed) -> Typed:
    del told
    return typed.with_words(f"dataset.categorical=[{found[1]}]")


def _value(told: Told, found: re.Match[str], typed: Typed) -> Typed | None:
    if found[1].startswith("'") and not told.override:
        text = yaml.safe_load(found[1])
        assert typed.spec.count(text) == 1
        return replace(typed, spec=typed.spec.replace(text, found[1]))
    return typed.with_words(f"{told.path}={found[1]}") if told.path else None


def _beyond(told: Told, found: re.Match[str], typed: Typed) -> Typed | None:
    bound = float(found[2].replace(",", ""))
    step = {"greater than": 1, "less than": -0.5}.get(found[1], 0)
    return typed.with_words(f"{told.path}={bound + step:.17g}")


def _belongs(told: Told, found: re.Match[str], typed: Typed) -> Typed:
    if told.override:
        word = f"{found[1]}={told.override.partition('=')[2]}"
        words = (word if it == told.override else it for it in typed.words)
        return replace(typed, words=tuple(words))
    value: Any = yaml.safe_load(typed.spec)
    for part in told.path.split("."):
        value = value[part]
    return typed.with_words(f"~{told.path}", f"{found[1]}={value}")


def _removed(told: Told, found: re.Match[str], typed: Typed) -> Typed | None:
    del found
    if told.override and told.override.startswith(f"{told.path}="):
        return replace(typed, words=tuple(it for it in typed.words if it != told.override))
    return typed.with_words(f"~{told.path}") if told.path else None


def _command(told: Told, found: re.Match[str], typed: Typed) -> Typed:
    del told
    return replace(typed, words=tuple(shlex.split(found[1])))


FORMS: dict[str, Callable[[Told, re.Match[str], Typed], Typed | None]] = {
    r"^did you mean '([^']*)'\?": _did_you_mean,
    r"^did you mean (\S+)\?": _another_file,
    rf"write (?:all of it: )?((?:'~?{_KEY}=.*?'(?=$|[;,] | for )|\"{_KEY}=.*?\"|{_KEY}=\S+))": (
        _typed_words
    ),
    r"^remove it(?!, or (?:write|use) ')": _removed,
    r"(?:^|[,;] )drop it: (.*)": _typed_words,
    rf"\b(?:set|use|perhaps) ((?:~{_KEY} )?(?:'|\")?{_KEY}=.*)": _set_words,
    rf"\bset ({_KEY}) to (?!what|another|as many)(\"[^\"]*\"|'[^']*'|\[[^\]]*\]|[\w.*+-]+)": _set,
    rf"\buse ({_KEY}): ([\w.]+)": _set,
    r"list a party's (\w+) under dataset\.categorical": _categorical,
    r"^use a number that is (at least|at most|greater than|less than) ([\d.,e-]+)": _beyond,
    r"^it belongs in (\S+)": _belongs,
    r"^use (dataset\.\w+)$": _belongs,
    r"^(?:remove it, or )?(?:write|use) (?:at most )?(\[[^\]]*\]|'[^']*'|[\w.]*\d)"
    r"(?=$|[;,] | for | in )": _value,
    r"^write (?:one|a number), such as (\S+)": _value,
    r"^(?:use|add it:) (?!a\b|the\b|letters|one\b|splitrun)(\w+)(?=$|,| or )": _value,
    r"`splitrun ([^`]*)`": _command,
}
"""How remedies that can be typed begin, and what is typed then; the first that fits."""


def run_in(directory: Path, typed: Typed) -> tuple[str, ...]:
    """The command line, its spec written to `trial.yaml` first."""
    (directory / "trial.yaml").write_text(typed.spec, encoding="utf-8")
    return typed.words


def follow_to_the_end(typed: Typed, problems: Callable[[Typed], list[str]]) -> None:
    """Do what each message says until nothing is wrong, or what is wrong is to be mended in a file.

    Args:
        problems: the lines of what is wrong with what was typed; none where all is well.

    Raises:
        AssertionError: a problem comes again, or there is no end of them.
    """
    seen: set[str] = set()
    for _ in range(_MOST):
        lines = problems(typed)
        if not lines:
            return
        what = {re.sub(r"^.*?:\d+:\d+: ", "", line).rpartition("; ")[0] for line in lines}
        assert not what & seen, f"{lines[0]}\nagain after {typed.words}"
        seen |= what
        after = typed
        for line in lines:
            after = follow(line, after) or after
        if after == typed:
            return
        typed = after
    raise AssertionError(f"no end of problems: {typed.words}")
