"""How the top joins what the bottoms send."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Literal

import torch
from torch import Tensor

from splitrun.errors import ModelError, Problem

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
    (first, expected), *others = cuts.items()
    if fusion == "concat":
        for name, shapes in cuts.items():
            if any(shape[:-1] != expected[0][:-1] for shape in shapes):
                wanted = "tensors that differ in their last dimension alone"
                raise _unequal(fusion, (name, shapes), (first, expected), wanted)
        return sum(shape[-1] for shapes in cuts.values() for shape in shapes)
    for name, shapes in others:
        if shapes != expected:
            raise _unequal(fusion, (name, shapes), (first, expected), "the same shapes")
    return expected[0][-1]


_Cut = tuple[str, tuple[tuple[int, ...], ...]]


def _unequal(fusion: Fusion, one: _Cut, other: _Cut, wanted: str) -> ModelError:
    what = f"{one[0]} sends {_text(one[1])} per row and {other[0]} {_text(other[1])}"
    remedy = f"with {fusion}, all bottoms must send {wanted}"
    return ModelError([Problem(("top", "fusion"), what, remedy)])


def _text(shapes: tuple[tuple[int, ...], ...]) -> str:
    return " and ".join(str(list(shape)) for shape in shapes)
