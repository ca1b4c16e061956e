"""What of a spec all parties must have alike, and where they differ."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from splitrun.spec import Spec

OWN_KEYS = ("path", "test_path", "key", "on", "reading", "columns", "warm_start", "ray")
"""Of a party's section: what is its alone. The others never need it, nor what it is."""
_OWN_DATASET_KEYS = {"path", "test_path", "cache", "key"}
_OWN_SECTIONS = {"runtime", "sinks", "links"}
"""They change no result, but for codecs: each party has its own."""


def shared(spec: Spec) -> dict[str, str]:
    """All that parties must have alike, by key, as JSON."""
    content = spec.model_dump(mode="json", by_alias=True)
    found = {key: value for key, value in content.items() if key not in _OWN_SECTIONS}
    found["dataset"] = _without(content["dataset"], _OWN_DATASET_KEYS)
    found["parties"] = {
        name: _without(party, OWN_KEYS) for name, party in content["parties"].items()
    }
    codecs = {name: link.get("codec", "none") for name, link in content["links"].items()}
    if set(codecs.values()) - {"none"}:
        found["links"] = {name: {"codec": codec} for name, codec in codecs.items()}
    found["intra_op_threads"] = content["runtime"]["intra_op_threads"]
    return dict(_flat(found, ""))


def differences(
    mine: Mapping[str, str], theirs: Mapping[str, str], me: str, them: str
) -> list[str]:
    """Where two parties differ, a line for each key."""
    keys = sorted(key for key in {**mine, **theirs} if mine.get(key) != theirs.get(key))
    return [
        f"{key}: {me} has {mine.get(key, 'nothing')}, {them} has {theirs.get(key, 'nothing')}"
        for key in keys
    ]


def _without(section: Mapping[str, Any], keys: Collection[str]) -> dict[str, Any]:
    return {key: value for key, value in section.items() if key not in keys}


def _flat(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    else:
        yield path, json.dumps(value, sort_keys=True)
