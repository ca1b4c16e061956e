"""What a role loads: its rows of one batch, and the digest of the batch's sample ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from torch import Tensor

from splitrun.data.order import digest, gather
from splitrun.events import Phase


class Order(Protocol):
    """Which samples make up which batch."""

    def ids_at(self, step: int) -> Tensor:
        """The sample ids of one batch, int64 `[rows]`."""
        ...


class Batch(NamedTuple):
    """A role's rows of one batch."""

    rows: int
    digest: bytes
    tensors: tuple[Tensor, ...]

    def slice(self, micro: int, of: int) -> tuple[Tensor, ...]:
        """Micro-batch `micro` of `of`: contiguous rows, their counts differing by one at most."""
        if of == 1:
            return self.tensors
        start, stop = micro * self.rows // of, (micro + 1) * self.rows // of
        return tuple(tensor[start:stop] for tensor in self.tensors)


@dataclass(frozen=True)
class Feed:
    """One role's columns (or the labels) over all rows of the source, in every phase's order."""

    tensors: tuple[Tensor, ...]
    orders: Mapping[Phase, Order]

    def load(self, phase: Phase, step: int) -> Batch:
        """The role's rows of one batch."""
        ids = self.orders[phase].ids_at(step)
        return Batch(len(ids), digest(ids), gather(self.tensors, ids))
