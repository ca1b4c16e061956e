"""What is known of tensors before there are any: those of a cut, and those that a codec makes of
them for their way over a link."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

from splitrun.spec import Codec


@dataclass(frozen=True)
class TensorFacts:
    """One tensor of a cut, per row: its trailing shape and its element size in bytes."""

    shape: tuple[int, ...]
    itemsize: int
    dtype: str = "float32"
    """As PyTorch names it."""

    @property
    def bytes_per_row(self) -> int:
        """Bytes of one row."""
        return self.itemsize * math.prod(self.shape)


@cache
def encoded(codec: Codec, tensor: TensorFacts) -> tuple[TensorFacts, ...]:
    """What a codec makes of a tensor: one of 16 bits an element; or, by int8, a scale of 32 bits
    for each row and one of 8 bits an element. Whole numbers, and what would not become smaller,
    stay as they are."""
    coded: tuple[TensorFacts, ...]
    match codec:
        case "none":
            return (tensor,)
        case "fp16":
            coded = (TensorFacts(tensor.shape, 2, "float16"),)
        case "bf16":
            coded = (TensorFacts(tensor.shape, 2, "bfloat16"),)
        case "int8":
            coded = (TensorFacts((), 4, "float32"), TensorFacts(tensor.shape, 1, "int8"))
    is_float = tensor.dtype in ("float64", "float32", "float16", "bfloat16")
    is_smaller = sum(part.bytes_per_row for part in coded) < tensor.bytes_per_row
    return coded if is_float and is_smaller else (tensor,)
