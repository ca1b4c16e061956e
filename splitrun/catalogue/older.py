"""Resolved specs as plain data, for runs whose manifest does not tell them.

`resolved.yaml` is our own writing: one document of plain mappings, lists and scalars. It is read
here without what a validation imports.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from splitrun.records.reading import flattened
from splitrun.scalars import meaning

_DEEPEST = 40


_meaning = lru_cache(maxsize=1024)(meaning)


@lru_cache(maxsize=1024)  # many runs have one spec
def spec_of(text: str) -> Mapping[str, object]:
    """The mapping that a YAML text is, by dotted key and with scalars as specs have them.

    Raises:
        ValueError: it is none.
    """
    import yaml

    events = yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    try:
        root = next(it for it in events if isinstance(it, yaml.NodeEvent))
        found = _node(root, events, 0)
    except (yaml.YAMLError, StopIteration) as error:
        raise ValueError("not YAML") from error
    if isinstance(found, dict):
        return flattened(found)
    raise ValueError("no mapping")


def _node(event: Any, events: Iterator[Any], depth: int) -> Any:
    """The value that begins with an event."""
    if depth > _DEEPEST:
        raise ValueError(f"nested deeper than {_DEEPEST}")
    match type(event).__name__:
        case "ScalarEvent":
            return _meaning(event.value) if event.implicit[0] else event.value
        case "MappingStartEvent":
            mapping = {}
            while type(key := next(events)).__name__ != "MappingEndEvent":
                name = str(_node(key, events, depth + 1))
                mapping[name] = _node(next(events), events, depth + 1)
            return mapping
        case "SequenceStartEvent":
            items = []
            while type(item := next(events)).__name__ != "SequenceEndEvent":
                items.append(_node(item, events, depth + 1))
            return items
    raise ValueError("an alias, which is not in what splitrun writes")
