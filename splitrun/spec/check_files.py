"""Whether a spec's files and keys fit together, as far as the spec alone tells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from splitrun.errors import Path, Problem
from splitrun.spec.effective import (
    has_own_files,
    is_joined,
    key_of,
    not_features,
    reading_of,
    reference_to,
)
from splitrun.spec.wording import option

if TYPE_CHECKING:
    from splitrun.spec.files import DateColumn
    from splitrun.spec.model import Spec


def file_problems(spec: Spec, path: str | None, test_path: str | None) -> Iterator[Problem]:
    """Why a spec's files cannot be told to belong together.

    Args:
        path: of the file that all share, if they do.
        test_path: of the file of held-out rows that all share, if they do.
    """
    holder = spec.top.party
    if holder not in spec.parties:
        return
    if has_own_files(spec):
        for key, value in (("path", path), ("test_path", test_path)):
            if value is not None:
                what = f"parties have files of their own, and dataset.{key} is one for all"
                yield Problem(("dataset", key), what, f"remove it, or parties.*.{key}")
        yield from _one_each(spec)
    elif path is None:
        remedy = "add dataset.path, or a path for each of the parties"
        yield Problem(("dataset",), "names no file", remedy)
    else:
        yield from _one_for_all(spec)
    yield from _marks(spec)
    yield from _labels(spec)
    yield from _parts_listed_twice(spec)


def _labels(spec: Spec) -> Iterator[Problem]:
    """Labels that serve another end."""
    holder = spec.top.party
    for label in spec.dataset.labels:
        if label == key_of(spec, holder):
            what = f"{label!r} is the key, too"
            yield Problem(("dataset", "label"), what, "name another column")
    reading = spec.parties[holder].reading
    own = reading.dates if reading else {}
    for place, dates in (
        (("dataset", "dates"), spec.dataset.reading_keys.dates),
        (("parties", holder, "reading", "dates"), own),
    ):
        for label in spec.dataset.labels:
            if label in dates:
                what = f"{label!r} is the label, and dates become features"
                remedy = "write the label as a number, such as days, into the file"
                yield Problem((*place, label), what, remedy)


def _parts_listed_twice(spec: Spec) -> Iterator[Problem]:
    """Parts of dates that would be one feature twice."""
    declared: list[tuple[Path, Mapping[str, DateColumn]]] = [
        (("dataset", "dates"), spec.dataset.reading_keys.dates)
    ]
    for name, party in spec.parties.items():
        if party.reading is not None:
            declared.append((("parties", name, "reading", "dates"), party.reading.dates))
    for place, dates in declared:
        for column, date in dates.items():
            for index, part in enumerate(date.parts):
                if part in date.parts[:index]:
                    path = (*place, column, "parts", index)
                    yield Problem(path, f"{part!r} is listed twice", "keep one")


def file_warnings(spec: Spec) -> Iterator[Problem]:
    """Columns that are dropped, and would be no features anyway."""
    for name, party in spec.parties.items():
        others = frozenset(not_features(spec, name))
        for index, column in enumerate(party.dropped):
            if column in others:
                place = ("parties", name, "columns", "drop", index)
                what = f"has no effect: {column!r} is no feature unless it is listed"
                yield Problem(place, what, "remove it")


def unused_file_problems(spec: Spec) -> Iterator[Problem]:
    """Files of parties where the rows come from elsewhere."""
    for name, party in spec.parties.items():
        for key in ("path", "test_path", "key", "on", "reading"):
            if getattr(party, key) is not None:
                what = f"is not used: the rows of {spec.dataset.type} come from no file of {name}"
                yield Problem(("parties", name, key), what, "remove it, or use dataset.type: csv")


def _one_each(spec: Spec) -> Iterator[Problem]:
    holder = spec.top.party
    for name, party in spec.parties.items():
        if party.path is None:
            what = "has no path, and others have"
            yield Problem(("parties", name), what, f"add parties.{name}.path")
        if name == holder and party.on is not None:
            what = "the label holder's rows refer to the keys of others"
            yield Problem(("parties", name, "on"), what, "move it to the party referred to")
        elif party.on in spec.dataset.labels:
            what = f"{party.on!r} is the label"
            remedy = f"name the column of {holder} that refers to its key"
            yield Problem(("parties", name, "on"), what, remedy)
        if name != holder and is_joined(spec):
            yield from _unjoined(spec, name)
    if is_joined(spec):
        return
    without = [name for name, party in spec.parties.items() if party.test_path is None]
    if 0 < len(without) < len(spec.parties):
        what = "has no test_path, and others have"
        remedy = f"add parties.{without[0]}.test_path, or a key to join rows by"
        yield Problem(("parties", without[0]), what, remedy)


def _marks(spec: Spec) -> Iterator[Problem]:
    """One mark for two things in numbers."""
    keys = spec.dataset.reading_keys
    if keys.thousands == keys.decimal:
        yield _ambiguous(("dataset",), "thousands", keys.decimal)
    for name, party in spec.parties.items():
        own, stated = reading_of(spec, name), party.reading.stated if party.reading else ()
        for key in ("thousands", "decimal"):
            if key in stated and own.thousands == own.decimal:
                yield _ambiguous(("parties", name, "reading"), key, own.decimal)
                break


def _ambiguous(place: Path, key: str, mark: str) -> Problem:
    what = f"{mark!r} would be both the decimal mark and what groups the digits"
    other = ("decimal", ",") if mark == "." else ("thousands", ".")
    return Problem((*place, key), what, f"set {option('.'.join(map(str, place)), *other)}")


def _unjoined(spec: Spec, name: str) -> Iterator[Problem]:
    """Why a party's rows cannot be joined to the label holder's."""
    holder = spec.top.party
    if key_of(spec, name) is None:
        yield Problem(("parties", name), "has no key, and others have", f"add parties.{name}.key")
    elif reference_to(spec, name) is None:
        what = f"nothing refers to it: {holder} has no key"
        remedy = f"add parties.{name}.on, the column of {holder} that does"
        yield Problem(("parties", name, "key"), what, remedy)


def _one_for_all(spec: Spec) -> Iterator[Problem]:
    for name, party in spec.parties.items():
        for key, remedy in _INSTEAD.items():
            if getattr(party, key) is not None:
                what = "is for a party with a file of its own, and all share dataset.path"
                yield Problem(("parties", name, key), what, remedy)


_INSTEAD = {
    "test_path": "use dataset.test_path",
    "key": "use dataset.key",
    "on": "remove it: rows of one file are joined already",
    "reading": "set its keys under dataset",
}
"""What helps where a party of one file for all has a key for its own."""
