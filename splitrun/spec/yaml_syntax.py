"""PyYAML's syntax errors, in words that say what to do."""

from __future__ import annotations

import yaml

from splitrun.spec.tree import Flaw, Source

_MISPLACED = ("this does not fit the lines above", "mend its indent")
_NO_VALUE = ("a value is missing or misplaced", "write it, or put it in quotes")

_MEANINGS = {
    "mapping values are not allowed": ("a ':' where no key can be", "quote text that holds ': '"),
    "could not find expected ':'": ("a line without ':'", "write key: value, or mend its indent"),
    "did not find expected key": _MISPLACED,
    "expected <block end>": _MISPLACED,
    "expected the node content": _NO_VALUE,
    "did not find expected node content": _NO_VALUE,
    "undefined tag handle": ("an unknown tag", "remove it; a spec has plain values"),
    "document start": ("text after the end of the document", "mend its indent, or remove it"),
}

_MEANINGS_WHERE_IT_OPENED = {
    "expected ',' or ']'": ("this '[' is not closed, or a ',' is missing", "complete the list"),
    "expected ',' or '}'": ("this '{' is not closed, or a ',' is missing", "complete the mapping"),
    "unknown escape": ("this has an unknown escape in double quotes", "use single quotes"),
    "unexpected end of stream": ("this quote is not closed", "close it"),
}


def syntax_flaw(error: yaml.MarkedYAMLError, text: str, source: Source) -> Flaw:
    """What a person should read instead of `error`."""
    problem = f"{error.context or ''} {error.problem or ''}".strip()
    for phrase, (what, remedy) in _MEANINGS_WHERE_IT_OPENED.items():
        if phrase in problem and error.context_mark is not None:
            mark = error.context_mark
            return source.mark(mark.line, mark.column).flaw((), what, remedy)
    end = error.problem_mark or error.context_mark
    line, column = (end.line, end.column) if end else (0, 0)
    lines = text.splitlines()
    if line >= len(lines):
        line, column = len(lines) - 1, len(lines[-1])
    what, remedy = f"not YAML: {problem}", "mend it"
    if "cannot start any token" in problem:
        what, remedy = _bad_start(lines[line][column : column + 1])
    for phrase, meaning in _MEANINGS.items():
        if phrase in problem:
            what, remedy = meaning
            break
    return source.mark(line, column).flaw((), what, remedy)


def _bad_start(character: str) -> tuple[str, str]:
    if character == "\t":
        return "a tab", "indent with spaces"
    return f"text that begins with {character!r}", "put it in quotes"
