"""Which data a run was trained on, part by part, so that it can be told what has changed since."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from torch import Tensor

from splitrun.data import Data


def data_parts(data: Data) -> dict[str, str]:
    """Digests of the encoded data by what they are of, in words."""
    parts = {
        "which rows are trained on and which held out": _digest(data.train_ids, data.test_ids),
        "the labels": _digest(data.labels),
    }
    return parts | {
        f"the columns of {party}": _digest(*tensors) for party, tensors in data.features.items()
    }


def changed_parts(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """In words, what differs."""
    return [name for name in {**before, **now} if before.get(name) != now.get(name)]


def _digest(*tensors: Tensor) -> str:
    content = hashlib.blake2b(digest_size=16)
    for tensor in tensors:
        content.update(str(list(tensor.shape)).encode())
        content.update(tensor.numpy().tobytes())
    return content.hexdigest()
