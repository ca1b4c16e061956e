"""The best first, and what differs between entries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from splitrun.catalogue.entry import Entry
from splitrun.catalogue.keys import Key, is_number, text_of
from splitrun.events import FALLING

_GREATEST_FIRST = ("samples_per_s", "size", "steps", "started")


def best_first(entries: Sequence[Entry], key: Key) -> list[Entry]:
    """Entries in an order: of a metric and of throughput the best first, of age the newest, of size
    the largest, of keys of the spec the least; those without a value are last."""
    having = [entry for entry in entries if key.of(entry) is not None]
    without = [entry for entry in entries if key.of(entry) is None]
    reverse = _rises(key, having)
    return [*sorted(having, key=lambda entry: _rank(key.of(entry)), reverse=reverse), *without]


def _rises(key: Key, entries: Sequence[Entry]) -> bool:
    """Whether what is greater comes first; of a metric of the user's, a spec says so."""
    if key.kind != "metric":
        return key.kind == "column" and key.name in _GREATEST_FIRST
    name = key.name.rpartition(".")[2]
    own = (each for entry in entries for each in _metrics_of(entry) if each.get("name") == name)
    return bool(next(own, {}).get("greater_is_better", name not in FALLING))


def _metrics_of(entry: Entry) -> list[Mapping[str, object]]:
    """Metrics of the user's, as the spec describes them."""
    metrics = entry.spec.get("training.metrics")
    return [it for it in metrics if isinstance(it, dict)] if isinstance(metrics, list) else []


def _rank(value: object) -> tuple[bool, object]:
    """By which values of any types are in some order."""
    return (False, value) if is_number(value) else (True, text_of(value))


def differing(entries: Iterable[Entry]) -> list[str]:
    """Keys of the specs that differ between entries, those first that the most of them have.

    Of a key that some specs lack, they differ where these have something else in its place: no
    optimizer for an optimizer's `lr`, but not where they are of before there was such a key, or of
    other parties. What an experiment is called is left out, for the directory's name says it.
    """
    specs = [entry.spec for entry in entries if entry.spec]
    first: dict[str, object] = {}
    unequal: set[str] = set()
    having: Counter[str] = Counter()
    for spec in specs:
        having.update(spec.keys())
        first = {**spec, **first}
        unequal.update(key for key, value in spec.items() if value != first[key])
    differ = [
        key
        for key in first
        if key != "name"
        and (key in unequal or (having[key] < len(specs) and _is_replaced(key, specs)))
    ]
    return sorted(differ, key=lambda key: -having[key])


def _is_replaced(key: str, specs: Sequence[Mapping[str, object]]) -> bool:
    """Whether a spec has a value where others have a mapping with this key in it."""
    parts = key.split(".")
    above = [".".join(parts[:end]) for end in range(1, len(parts))]
    return any(each in spec for spec in specs for each in above)


def short_names(keys: Iterable[str], entries: Iterable[Entry]) -> dict[str, str]:
    """Each key's shortest end that is no other key's, which is enough to name it."""
    ends: Counter[str] = Counter()
    for key in dict.fromkeys(key for entry in entries for key in entry.spec):
        ends.update(_ends(key))
    return {key: next((end for end in _ends(key) if ends[end] == 1), key) for key in keys}


def _ends(key: str) -> list[str]:
    """The ends of a dotted key, the shortest first."""
    parts = key.split(".")
    return [".".join(parts[start:]) for start in range(len(parts) - 1, -1, -1)]
