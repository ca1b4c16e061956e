"""How the top joins what the bottoms send."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Literal

import torch
from torch import Tensor

from splitrun.errors import ModelError

Fusion = Literal["concat", "sum", "mean"]


def fuse(fusion: Fusion, cuts: Sequence[Sequence[Tensor]]) -> tuple[Tensor, ...]:
    """Join the cuts of all bottoms, in the parties' order, into the top model's arguments.

    `concat` joins all tensors along their last dimension into one. `sum` and `mean` work tensor by
    tensor, so that bottoms which send two tensors give the top two; they add from left to right.
    """
    if fusion == "concat":
        return (torch.cat([tensor for cut in cuts for tensor in cut], dim=-1),)
    sums = (reduce(add, tensors) for tensors in zip(*cuts, strict=True))
    return tuple(sums) if fusion == "sum" else tuple(total / len(cuts) for total in sums)


def fused_features(fusion: Fusion, cuts: dict[str, tuple[tuple[int, ...], ...]]) -> int:
    """The width of the top model's first argument, from every bottom's shapes per row.

    Raises:
        ModelError: the cuts cannot be joined; names a bottom and its shapes.
    """
    if fusion == "concat":
        return sum(shape[-1] for shapes in cuts.values() for shape in shapes)
    (first, expected), *others = cuts.items()
    for name, shapes in others:
        if shapes != expected:
            raise ModelError(
                f"{name} sends {_text(shapes)} per row and {first} {_text(expected)}; "
                f"with top.fusion: {fusion} all bottoms must send the same shapes"
            )
    return expected[0][-1]


def _text(shapes: tuple[tuple[int, ...], ...]) -> str:
    return " and ".join(str(list(shape)) for shape in shapes)
