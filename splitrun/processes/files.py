"""What processes hand each other as open files: rows, and roles' states, exact to the bit.

None has a name, so that nothing is left of them when the processes are gone, however they end.
"""

from __future__ import annotations

import json
import os
from typing import cast

from safetensors import safe_open
from safetensors.torch import save

from splitrun.data.on_disk import path_of_open, unnamed_file
from splitrun.model import State
from splitrun.session.checkpoint import decode, encode

_TREE = "tree"


def write_state(state: State) -> int:
    """A new file with a role's state.

    Raises:
        DataError: there is no room for it.
    """
    tree, tensors = encode(state)
    file = unnamed_file(sum(tensor.nbytes for tensor in tensors.values()))
    with os.fdopen(os.dup(file), "wb") as writable:
        writable.write(save(tensors, {_TREE: json.dumps(tree)}))
    return file


def read_state(file: int) -> State:
    """What `write_state` wrote; the file is closed."""
    try:
        with safe_open(path_of_open(file), "pt") as content:
            tensors = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118
            tree = json.loads(content.metadata()[_TREE])
    finally:
        os.close(file)
    return cast("State", decode(tree, tensors))
