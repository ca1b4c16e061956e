"""Checks on who holds what: the label holder, bottoms, columns."""

from __future__ import annotations

from collections.abc import Iterator

from splitrun.errors import Problem
from splitrun.spec.model import FileDataset, Spec, SyntheticDataset
from splitrun.spec.wording import closest, did_you_mean


def party_problems(spec: Spec) -> Iterator[Problem]:
    """Parties that cannot take part as they are."""
    yield from _label_holder(spec)
    yield from _bottoms(spec)
    yield from _columns(spec)
    yield from _categorical(spec)


def _label_holder(spec: Spec) -> Iterator[Problem]:
    party = spec.top.party
    if party not in spec.parties:
        remedy = did_you_mean(party, list(spec.parties), "use")
        yield Problem(("top", "party"), f"{party!r} is no party", remedy)


def _bottoms(spec: Spec) -> Iterator[Problem]:
    if not any(party.bottom for party in spec.parties.values()):
        what = "no party has a bottom model, so nothing can be learned"
        yield Problem(("parties",), what, "add a bottom to those with columns")
        return
    for name, party in spec.parties.items():
        path = ("parties", name)
        if party.bottom is not None:
            continue
        if name != spec.top.party and spec.top.party in spec.parties:
            meant = closest(name, [other for other in spec.parties if other != name])
            hint = f", or did you mean {meant!r}?" if meant else ", or remove the party"
            what = "has no bottom model, and only the label holder may have none"
            yield Problem((*path, "bottom"), what, f"add one{hint}")
            continue
        for key in ("columns", "depth", "optimizer", "compute"):
            if getattr(party, key):
                remedy = f"add parties.{name}.bottom, or remove {key}"
                if key in ("optimizer", "compute") and name == spec.top.party:
                    remedy += f"; the top model's are in top.{key}"
                yield Problem((*path, key), f"is not used: {name} has no bottom model", remedy)


def _columns(spec: Spec) -> Iterator[Problem]:
    owner: dict[str, str] = {}
    for name, party in spec.parties.items():
        path = ("parties", name, "columns")
        if party.bottom and not party.columns and not isinstance(spec.dataset, SyntheticDataset):
            yield Problem(path, "its bottom model has no columns", f"list those that {name} holds")
        for index, column in enumerate(party.columns):
            place = (*path, index)
            if column == spec.dataset.label:
                what = f"{column!r} is the label"
                yield Problem(place, what, "remove it: a model must not see what it predicts")
            elif owner.get(column) == name:
                yield Problem(place, f"{column!r} is listed twice", "keep one")
            elif column in owner:
                what = f"{column!r} is a column of {owner[column]}, too"
                yield Problem(place, what, f"leave it to {owner[column]} or to {name}")
            else:
                owner[column] = name


def _categorical(spec: Spec) -> Iterator[Problem]:
    if not isinstance(spec.dataset, FileDataset):
        return
    columns = dict.fromkeys(it for party in spec.parties.values() for it in party.columns)
    seen: set[str] = set()
    for index, column in enumerate(spec.dataset.categorical):
        place = ("dataset", "categorical", index)
        if column in seen:
            yield Problem(place, f"{column!r} is listed twice", "keep one")
        elif column not in columns:
            near = closest(column, columns)
            remedy = f"did you mean {near!r}?" if near else "remove it, or give it to a party"
            yield Problem(place, f"{column!r} is no party's column", remedy)
        seen.add(column)
