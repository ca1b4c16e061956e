"""States of roles as files, on their way from one process to another: exact to the bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

from safetensors.torch import load_file, save_file

from splitrun.model import State
from splitrun.session.checkpoint import decode, encode


def write_state(path: Path, state: State) -> str:
    """A new file with a role's state, and another one beside it; gives its path.

    Raises:
        OSError: they cannot be written.
    """
    tree, tensors = encode(state)
    save_file(tensors, path)
    _tree_of(path).write_text(json.dumps(tree), encoding="utf-8")
    return str(path)


def read_state(path: Path) -> State:
    """What `write_state` wrote; the files go.

    Raises:
        OSError: they cannot be read.
    """
    tensors = load_file(path)
    tree = json.loads(_tree_of(path).read_text(encoding="utf-8"))
    path.unlink()
    _tree_of(path).unlink()
    return cast("State", decode(tree, tensors))


def _tree_of(path: Path) -> Path:
    return path.with_suffix(".json")
