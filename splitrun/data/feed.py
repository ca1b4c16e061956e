"""Which samples are in which batch, and what a role loads of it.

The order of batches is a function of (seed, epoch) alone. Every role computes it for itself.
Nothing else draws from its random streams, so no model's dropout can shift it, and each message
carries a digest that proves it.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from splitrun.events import Phase
from splitrun.seeds import derive_seed


class BatchOrder:
    """Shuffles the samples anew in every epoch, and deals them out in batches.

    A role has one of its own: it remembers the permutation of the epoch it was last asked about.

    Args:
        ids: int64 [samples], at least one.
        batch_size: samples in a batch; the last one of an epoch may be shorter.
        seed: the spec's.
    """

    def __init__(self, ids: Tensor, batch_size: int, seed: int) -> None:
        self._ids = ids
        self._batch_size = batch_size
        self._seed = seed
        self._epoch = -1
        self._shuffled = ids
        self.steps_per_epoch = -(-len(ids) // batch_size)

    def ids_at(self, step: int) -> Tensor:
        """int64 [batch], the samples of this step, counted from 0 over all epochs."""
        epoch, index = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            self._shuffled = self._ids[self._permutation(epoch)]
            self._epoch = epoch
        start = index * self._batch_size
        return self._shuffled[start : start + self._batch_size]

    def _permutation(self, epoch: int) -> Tensor:
        generator = torch.Generator().manual_seed(derive_seed("batch order", self._seed, epoch))
        return torch.randperm(len(self._ids), generator=generator)


class EvaluationOrder:
    """Deals out the samples as they come, part by part; every evaluation starts at step 0.

    No batch has samples of two parts: what a model makes of one is the same without the other.

    Args:
        parts: int64 [samples] each; some may be empty.
        batch_size: samples in a batch; the last one of a part may be shorter.
    """

    def __init__(self, parts: Sequence[Tensor], batch_size: int) -> None:
        self._batches = [
            batch for ids in parts if len(ids) for batch in torch.split(ids, batch_size)
        ]
        self._none = parts[0][:0]

    def ids_at(self, step: int) -> Tensor:
        """int64 [batch], the samples of this step; none beyond the last."""
        return self._batches[step] if step < len(self._batches) else self._none


def digest(ids: Tensor) -> bytes:
    """8 bytes that differ where sample ids (int64) or their order do, on every machine alike."""
    raw = ids.numpy()
    if sys.byteorder != "little":
        raw = raw.byteswap()
    return hashlib.blake2b(raw.data, digest_size=8).digest()


def gather(features: Sequence[Tensor], ids: Tensor) -> tuple[Tensor, ...]:
    """The rows with these ids, as new tensors."""
    return tuple([tensor.index_select(0, ids) for tensor in features])


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
    """One role's columns (or the labels) of all samples, in every phase's order."""

    tensors: tuple[Tensor, ...]
    orders: Mapping[Phase, Order]
    own_rows: Tensor | None = None
    """int64 [samples]: the row of the tensors that each sample has, where several share one."""
    weights: Mapping[Phase, Tensor] = field(default_factory=dict)
    """Of the top, what every sample counts for, float64 [samples], in phases whose samples differ
    in that; there it is a batch's last tensor."""

    def load(self, phase: Phase, step: int) -> Batch:
        """The role's rows of one batch."""
        ids = self.orders[phase].ids_at(step)
        rows = ids if self.own_rows is None else self.own_rows[ids]
        tensors = gather(self.tensors, rows)
        if (weights := self.weights.get(phase)) is not None:
            tensors = (*tensors, weights[ids])
        return Batch(ids.numel(), digest(ids), tensors)
