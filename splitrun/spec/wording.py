"""Words for messages: how a value is shown, what was probably meant."""

from __future__ import annotations

import difflib
import itertools
import json
import re
import shlex
from collections.abc import Iterable, Sequence
from typing import Any

from splitrun.errors import Path, dotted

_SHOWN_CHARACTERS = 60
_COMPARED = 1_000


def shown(value: Any) -> str:
    """A value as a message shows it: on one line, and short."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if isinstance(value, str) and len(value) > _SHOWN_CHARACTERS:
        value = value[:_SHOWN_CHARACTERS] + "…"
    return printable(repr(value))


def printable(text: str) -> str:
    """The text itself where a terminal can show it on one line, else as Python escapes it."""
    return text if text.isprintable() else ascii(text)


def alternatives(words: Sequence[str]) -> str:
    """`a, b or c`."""
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def closest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that `word` probably misspells, if any does."""
    if len(word) > _SHOWN_CHARACTERS:
        return None
    few = itertools.islice(candidates, _COMPARED)
    by_folded = {candidate.casefold(): candidate for candidate in few}
    near = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[near[0]] if near else None


def did_you_mean(word: str, candidates: Sequence[str], otherwise: str) -> str:
    """`did you mean 'x'?`, or `otherwise` followed by all candidates."""
    near = closest(word, candidates)
    if near is not None:
        return f"did you mean {near!r}?"
    return f"{otherwise} {alternatives(candidates)}" if candidates else otherwise


def assignment(path: Path, value: str) -> str:
    """The override that gives the key at `path` this value, which is YAML."""
    return f"{dotted(path)}={value}"


def typed(word: str) -> str:
    """A word of a command line as one types it into a shell: quoted where it must be."""
    if re.fullmatch(r"[\w.,:/=+@%-]+", word):
        return word
    if "'" in word and not re.search(r'["$`!\\]', word):
        return f'"{word}"'
    return shlex.quote(word)


def quoted(text: str, rank: int = 0) -> str:
    """Text in quotes, as YAML: single ones in a file, whose rank is 0, and double ones on a command
    line, where a shell has the single ones, and for what only those can write."""
    if text.isprintable() and not rank:
        return "'" + text.replace("'", "''") + "'"
    return json.dumps(text, ensure_ascii=not text.isprintable())


def option(where: str, key: str, value: Any) -> str:
    """A key of the section `where` and its value, as typed behind `splitrun train SPEC`."""
    return typed(f"{where}.{key}={json.dumps(value, ensure_ascii=False)}")
