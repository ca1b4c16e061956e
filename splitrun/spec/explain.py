"""pydantic's errors as problems in plain words, one for each mistake.

Of a key that its section does not know it is told what was probably meant: a key of the section, a
key of another one, or one that an earlier type of the section left behind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

from pydantic_core import ErrorDetails

from splitrun.components import registry
from splitrun.errors import Path, dotted
from splitrun.spec.model import NO_SHORT_FORMS, Spec
from splitrun.spec.section import (
    CLASS_PATTERN,
    CLASS_TAG,
    DELIMITER_PATTERN,
    EXPERIMENT_PATTERN,
    PARTY_PATTERN,
    WordOrSection,
)
from splitrun.spec.shape import Place, Shape, fields, homes, place_of, wants_text
from splitrun.spec.tree import Flaw, Tree
from splitrun.spec.wording import (
    alternatives,
    assignment,
    closest,
    did_you_mean,
    quoted,
    shown,
    typed,
)
from splitrun.spec.yaml_text import dump

_WHOLE_NUMBER = ("a whole number", "write one, such as 1")
_TRUTH = ("true or false", "write one of the two")
_MAPPING = ("a mapping", "write its keys on the lines below it, indented")
_WANTED = {
    "int_type": _WHOLE_NUMBER,
    "float_type": ("a number", "write one, such as 0.5"),
    "finite_number": ("a finite number", "write one, such as 0.5"),
    "bool_type": _TRUTH,
    "bool_parsing": _TRUTH,
    "string_type": ("text", "write a word, or text in quotes"),
    "tuple_type": ("a list", "write [a, b]"),
    "dict_type": _MAPPING,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "union_tag_not_found": _MAPPING,
}
_CLASS = f"{CLASS_TAG}: package.module:Class"

_BOUNDS = {
    "greater_than": ("gt", "greater than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}

_FLOAT32 = {
    "beyond_float32": ("more than a 32-bit float holds", "use a number that is at most 3.4e38"),
    "zero_in_float32": ("0 as a 32-bit float", "use a number that is at least 1.4e-45"),
}

_PATTERNS = {
    PARTY_PATTERN: ("no name for a party", "use letters, digits and _, no digit first"),
    CLASS_PATTERN: ("no class", "write package.module:Class"),
    DELIMITER_PATTERN: ("no delimiter", "use one ASCII character other than the quotation mark"),
    EXPERIMENT_PATTERN: ("no name for an experiment", "use letters, digits, '_', '-' and '.'"),
}

_LENGTHS = {
    "too_short": ("min_length", "at least"),
    "too_long": ("max_length", "at most"),
    "string_too_short": ("min_length", "at least"),
    "string_too_long": ("max_length", "at most"),
}


def explain(errors: Sequence[ErrorDetails], tree: Tree) -> Iterator[Flaw]:
    """The problems behind `errors`; what follows from another problem is left out."""
    unknown = [place_of(error["loc"]) for error in errors if error["type"] == "extra_forbidden"]
    meant: set[Path | None] = set()
    yield from _unknown_keys(unknown, tree, meant)
    for error in errors:
        if error["type"] == "extra_forbidden":
            continue
        is_key = error["loc"][-1:] == ("[key]",)
        place = place_of(error["loc"][:-1] if is_key else error["loc"])
        if error["type"] != "missing" or place.path not in meant:
            yield _flaw(error, place, tree)


def _unknown_keys(places: list[Place], tree: Tree, meant: set[Path | None]) -> Iterator[Flaw]:
    """One problem for each unknown key; adds the paths of what was meant to `meant`."""
    behind: dict[Path, list[Place]] = {}
    for place in places:
        tag_path = (*place.path[:-1], CLASS_TAG if place.parent.tag == CLASS_TAG else "type")
        if place.parent.members and tree.mark(tag_path).rank > tree.mark(place.path).rank:
            behind.setdefault(tag_path, []).append(place)
        else:
            explained = _unknown_key(place, tree)
            meant.add(explained.path)
            yield explained.flaw
    for tag_path, left in behind.items():
        yield _left_behind(left, tree, tag_path)


def unclear(spec: Spec, tree: Tree) -> Iterator[Flaw]:
    """Keys of a valid spec that have no value, where text may be meant: what is empty, and what is
    null on a command line, where `~key` leaves a key out."""
    for path, mark in tree.marks.items():
        if mark.text is None or (mark.text and not mark.rank) or tree.at(path) is not None:
            continue
        if not path or not wants_text(spec, path):
            continue
        what = f"{mark.text} is nothing, or text" if mark.text else "is empty"
        text = _form(path, quoted(mark.text, mark.rank), tree)
        leave = typed(f"~{dotted(path)}") if mark.rank else "remove the key"
        yield tree.flaw(path, what, f"write {text} for this text, or {leave} for none")


def _item(text: str) -> str:
    """Text as it stands in a list on one line."""
    return dump([text], flow=True).strip()[1:-1] if text.isprintable() else quoted(text)


def _form(path: Path, value: str, tree: Tree) -> str:
    """A value, which is YAML, as one writes it where the key at `path` was written: on a command
    line, with the key, and in the quotes that a shell needs."""
    return typed(assignment(path, value)) if tree.mark(path).rank else value


def _flaw(error: ErrorDetails, place: Place, tree: Tree) -> Flaw:
    kind, given, context = error["type"], error["input"], error.get("ctx", {})
    path = place.path
    if kind == "missing":
        return _missing(place, given, tree)
    if kind == "literal_error":
        return _wrong_word(path, given, re.findall(r"'([^']*)'", context["expected"]), tree)
    if kind.startswith("union_tag") and isinstance(given, dict):
        return _wrong_tag(place, given, tree)
    if kind in _BOUNDS:
        bound, words = _BOUNDS[kind]
        remedy = f"use a number that is {words} {context[bound]:,}"
        return tree.flaw(path, f"{shown(given)} is out of range", remedy)
    if kind in _FLOAT32:
        what, remedy = _FLOAT32[kind]
        return tree.flaw(path, f"{shown(given)} is {what}", remedy)
    if kind in _LENGTHS:
        bound, words = _LENGTHS[kind]
        what = f"has {len(given)} characters" if isinstance(given, str) else f"holds {len(given)}"
        return tree.flaw(path, what, f"it needs {words} {context[bound]}")
    if kind == "string_pattern_mismatch" and context["pattern"] in _PATTERNS:
        what, remedy = _PATTERNS[context["pattern"]]
        return tree.flaw(path, f"{shown(given)} is {what}", remedy)
    if kind in _WANTED:
        return _wrong_type(place, given, kind, tree)
    what = str(context["error"]) if "error" in context else error["msg"]
    return tree.flaw(path, what, "use another value")


def _missing(place: Place, given: Any, tree: Tree) -> Flaw:
    path = place.path
    if isinstance(path[-1], int):
        return tree.flaw(path[:-1], f"holds {len(given)}", "it needs more")
    info = fields(place.parent.section)[path[-1]] if place.parent.section else None
    shape = place.parent.child(path[-1])
    told = ""
    if info and info.description:
        told = f": {info.description}"
    elif shape.members:
        told = f": {_choices(shape)}"
    elif shape.section:
        needed = [key for key, info in fields(shape.section).items() if info.is_required()]
        told = f", with {' and '.join(needed)}"
    elif info and get_args(info.annotation):
        told = f": {alternatives(get_args(info.annotation))}"
    return tree.flaw(path, "is missing", f"add it{told}")


def _wrong_word(path: Path, given: Any, words: list[str], tree: Tree) -> Flaw:
    if isinstance(given, str):
        return tree.flaw(path, f"unknown value {shown(given)}", did_you_mean(given, words, "use"))
    return tree.flaw(path, f"is {shown(given)}", f"write {alternatives(words)}")


def _wrong_tag(place: Place, given: dict[str, Any], tree: Tree) -> Flaw:
    """A union's section whose `type` is unknown, or is not there."""
    shape = place.parent.child(place.path[-1])
    members = shape.members
    tags = [tag for tag in members if tag != CLASS_TAG]
    tags += NO_SHORT_FORMS.get(tuple(map(str, place.path)), ())
    custom = [_CLASS] if CLASS_TAG in members else []
    path = (*place.path, "type")
    if isinstance(given.get("type"), str):
        tag = given["type"]
        for one in registry().unusable(shape.kind) if shape.kind else ():
            if one.offer.name == tag:
                return tree.flaw(path, f"{one.offer} cannot be used", one.why)
        near = closest(tag, tags)
        remedy = f"did you mean {near!r}?" if near else f"use {alternatives(tags + custom)}"
        return tree.flaw(path, f"unknown type {shown(tag)}", remedy)
    if "type" in given:
        return tree.flaw(path, f"is {shown(given['type'])}", f"use {alternatives(tags + custom)}")
    known = {key for member in members.values() for key in fields(member)}
    tag_keys = ["type", CLASS_TAG] if custom else ["type"]
    for key in sorted(given.keys() - known):
        near = closest(key, tag_keys)
        if near is not None:
            what = f"unknown key {shown(key)}"
            return tree.flaw((*place.path, key), what, f"did you mean {near!r}?")
    return tree.flaw(path, "is missing", f"add it: {alternatives(tags + custom)}")


def _wrong_type(place: Place, given: Any, kind: str, tree: Tree) -> Flaw:
    path = place.path
    wanted, remedy = _WANTED[kind]
    if not path:
        what = "there is nothing in it" if given is None else f"is {shown(given)}, not a mapping"
        return tree.flaw(path, what, "a spec is a mapping: name, dataset, parties, top, …")
    shape = place.parent.child(path[-1])
    if place.parent.element and shape.section and path[-1] in fields(shape.section):
        deeper = belongs(str(path[-1]), path[:-1])
        return tree.flaw(path, f"{path[-1]!r} is no name here", deeper)
    rank, text = tree.mark(path).rank, tree.mark(path).text
    if given is None:
        what = f"is {text}, which is nothing" if text else "is empty"
        written = _form(path, quoted(text, rank), tree) if text and wanted == "text" else wanted
        return tree.flaw(path, what, f"write {written}, or remove the key")
    if wanted == "text" and text:
        remedy = f"write {_form(path, quoted(text, rank), tree)}"
    elif wanted == "text" and isinstance(given, dict) and len(given) == 1:
        ((key, value),) = given.items()
        remedy = f"write {quoted(f'{key}: {value}')}" if isinstance(value, str) else remedy
    elif wanted == "a list" and isinstance(given, dict):
        remedy = _one_name(path, tree) or remedy
    elif wanted == "a list":
        items = [part.strip() for part in str(given).split(",")]
        written = f"[{text or ', '.join(map(_item, items))}]"
        remedy = f"write {_form(path, written, tree)}"
    elif wanted == "a mapping" and shape.members:
        members = {given: shape.members[given]} if given in list(shape.members) else shape.members
        remedy = f"write {_choices(replace(shape, members=members))}"
    elif "number" in wanted and isinstance(given, str):
        remedy = _plain_number(given)
    return tree.flaw(path, f"must be {wanted}, not {shown(given)}", remedy)


def _choices(shape: Shape) -> str:
    """How the sections that may stand there begin."""
    tags = list(shape.members)
    types = [tag for tag in tags if tag != CLASS_TAG]
    classes = [f"{{{_CLASS}}}" for tag in tags if tag == CLASS_TAG]
    if all(issubclass(section, WordOrSection) for section in shape.members.values()):
        return alternatives(types + classes)
    sections = [f"{{type: {alternatives(types)}, …}}"] if types else []
    return alternatives(sections + classes)


def _plain_number(text: str) -> str:
    """How to write the number that `text` seems to be."""
    digits = text.replace("_", "").strip()
    if re.fullmatch(r"[-+]?[0-9]{1,30}", digits):
        return f"write {int(digits)}, without quotes, underscores or leading zeros"
    if re.fullmatch(r"0[xob][0-9a-fA-F]{1,30}", digits):
        return "write it in decimal"
    if re.fullmatch(r"[-+]?[0-9.]{1,30}(?:[eE][-+]?[0-9]{1,3})?", digits):
        return "write it without quotes"
    return "write a number, such as 1"


_OTHER_NAMES = {
    "learning_rate": "lr",
    "features": "columns",
    "model": "bottom",
    "layers": "hidden",
    "batchsize": "batch_size",
    "pipeline_size": "depth",
    "base_model": "bottom",
    "fuse_model": "model",
    "loss_fn": "loss",
}
"""Keys that people know from elsewhere."""


@dataclass(frozen=True)
class _Meant:
    """An unknown key explained, and the path of the key that was meant, if one was found."""

    flaw: Flaw
    path: Path | None = None


def _unknown_key(place: Place, tree: Tree) -> _Meant:
    """What is wrong with the key at `place`, in one problem."""
    section = place.parent.section
    key = str(place.path[-1])
    here = place.path[:-1]
    known = list(fields(section)) if section else []
    what = f"unknown key {key!r}" if key.isprintable() and len(key) < 60 else "unknown key"
    if place.parent.tag == CLASS_TAG and key == "type":
        remedy = "'class' and 'type' exclude each other; keep one"
        return _Meant(tree.flaw(place.path, what, remedy))
    others = [tag for tag, member in place.parent.members.items() if key in fields(member)]
    if others:
        what = f"{place.parent.tag} has no {key!r}"
        remedy = f"remove it; it is for {alternatives(others)}"
        return _Meant(tree.flaw(place.path, what, remedy))
    unused = [other for other in known if other not in tree.at(here)]
    near = _OTHER_NAMES[key] if _OTHER_NAMES.get(key) in known else closest(key, unused)
    home = None if near else _home(_OTHER_NAMES.get(key, key), here)
    if home is not None:
        return _Meant(tree.flaw(place.path, what, f"it belongs in {dotted(home)}"), home)
    near = near or closest(key, known)
    if near is not None:
        return _Meant(tree.flaw(place.path, what, f"did you mean {near!r}?"), (*here, near))
    remedy = _one_name(here, tree) or f"remove it; known here: {', '.join(known)}"
    return _Meant(tree.flaw(place.path, what, remedy))


def _one_name(here: Path, tree: Tree) -> str | None:
    """How to write a name with a dot, which an override took for two keys below each other."""
    below = tree.at(here)
    is_free = here[-2:-1] in (("dates",), ("classes",)) and tree.mark(here).rank
    if not (is_free and isinstance(below, dict) and len(below) == 1):
        return None
    (rest,) = below
    name = dotted((f"{here[-1]}.{rest}",))
    return f"a name that holds a dot is written in quotes: {dotted(here[:-1])}.{name}"


def _left_behind(places: list[Place], tree: Tree, tag_path: Path) -> Flaw:
    """One problem for the keys of a section whose type was changed by an override."""
    here = tag_path[:-1]
    parent = places[0].parent
    known = fields(parent.section) if parent.section else {}
    keys = [str(place.path[-1]) for place in places]
    kept = {key: value for key, value in tree.at(here).items() if key in known}
    chosen = {tag_path[-1]: kept.pop(str(tag_path[-1]))}
    name = parent.tag if parent.tag != CLASS_TAG else "a class"
    return tree.mark(tag_path).flaw(
        here,
        f"{name} has no {', '.join(keys)}, which an earlier type left",
        f"write all of it: {typed(assignment(here, dump(chosen | kept, flow=True).strip()))}",
    )


def belongs(key: str, here: Path) -> str:
    """The remedy for a key of another section that stands in `here`."""
    home = _home(key, here)
    return f"it belongs in {dotted(home)}" if home else "remove it"


def _home(key: str, here: Path) -> Path | None:
    """Where `key` belongs: below `here` if it can, else as near the root as it can."""
    paths = [_concrete(path, here) for path in homes().get(key, ())]
    if not paths or key == "type":
        return None
    below = [path for path in paths if path[: len(here)] == here]
    return (below or paths)[0]


def _concrete(path: Path, here: Path) -> Path:
    """A home with the names of `here`, or with placeholders."""
    placeholders = {"parties": "<party>", "links": "default"}
    named: Path = ()
    for index, part in enumerate(path):
        if part != "*":
            named = (*named, part)
        elif len(here) > index and here[:index] == named:
            named = (*named, here[index])
        else:
            named = (*named, placeholders[str(path[index - 1])])
    return named
