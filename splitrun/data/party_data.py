"""One party's rows as tensors, with what was fitted to them and how they are split."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from splitrun.data.encoding import PartyEncoder
from splitrun.data.feed import gather
from splitrun.data.new_rows import UnseenValues
from splitrun.data.split import SplitRows
from splitrun.data.table import Categories
from splitrun.errors import Problem
from splitrun.records.data import PartySummary


@dataclass(frozen=True)
class Data:
    """All rows of one party's own columns and, of the label holder, of the label."""

    party: str
    train_ids: Tensor
    """int64 [training rows]: positions among all samples, ascending. They are the sample ids: row
    numbers in the source or, where rows are joined by keys, among those that are joined."""
    test_ids: Tensor
    """int64 [held-out rows], likewise; may be empty."""
    validation_ids: Tensor
    """int64 [rows that decisions rest on], likewise; may be empty."""
    features: tuple[Tensor, ...]
    """What the party's bottom is given, for all rows that the samples have; empty without one. For
    `one_hot`, a float32 matrix [rows, width]; for `codes`, float32 [rows, numeric] and int64 codes
    [rows, categorical]."""
    labels: Tensor | None
    """The label holder's, for all rows: float32 [rows, 1] for binary cross-entropy and, in standard
    deviations from the training rows' mean, for MSE; int64 [rows] of class indices for
    cross-entropy."""
    encoder: PartyEncoder
    """Fitted on the training rows; to be kept with the model."""
    weights: Tensor | None = None
    """What all rows count for, float64 [rows], of a label holder with a column of that."""
    summary: PartySummary | None = None
    """What its columns were understood to hold, where its encoder was fitted to them."""
    doubts: tuple[Problem, ...] = ()
    """What is odd about its columns, likewise."""
    unseen: tuple[UnseenValues, ...] = ()
    """Of new rows: what no training row had."""
    own_rows: Tensor | None = None
    """int64 [samples]: the row of `features` that each sample has, where several share one."""
    keys: Categories | None = None
    """Every sample's key at this party, in the words of its file, where rows are joined by keys."""
    notes: tuple[str, ...] = ()
    """What the user should know of the split, a sentence each."""

    @property
    def rows(self) -> SplitRows:
        """The split, for other parties."""
        train, validation, test = (
            ids.numpy() for ids in (self.train_ids, self.validation_ids, self.test_ids)
        )
        return SplitRows(train, validation, test, self.notes)

    def batch(self, ids: Tensor) -> tuple[Tensor, ...]:
        """What the party's bottom is given of these samples."""
        return gather(self.features, ids if self.own_rows is None else self.own_rows[ids])

    @cached_property
    def digests(self) -> Mapping[str, str]:
        """Digests of the encoded data, part by part, by what they are of, in words."""
        digests = {"which rows are trained on and which held out": self.ids_digest}
        if self.labels is not None:
            digests["the labels"] = _digest((self.labels,))
        if self.weights is not None:
            digests["the weights of rows"] = _digest((self.weights,))
        if self.features:
            shared = () if self.own_rows is None else (self.own_rows,)
            digests[f"the columns of {self.party}"] = _digest((*self.features, *shared))
        return digests

    @cached_property
    def ids_digest(self) -> str:
        """Differs where the sample ids or their split do."""
        ids = (self.train_ids, self.test_ids)
        # Without validation rows, the digest is what it was before there were any.
        return _digest((*ids, self.validation_ids) if len(self.validation_ids) else ids)

    @property
    def digest(self) -> str:
        """Differs where any row, label or the split does."""
        return hashlib.blake2b("".join(self.digests.values()).encode(), digest_size=16).hexdigest()

    @property
    def parts(self) -> Mapping[str, Tensor]:
        """Row numbers by what is done with the rows: `train`, `validation` if there are some, and
        `test`."""
        validation = {"validation": self.validation_ids} if len(self.validation_ids) else {}
        return {"train": self.train_ids, **validation, "test": self.test_ids}

    @property
    def label_unit(self) -> float:
        """What a difference of 1 between labels is in the target's own units."""
        return self.encoder.label.unit if self.encoder.label else 1.0

    def restored(self, predictions: Tensor) -> Tensor:
        """A loss's predictions in the label's own units; probabilities stay as they are."""
        return self.encoder.label.restored(predictions) if self.encoder.label else predictions

    @property
    def classes(self) -> tuple[str, ...]:
        """The label's values in the order of their numbers; empty for regression, and for a party
        without the label."""
        return self.encoder.label.classes if self.encoder.label else ()


def _digest(tensors: Iterable[Tensor]) -> str:
    content = hashlib.blake2b(digest_size=16)
    for tensor in tensors:
        content.update(str(list(tensor.shape)).encode())
        content.update(tensor.contiguous().view(-1).numpy().data)
    return content.hexdigest()
