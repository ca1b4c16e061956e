"""What a person should read where PyYAML finds a text to be no YAML: what is wrong, and what to do.

Much of YAML's syntax is one character at the beginning of a value, so that text which begins with
it is an error, or another thing. Whoever meant text is shown it in quotes.
"""

from __future__ import annotations

import re

import yaml

from splitrun.spec.tree import Flaw, SourceText
from splitrun.spec.wording import quoted

_MISPLACED = ("this does not fit the lines above", "mend its indent")

_COLON = ("a ':' where no key can be", "quote text that holds ': '")

_MEANINGS = {
    "mapping values are not allowed": _COLON,
    "found unexpected ':'": _COLON,
    "could not find expected ':'": ("a line without ':'", "write key: value, or mend its indent"),
    "did not find expected key": _MISPLACED,
    "expected <block end>": _MISPLACED,
    "undefined tag handle": ("an unknown tag", "remove it; a spec has plain values"),
    "document start": ("text after the end of the document", "mend its indent, or remove it"),
}

_MEANINGS_WHERE_IT_OPENED = {
    "expected ',' or ']'": ("this '[' is not closed, or a ',' is missing", "complete the list"),
    "expected ',' or '}'": ("this '{' is not closed, or a ',' is missing", "complete the mapping"),
    "unknown escape": ("this has an unknown escape in double quotes", "use single quotes"),
    "unexpected end of stream": ("this quote is not closed", "close it"),
}

_SIGNS = {
    "cannot start any token": "text that begins with",
    "expected the node content": "a value is missing before",
    "did not find expected node content": "a value is missing before",
    "while scanning an alias": "text that begins with",
    "while scanning an anchor": "text that begins with",
    "while scanning a directive": "text that begins with",
    "while scanning a tag": "text that begins with",
    "while parsing a tag": "text that begins with",
    "while scanning a block scalar": "text that begins with",
    "sequence entries are not allowed": "text that begins with",
    "mapping keys are not allowed": "text that begins with",
}
"""Where YAML takes a character for a sign of its own, and text may be meant."""

_VALUE = re.compile(r"\s*(?:- +|[^\s'\"\[{#][^'\"\[{#]*?: +)(?P<value>\S.*)")
_END_OF_VALUE = re.compile(r"\s+#.*|\s+$")
_REST_OF_ITEM = re.compile(r"(?:[^,\]}\s]|\s+(?!#))*")


def syntax_flaw(error: yaml.MarkedYAMLError, text: str, source: SourceText) -> Flaw:
    """What a person should read instead of `error`, which PyYAML raised for `text`."""
    problem = f"{error.context or ''} {error.problem or ''}".strip()
    lines = text.splitlines()
    for phrase, (what, remedy) in _MEANINGS_WHERE_IT_OPENED.items():
        if phrase in problem and error.context_mark is not None:
            mark = error.context_mark
            if mark.line < len(lines) and not source.rank:
                remedy += _instead(lines[mark.line], mark.column, source)
            return source.mark(mark.line, mark.column).flaw((), what, remedy)
    end = error.problem_mark or error.context_mark
    if "while scanning a" in problem and error.context_mark is not None:
        end = error.context_mark
    line, column = (end.line, end.column) if end else (0, 0)
    if line >= len(lines):
        line, column = len(lines) - 1, len(lines[-1])
    column, what, remedy = _at(lines[line], column, problem, source)
    return source.mark(line, column).flaw((), what, remedy)


def _at(line: str, column: int, problem: str, source: SourceText) -> tuple[int, str, str]:
    """The column of what is wrong with a line, what is wrong, and what to do."""
    found = _VALUE.match(line)
    if "mapping values are not allowed" in problem and found:
        remedy = f"write {_quoted_value(found['value'], source)} for text"
        return column, _COLON[0], remedy
    if any(phrase in problem for phrase in _SIGNS):
        return column, *_bad_start(line, column, problem, source)
    meanings = (meaning for phrase, meaning in _MEANINGS.items() if phrase in problem)
    what, remedy = next(meanings, (f"not YAML: {problem}", "mend it"))
    follows = found and column > found.start("value") and found["value"][0] in "'\"[{*"
    if what == _MISPLACED[0] and found and follows:
        what = f"text after what begins with {found['value'][0]}"
        remedy = f"put all of it in quotes: {_quoted_value(found['value'], source)}"
        column = found.start("value")
    return column, what, remedy


def _bad_start(line: str, column: int, problem: str, source: SourceText) -> tuple[str, str]:
    if line[column : column + 1] == "\t":
        return "a tab", "indent with spaces"
    how = next(how for phrase, how in _SIGNS.items() if phrase in problem)
    if not line[column:].strip():
        return "a value is missing or misplaced", "write it, or put it in quotes"
    return f"{how} {line[column]!r}", f"put it in quotes: {_quoted_from(line, column, source)}"


def _instead(line: str, column: int, source: SourceText) -> str:
    """What to do where what was opened at a place of a line is not closed, and may be text."""
    found = _VALUE.match(line)
    if found and found.start("value") == column and not re.search(r", |: |\\", found["value"]):
        return f", or write {_quoted_value(found['value'], source)} for text"
    return "; text that holds one of , : # [ ] { } is put in quotes" if line[column] in "[{" else ""


def _quoted_from(line: str, column: int, source: SourceText) -> str:
    """The value that stands at a place of a line, as text."""
    found = _VALUE.match(line)
    if found and found.start("value") == column:
        return _quoted_value(found["value"], source)
    rest = _REST_OF_ITEM.match(line, column + 1)
    return quoted((line[column] + rest[0]).rstrip() if rest else line[column], source.rank)


def _quoted_value(value: str, source: SourceText) -> str:
    return quoted(_END_OF_VALUE.sub("", value), source.rank)
