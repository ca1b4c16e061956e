"""Valid files, damaged with a knowledge of their structure."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any

Mutation = Callable[[bytes, random.Random], bytes]

_NUMBERS = [b"0", b"-1", b"1e999", b"-1e999", b"1e-999", b"NaN", b"Infinity", b"0x10", b"1_000",
            b"9" * 19, b"9" * 400, b"9" * 5000, b"18446744073709551616", b"-0.0", b".inf", b"12:30",
            b"1e308", b"-1e308"]  # fmt: skip
_BYTES = [b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc3", b"\xf4\x90\x80\x80",
          b"\x1b[2J", b"\r", b"\n", b"\t", b" ", b"\xe2\x80\xae", b"\xe2\x80\xa8"]  # fmt: skip
_JSON = [b"[", b"]", b"{", b"}", b",", b":", b'"', b"\\", b"\\ud800", b"null", b"true", b'""',
         b"[[", b"{}", b'{"a":1,"a":2}', b"//"]  # fmt: skip
_YAML = [b"&a ", b"*a", b"<<: *a", b"!!python/object/apply:os.system ", b"!!binary ", b"!x ", b"|",
         b">-", b"? ", b"- ", b": ", b"{", b"}", b"[", b"]", b"'", b'"', b"#", b"---\n", b"...\n",
         b"%YAML 9.9\n", b"~", b"auto", b"true", b"class: os:system",
         b"path: /dev/zero"]  # fmt: skip
_VALUE = re.compile(rb"[:,]([^,}\]\n]*)")
_BOMB = b"".join(
    b"x%d: &x%d [%s]\n" % (level, level, b", ".join([b"*x%d" % (level - 1)] * 9))
    for level in range(1, 40)
)
_GIANT = 2 << 20
"""Bytes of a giant scalar; more than a spec may have."""


def mutant(name: str, content: bytes, source: random.Random) -> bytes:
    """The content of a file of this name, changed in one to four places."""
    for _ in range(source.choice([1, 1, 1, 2, 2, 3, 4])):
        content = source.choice(_BY_SUFFIX[name.rpartition(".")[2]])(content, source)
    return content


def _flip(content: bytes, source: random.Random) -> bytes:
    at = source.randrange(len(content) + 1)
    return content[:at] + bytes([source.randrange(256)]) + content[at + 1 :]


def _truncate(content: bytes, source: random.Random) -> bytes:
    return content[: source.randrange(len(content) + 1)]


def _delete(content: bytes, source: random.Random) -> bytes:
    at = source.randrange(len(content) + 1)
    return content[:at] + content[at + source.randrange(40) :]


def _repeat(content: bytes, source: random.Random) -> bytes:
    at = source.randrange(len(content) + 1)
    span = content[at : at + source.randrange(200)]
    return content[:at] + span * source.choice([2, 2, 3, 20]) + content[at + len(span) :]


def _swap_lines(content: bytes, source: random.Random) -> bytes:
    lines = content.splitlines(keepends=True) or [b""]
    one, other = source.randrange(len(lines)), source.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"".join(lines)


def _indent(content: bytes, source: random.Random) -> bytes:
    lines = content.splitlines(keepends=True) or [b""]
    at = source.randrange(len(lines))
    lines[at] = source.choice([b" ", b"  ", b"\t", b"- "]) + lines[at]
    return b"".join(lines)


def _insert(*words: bytes) -> Mutation:
    def insert(content: bytes, source: random.Random) -> bytes:
        at = source.randrange(len(content) + 1)
        return content[:at] + source.choice(words) + content[at:]

    return insert


def _replace_value(content: bytes, source: random.Random) -> bytes:
    """What stands after a colon or a comma, up to the next of them."""
    found = _VALUE.search(content, source.randrange(len(content) + 1))
    start, end = found.span(1) if found else (0, 0)
    return content[:start] + source.choice([*_NUMBERS, *_BYTES, b""]) + content[end:]


def _rarely_huge(content: bytes, source: random.Random) -> bytes:
    """Deep nesting, bombs of aliases and giant scalars cost time, so they are rare."""
    if source.random() < 0.9:
        return _flip(content, source)
    at = source.randrange(len(content) + 1)
    depth = source.choice([30, 200, 2000, 20_000])
    huge = source.choice(
        [
            source.choice([b"[", b'{"a":', b"{a: ", b"- ", b"? "]) * depth,
            b"[" * depth + b"]" * depth,
            b"\nx0: &x0 [1]\n" + _BOMB,
            source.choice([b"x", b"9", b"\n", b"\xc3\xa4"]) * source.choice([10**5, _GIANT]),
        ]
    )
    return content[:at] + huge + content[at:]


def _json_tree(content: bytes, source: random.Random) -> bytes:
    """Another value for a key, a key less, a key more, or a value elsewhere."""
    try:
        root = json.loads(content)
    except (ValueError, RecursionError):
        return _flip(content, source)
    places = list(_places(root))
    if not places:
        return _flip(content, source)
    container, key = source.choice(places)
    other, another = source.choice(places)
    match source.randrange(5):
        case 0:
            del container[key]
        case 1:
            container[key] = other[another] if other is not container else [container[key]]
        case 2 if isinstance(container, dict):
            container[source.choice(["", "type", "a" * 300, "\ud800", "</script>"])] = 1
        case _:
            container[key] = source.choice(_VALUES)
    try:
        return json.dumps(root).encode()
    except (ValueError, RecursionError):  # it came to hold itself
        return content


_VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 0.5, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63), 10**60, 1e308,
    -1e308, 5e-324, float("nan"), float("inf"), "", "x", "\x00", "\ud800", "\u202e", "</script>",
    "../../etc/passwd", "/dev/zero", "done", "stale:4", "9" * 50, "x" * 10_000, [], {}, [[]],
    [0, 1], [None], {"": None}, {"type": "RunEnded"}, ["x"] * 1000, [1e308, -1e308],
]  # fmt: skip


def _places(root: Any) -> list[tuple[Any, Any]]:
    """Every container with each of its keys."""
    found: list[tuple[Any, Any]] = []
    pending = [root]
    while pending:
        part = pending.pop()
        keys = list(part) if isinstance(part, dict) else range(len(part) if _is_list(part) else 0)
        found += [(part, key) for key in keys]
        pending += [part[key] for key in keys]
    return found


def _is_list(part: Any) -> bool:
    return isinstance(part, list)


def _json_line(content: bytes, source: random.Random) -> bytes:
    lines = content.splitlines(keepends=True) or [b"{}\n"]
    at = source.randrange(len(lines))
    lines[at] = _json_tree(lines[at], source) + b"\n"
    return b"".join(lines)


def _header(content: bytes, source: random.Random) -> bytes:
    """Of safetensors: eight bytes of length, JSON, and the tensors' bytes."""
    length = int.from_bytes(content[:8], "little")
    header, rest = content[8 : 8 + length], content[8 + length :]
    header = source.choice([_json_tree, _json_tree, _replace_value, _rarely_huge])(header, source)
    told = source.choice([len(header)] * 8 + [0, 2**64 - 1, 2**63, len(content)])
    return told.to_bytes(8, "little") + header + rest


_ANY = [_flip, _truncate, _delete, _repeat, _rarely_huge, _replace_value,
        _insert(*_BYTES), _insert(*_NUMBERS)]  # fmt: skip
_LINES = [*_ANY, _swap_lines]
_BY_SUFFIX: dict[str, list[Mutation]] = {
    "yaml": [*_LINES, _indent, _insert(*_YAML), _insert(*_YAML)],
    "json": [*_ANY, _insert(*_JSON), *[_json_tree] * 6],
    "jsonl": [*_LINES, _insert(*_JSON), *[_json_line] * 8],
    "safetensors": [_flip, _truncate, _delete, _repeat, *[_header] * 4],
    "txt": _ANY,
}
