"""Text to a `Tree`: YAML by PyYAML's parser, everything after it by our own rules; and back.

PyYAML turns text into events; this module composes them. So scalars mean what `scalars` says, every
key keeps its place, duplicate keys are found, anchors cannot grow without bound, and no nesting is
too deep for the stack. What is wrong is collected, and composing goes on wherever it can.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from splitrun.errors import Path
from splitrun.scalars import BOOL, FLOAT, INT, NULL, Scalar, meaning
from splitrun.spec.tree import Flaw, Mark, SourceText, Tree
from splitrun.spec.wording import quoted
from splitrun.spec.yaml_errors import syntax_flaw


class Dumper(yaml.SafeDumper):
    """Writes YAML that `meaning` reads back: it quotes text that could be another value."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        """Write everything out: a reader need not look an anchor up."""
        return True


Dumper.yaml_implicit_resolvers = {}  # not YAML 1.1's
for _tag, _pattern, _initials in (
    ("null", NULL, ["~", "n", "N", ""]),
    ("bool", BOOL, list("tTfF")),
    ("int", INT, list("-+0123456789")),
    ("float", FLOAT, list("-+.0123456789")),
    ("merge", re.compile(r"<<\Z"), ["<"]),
):
    Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _pattern, _initials)


def dump(data: Any, *, flow: bool = False) -> str:
    """YAML for plain data, in the order given; `flow` writes all of it on one line, in braces."""
    return yaml.dump(
        data,
        Dumper=Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=flow or None,
        width=2**31 if flow else 100,
    )


MAX_BYTES = 2**20
MAX_VALUES = 100_000
MAX_DEPTH = 40

_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True)
class _Node:
    """A composed value; aliases make several parents share one."""

    mark: Mark
    content: Scalar | list[_Node] | dict[str, tuple[Mark, _Node]]
    size: int = 1


class _Stop(Exception):
    """Composing cannot go on."""

    def __init__(self, flaw: Flaw) -> None:
        self.flaw = flaw


def read(text: str, source: SourceText) -> tuple[Tree | None, list[Flaw]]:
    """The tree that `text` holds, if it is YAML at all, and what is wrong with it."""
    flaw = unreadable(text, source)
    if flaw is not None:
        return None, [flaw]
    text = text.removeprefix("\ufeff")
    composer = _Composer(yaml.parse(text, Loader=_Parser), source, text)
    try:
        return _flat(composer.document()), composer.flaws
    except _Stop as stop:
        return None, [*composer.flaws, stop.flaw]
    except yaml.MarkedYAMLError as error:
        return None, [*composer.flaws, syntax_flaw(error, text, source)]


def stands_alone(text: str) -> bool:
    """Whether `text`, which is YAML, is one list or mapping in brackets, or one text in quotes, and
    nothing follows it: no key's colon, and no comment."""
    events: list[Any] = list(yaml.parse(text, Loader=_Parser))[2:-2]
    root, end = events[0], events[-1].end_mark
    if isinstance(root, yaml.ScalarEvent):
        is_enclosed = root.style in ("'", '"')
    else:
        is_enclosed = bool(root.flow_style)
    return is_enclosed and end.index == len(text.rstrip(" "))


def too_large(source: SourceText) -> Flaw:
    """The problem with a text of more than `MAX_BYTES`."""
    what = f"more than {MAX_BYTES // 2**20} MiB"
    return source.mark(0, 0).flaw((), what, "a spec is smaller; is this the right file?")


def unreadable(text: str, source: SourceText) -> Flaw | None:
    """What keeps `text` from being read at all: its size, or a character."""
    if len(text.encode(errors="replace")) > MAX_BYTES:
        return too_large(source)
    found = _UNPRINTABLE.search(text.removeprefix("\ufeff"))
    if found is None:
        return None
    before = text.removeprefix("\ufeff")[: found.start()]
    mark = source.mark(before.count("\n"), len(before) - before.rfind("\n") - 1)
    return mark.flaw(
        (),
        f"the character {found.group()!a}, which YAML does not allow",
        "remove it; is this a text file?",
    )


@dataclass
class _Composer:
    """Makes nodes of one document's events."""

    events: Iterator[Any]
    source: SourceText
    text: str
    flaws: list[Flaw] = field(default_factory=list)
    anchors: dict[str, _Node | None] = field(default_factory=dict)
    """Each anchor's node; None while it is being composed."""
    unused: dict[str, tuple[Any, Path]] = field(default_factory=dict)
    """Scalars with an anchor that no alias has named yet, and their paths."""
    values: int = 0

    def document(self) -> _Node:
        """The first document; a second one is an error, no document is null."""
        next(self.events)  # the stream starts
        if isinstance(next(self.events), yaml.StreamEndEvent):
            return _Node(self.source.mark(0, 0), None)
        root = self.node(next(self.events), ())
        next(self.events)  # the document ends
        after = next(self.events)
        if not isinstance(after, yaml.StreamEndEvent):
            self.flaws.append(
                self.mark(after).flaw(
                    (), "a second document begins here", "keep one spec per file; remove the '---'"
                )
            )
        for anchor, (value, path) in self.unused.items():
            self.refuse_word(value, path, f"the anchor &{anchor[:40]} that nothing refers to")
        return root

    def mark(self, event: Any, text: str | None = None) -> Mark:
        return self.source.mark(event.start_mark.line, event.start_mark.column, text)

    def node(self, event: Any, path: Path) -> _Node:
        """The node that begins with `event`, all of it."""
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event, path)
        self.count(event, 1)
        if len(path) > MAX_DEPTH:
            flaw = self.mark(event).flaw(path[:3], f"nested deeper than {MAX_DEPTH}", "flatten it")
            raise _Stop(flaw)
        if event.anchor is not None:
            self.anchors[event.anchor] = None
            if isinstance(event, yaml.ScalarEvent):
                self.unused[event.anchor] = event, path
        if isinstance(event, yaml.ScalarEvent):
            node = self.scalar(event, path)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self.sequence(event, path)
        else:
            node = self.mapping(event, path)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def count(self, event: Any, values: int) -> None:
        """Bounds what aliases of aliases expand to, before it is expanded."""
        self.values += values
        if self.values > MAX_VALUES:
            raise _Stop(
                self.mark(event).flaw(
                    (),
                    f"more than {MAX_VALUES:,} values by here, aliases written out",
                    "write a smaller spec",
                )
            )

    def alias(self, event: Any, path: Path) -> _Node:
        mark = self.mark(event)
        name = event.anchor
        self.unused.pop(name, None)
        node = self.anchors.get(name)
        if node is not None:
            self.count(event, node.size)
            return node
        if name in self.anchors:
            what, remedy = f"*{name[:40]} stands inside its own anchor", "write the value out"
        else:
            what = f"*{name[:40]} has no anchor before it"
            text = quoted(f"*{name[:40]}", self.source.rank)
            remedy = f"define &{name[:40]} first, or write {text} for text"
        self.flaws.append(mark.flaw(path, what, remedy))
        return _Node(mark, None)

    def scalar(self, event: Any, path: Path) -> _Node:
        if event.style in ("|", ">") and not event.value:
            self.refuse_word(event, path, f"{event.style} begins a block of text, which is empty")
        if event.tag == _TAG + "str" or event.implicit[1]:
            return _Node(self.mark(event), event.value)
        self.refuse_tag(event, path)
        value = meaning(event.value)
        return _Node(self.mark(event, None if isinstance(value, str) else event.value), value)

    def sequence(self, event: Any, path: Path) -> _Node:
        self.refuse_tag(event, path, "seq")
        items: list[_Node] = []
        while not isinstance(item := next(self.events), yaml.SequenceEndEvent):
            items.append(self.node(item, (*path, len(items))))
        return _Node(self.mark(event), items, 1 + sum(item.size for item in items))

    def mapping(self, event: Any, path: Path) -> _Node:
        self.refuse_tag(event, path, "map")
        entries: dict[str, tuple[Mark, _Node]] = {}
        merged: dict[str, tuple[Mark, _Node]] = {}
        while not isinstance(key := next(self.events), yaml.MappingEndEvent):
            name = self.key(key, path)
            if name is None:
                self.node(next(self.events), (*path, "?"))
            elif name == "<<" and key.implicit[0]:
                for more in self.merge(self.node(next(self.events), (*path, "<<")), key, path):
                    merged = more | merged
            else:
                self.add(entries, name, key, path)
        content = merged | entries
        return _Node(self.mark(event), content, 1 + sum(node.size for _, node in content.values()))

    def add(self, entries: dict[str, tuple[Mark, _Node]], name: str, key: Any, path: Path) -> None:
        """Compose the value of `key` and add it, unless the key is there already."""
        mark = self.mark(key)
        node = self.node(next(self.events), (*path, name))
        if name in entries:
            line = entries[name][0].line
            what = f"this key is on line {line} already"
            self.flaws.append(mark.flaw((*path, name), what, "keep one of the two"))
        else:
            entries[name] = mark, node

    def key(self, event: Any, path: Path) -> str | None:
        """A key's text; None, and a flaw, where it is not text."""
        if isinstance(event, yaml.ScalarEvent):
            self.count(event, 1)
            key = self.scalar(event, path).content
            if isinstance(key, str):
                return key
            if event.value:
                what, remedy = f"the key {event.value[:40]} is not text", "write it in quotes"
            else:
                what, remedy = "a key is missing", "write one before the ':'"
        else:
            self.node(event, (*path, "?"))
            what, remedy = "a key that is not plain text", "write a word before the ':'"
        self.flaws.append(self.mark(event).flaw(path, what, remedy))
        return None

    def merge(self, node: _Node, key: Any, path: Path) -> Iterator[dict[str, tuple[Mark, _Node]]]:
        """What `<<` brings into a mapping, the most important first."""
        for part in node.content if isinstance(node.content, list) else [node]:
            if isinstance(part.content, dict):
                yield part.content
            else:
                what = "'<<' merges mappings, and this is none"
                self.flaws.append(self.mark(key).flaw(path, what, "write <<: *anchor"))

    def refuse_tag(self, event: Any, path: Path, known: str | None = None) -> None:
        if event.tag is not None and event.tag != _TAG + str(known):
            self.refuse_word(event, path, "the tag " + event.tag.replace(_TAG, "!!")[:40])

    def refuse_word(self, event: Any, path: Path, what: str) -> None:
        """Refuse what YAML takes for a sign of its own, and may be meant as text."""
        remedy = "remove it; a spec has plain values"
        if isinstance(event, yaml.ScalarEvent):
            marks: tuple[Any, Any] = event.start_mark, event.end_mark
            text = self.text[marks[0].index : marks[1].index].split("\n")[0].strip()
            remedy = f"remove it, or write {quoted(text, self.source.rank)} for text"
        self.flaws.append(self.mark(event).flaw(path, what, remedy))


def _flat(root: _Node) -> Tree:
    """Shared nodes written out, and their marks gathered."""
    marks: dict[Path, Mark] = {}

    def visit(node: _Node, path: Path, mark: Mark) -> Any:
        marks[path] = Mark(mark.rank, mark.line, mark.column, mark.source, node.mark.text)
        if isinstance(node.content, dict):
            return {
                key: visit(value, (*path, key), where)
                for key, (where, value) in node.content.items()
            }
        if isinstance(node.content, list):
            return [
                visit(item, (*path, index), item.mark) for index, item in enumerate(node.content)
            ]
        return node.content

    return Tree(visit(root, (), root.mark), marks)
