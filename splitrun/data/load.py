"""One party's rows as tensors: read, split, fit, transform."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from torch import Tensor

from splitrun.data.columns import feature_columns, party_problems
from splitrun.data.encoding import LabelEncoder, PartyEncoder, Rows, fit_features
from splitrun.data.labels import (
    encode_classes,
    find_classes,
    fit_target,
    number_label,
    with_classes,
)
from splitrun.data.new_rows import NewRows, UnseenValues, columns_of_model, unseen_values
from splitrun.data.sources import Source
from splitrun.data.table import Table
from splitrun.errors import DataError, SpecError
from splitrun.spec import Spec, reading_of
from splitrun.spec.contracts import DatasetSection


@dataclass(frozen=True)
class Data:
    """All rows of one party's own columns and, of the label holder, of the label."""

    party: str
    train_ids: Tensor
    """int64 [training rows]: row numbers in the source, ascending. They are the sample ids."""
    test_ids: Tensor
    """int64 [held-out rows], likewise; may be empty."""
    features: tuple[Tensor, ...]
    """For all rows of the source, what the party's bottom is given; empty without one. For
    `one_hot`, a float32 matrix [rows, width]; for `codes`, float32 [rows, numeric] and int64 codes
    [rows, categorical]."""
    labels: Tensor | None
    """The label holder's, for all rows: float32 [rows, 1] for binary cross-entropy and, in standard
    deviations from the training rows' mean, for MSE; int64 [rows] of class indices for
    cross-entropy."""
    encoder: PartyEncoder
    """Fitted on the training rows; to be kept with the model."""
    unseen: tuple[UnseenValues, ...] = ()
    """Of new rows: what no training row had."""

    @cached_property
    def digests(self) -> Mapping[str, str]:
        """Digests of the encoded data, part by part, by what they are of, in words."""
        parts: dict[str, tuple[Tensor, ...]] = {
            "which rows are trained on and which held out": (self.train_ids, self.test_ids)
        }
        if self.labels is not None:
            parts["the labels"] = (self.labels,)
        if self.features:
            parts[f"the columns of {self.party}"] = self.features
        return {name: _digest(tensors) for name, tensors in parts.items()}

    @property
    def ids_digest(self) -> str:
        """Differs where the sample ids or their split do."""
        return next(iter(self.digests.values()))

    @property
    def digest(self) -> str:
        """Differs where any row, label or the split does."""
        return hashlib.blake2b("".join(self.digests.values()).encode(), digest_size=16).hexdigest()

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


class SharedSource:
    """A source that several parties of one process read once; each is given its own columns.

    Args:
        source: what is read.
        columns: all that any of them reads.
        text: those of them that are read as categories, whatever they hold.
    """

    def __init__(self, source: Source, columns: Sequence[str], text: Collection[str]) -> None:
        self._source = source
        self._read = columns, text

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return self._source.columns()

    @cached_property
    def _table(self) -> Table:
        return self._source.read(*self._read)

    def columns(self) -> tuple[str, ...]:
        """The names of all columns, the label's among them."""
        return self._names

    def read(self, columns: Sequence[str], text: Collection[str]) -> Table:
        """These columns of all rows and no others, read as all of them are."""
        del text
        own = {name: self._table.columns[name] for name in columns}
        return replace(self._table, columns=own)

    def fingerprint(self) -> str:
        """What changes where the rows do, though the spec does not."""
        return self._source.fingerprint()


def load_data(
    spec: Spec,
    party: str,
    source: Source,
    encoder: PartyEncoder | None = None,
    new_rows: NewRows | None = None,
) -> Data:
    """Read one party's columns, and the label if it holds that, and prepare them for its models.

    Args:
        encoder: that of a model trained before; without it, a new one is fitted.
        new_rows: which the model has not seen; then all rows count as held out.

    Raises:
        SpecError: columns that the source does not have.
        DataError: data that is missing, damaged, or not what the spec says.
    """
    available = source.columns()
    if encoder and new_rows:
        return _new_data(spec, party, source, encoder, new_rows)
    if problems := [*party_problems(spec, party, available)]:
        raise SpecError(problems)
    columns = feature_columns(spec, party, available)
    if encoder:
        _refuse_other_columns(spec, party, encoder, columns)
    table = source.read(columns_of(spec, party, available), text_columns(spec, party, encoder))
    table = with_classes(table, spec.dataset.label, spec.dataset.declared_classes)
    train, test = split_rows(table, spec.dataset)
    encoder = encoder or _fit(spec, party, table, columns, train)
    return Data(
        party,
        train_ids=torch.from_numpy(train),
        test_ids=torch.from_numpy(test),
        features=encoder.features.transform(table) if encoder.features else (),
        labels=_labels(spec, table, encoder.label) if encoder.label else None,
        encoder=encoder,
    )


def _new_data(
    spec: Spec, party: str, source: Source, encoder: PartyEncoder, new_rows: NewRows
) -> Data:
    """All rows of a source for a trained model; without labels, `[rows, 0]` stands for them."""
    table = source.read(columns_of_model(encoder, new_rows), text_columns(spec, party, encoder))
    table = with_classes(table, spec.dataset.label, spec.dataset.declared_classes)
    if not table.rows:
        raise DataError(f"{table.origin}: no rows; give at least one")
    labels = None
    if encoder.label:
        labelled = new_rows == "labelled"
        labels = _labels(spec, table, encoder.label) if labelled else torch.empty(table.rows, 0)
    return Data(
        party,
        train_ids=torch.arange(0),
        test_ids=torch.arange(table.rows),
        features=encoder.features.transform(table) if encoder.features else (),
        labels=labels,
        encoder=encoder,
        unseen=unseen_values(encoder.features, table) if encoder.features else (),
    )


def columns_of(spec: Spec, party: str, available: Sequence[str]) -> tuple[str, ...]:
    """The columns that a party reads: those of its bottom, and of the label holder the label's.

    Args:
        available: the columns of its file.
    """
    label = (spec.dataset.label,) if party == spec.top.party else ()
    return (*feature_columns(spec, party, available), *label)


def text_columns(spec: Spec, party: str, encoder: PartyEncoder | None = None) -> frozenset[str]:
    """The columns that a party reads as categories, whatever they hold."""
    listed = frozenset(reading_of(spec, party).categorical)
    is_class = party == spec.top.party and spec.top.loss.labels != "numbers"
    label = (spec.dataset.label,) if is_class else ()
    return (encoder.categorical if encoder else listed).union(label)


def split_rows(table: Table, dataset: DatasetSection) -> tuple[Rows, Rows]:
    """The numbers of the training rows and of the held-out rows, each int64 and ascending.

    They follow from the number of rows and the spec, so that every party finds them for itself. The
    choice is scikit-learn's `train_test_split`, so that others can repeat it; with a
    `test_fraction` of 0 nothing is held out.

    Raises:
        DataError: fewer than two rows, or none left to train on.
    """
    if table.rows < 2:
        message = f"{table.origin}: {table.rows} row(s) of data"
        raise DataError(f"{message}; at least 2 are needed, and far more to learn from")
    everything = np.arange(table.rows, dtype=np.int64)
    if dataset.test_fraction == 0:
        return everything, everything[:0]
    try:
        train, test = train_test_split(
            everything, test_size=dataset.test_fraction, random_state=dataset.split_seed
        )
    except ValueError as error:
        message = f"{table.origin}: of {table.rows} rows, none is left to train on"
        raise DataError(f"{message}; lower dataset.test_fraction") from error
    return np.sort(train), np.sort(test)


def _fit(spec: Spec, party: str, table: Table, columns: Sequence[str], train: Rows) -> PartyEncoder:
    bottom = spec.parties[party].bottom
    features = label = None
    if party == spec.top.party:
        label = _fit_label(spec, table, train)
    if columns:
        features = fit_features(
            table,
            columns,
            train,
            inputs=bottom.takes if bottom else "one_hot",
            scaling=spec.parties[party].scaling,
            fill_missing=reading_of(spec, party).missing == "mean",
        )
    return PartyEncoder(features=features, label=label)


def _fit_label(spec: Spec, table: Table, train: Rows) -> LabelEncoder:
    dataset, loss = spec.dataset, spec.top.loss
    if loss.labels != "numbers":
        classes = find_classes(
            table, dataset.label, train, loss, dataset.counts_as_one, dataset.declared_classes
        )
        return LabelEncoder(column=dataset.label, classes=classes)
    scale = fit_target(table, dataset.label, train, loss) if loss.standardises else None
    return LabelEncoder(column=dataset.label, classes=(), scale=scale)


def _labels(spec: Spec, table: Table, label: LabelEncoder) -> Tensor:
    loss = spec.top.loss
    if loss.labels == "numbers":
        return number_label(table, label.column, loss, label.scale)
    codes = torch.from_numpy(encode_classes(table, label.column, label.classes))
    return codes if loss.labels == "classes" else codes.to(torch.float32).unsqueeze(1)


def _refuse_other_columns(
    spec: Spec, party: str, encoder: PartyEncoder, columns: Sequence[str]
) -> None:
    saved = encoder.features.columns if encoder.features else frozenset()
    if saved != frozenset(columns):
        message = f"the model was trained with other columns of {party} than the spec has"
        raise DataError(f"{message}; use the spec that it was trained with")
    label = encoder.label.column if encoder.label else None
    if label != (spec.dataset.label if party == spec.top.party else None):
        message = f"the model was trained for the label {label!r}, the spec has another"
        raise DataError(f"{message}; use the spec that it was trained with")


def _digest(tensors: Iterable[Tensor]) -> str:
    content = hashlib.blake2b(digest_size=16)
    for tensor in tensors:
        content.update(str(list(tensor.shape)).encode())
        content.update(tensor.contiguous().view(-1).numpy().data)
    return content.hexdigest()
