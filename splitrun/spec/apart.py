"""A spec as one party sees it, who is not told what is the others' alone: their files and keys."""

from __future__ import annotations

from typing import Any

from splitrun.errors import Path
from splitrun.spec.tree import Tree, leaf

ELSEWHERE = "(elsewhere)"
"""Stands for what another party knows: such a value is never used."""


def seen_by(tree: Tree, party: str) -> Tree:
    """The tree with what it does not say of other parties, where it says it of this one.

    Whether parties have files of their own, and whether these have keys, is the same for all.
    """
    own, dataset = tree.at(("parties", party)), tree.at(("dataset",))
    if not isinstance(own, dict) or not isinstance(dataset, dict) or not own.get("path"):
        return tree
    for name, section in tree.at(("parties",)).items():
        if name == party or not isinstance(section, dict):
            continue
        missing: dict[str, Any] = {"path": ELSEWHERE}
        if "test_path" in own:
            missing["test_path"] = ELSEWHERE
        if (own.get("key") or dataset.get("align")) and not dataset.get("key"):
            missing["key"] = ELSEWHERE
        if section.get("bottom"):
            missing["columns"] = "*"
        for key, value in missing.items():
            if key not in section:
                path: Path = ("parties", name, key)
                tree = tree.put(path, leaf(value, tree.mark(path)), tree.mark(path))
    return tree
