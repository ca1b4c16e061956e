"""One party's rows as tensors: read, split, fit, transform."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from splitrun.data.columns import feature_columns, party_problems
from splitrun.data.doubts import column_doubts
from splitrun.data.encoding import LabelEncoder, PartyEncoder, Rows, fit_features
from splitrun.data.feed import gather
from splitrun.data.join import Alignment, aligned
from splitrun.data.labels import (
    class_codes,
    encode_classes,
    find_classes,
    fit_target,
    number_label,
    with_classes,
)
from splitrun.data.new_rows import NewRows, UnseenValues, columns_of_model, unseen_values
from splitrun.data.on_disk import unnamed_array
from splitrun.data.sources import Source
from splitrun.data.split import SplitRows, Strata, split_rows
from splitrun.data.summary import summarise_party
from splitrun.data.table import Categories, Table
from splitrun.errors import DataError, Problem, SpecError
from splitrun.records.run import PartySummary
from splitrun.spec import Spec, is_joined, reading_of


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


def load_data(
    spec: Spec,
    party: str,
    source: Source,
    encoder: PartyEncoder | None = None,
    new_rows: NewRows | None = None,
    rows: SplitRows | None = None,
    alignment: Alignment | None = None,
) -> Data:
    """Read one party's columns, and the label if it holds that, and prepare them for its models.

    Args:
        encoder: that of a model trained before; without it, a new one is fitted.
        new_rows: which the model has not seen; then all rows count as held out.
        rows: as the label holder has split them; without them, they are split here.
        alignment: which of its rows the samples are, where they are joined by keys.

    Raises:
        SpecError: columns that the source does not have.
        DataError: data that is missing, damaged, or not what the spec says.
    """
    available = source.columns()
    if encoder and new_rows:
        return _new_data(spec, party, source, encoder, new_rows, alignment)
    if problems := [*party_problems(spec, party, available)]:
        raise SpecError(problems)
    columns = feature_columns(spec, party, available)
    if encoder:
        _refuse_other_columns(spec, party, encoder, columns)
    table = source.read(columns_of(spec, party, available), text_columns(spec, party, encoder))
    table, own_rows = _aligned(spec, party, table, alignment)
    if rows is None:
        samples = table if own_rows is None else table.take(own_rows)
        rows = _split(spec, party, samples, source, alignment)
    summary, doubts = None, tuple[Problem, ...]()
    if encoder is None:
        train = rows.train if own_rows is None else own_rows[rows.train]
        encoder = _fit(spec, party, table, columns, train)
        if encoder.features:
            summary = summarise_party(table, encoder.features, reading_of(spec, party))
            doubts = tuple(column_doubts(spec, party, table, encoder.features, np.unique(train)))
    return Data(
        party,
        train_ids=torch.from_numpy(rows.train),
        test_ids=torch.from_numpy(rows.test),
        validation_ids=torch.from_numpy(rows.validation),
        features=encoder.features.transform(table) if encoder.features else (),
        labels=_labels(spec, table, encoder.label) if encoder.label else None,
        encoder=encoder,
        summary=summary,
        doubts=doubts,
        own_rows=None if own_rows is None else torch.from_numpy(own_rows),
        keys=alignment.keys if alignment else None,
        notes=rows.notes,
    )


def _aligned(
    spec: Spec, party: str, table: Table, alignment: Alignment | None
) -> tuple[Table, Rows | None]:
    """The rows that samples have, and which of them each has where they share some; with the
    label's classes in one spelling, if the party holds it."""
    own_rows = None
    if alignment is not None:
        table, own_rows = aligned(table, alignment.rows)
    elif is_joined(spec):
        raise ValueError(f"the rows of {party} are joined by keys, and it is not told how")
    if party == spec.top.party:
        table = with_classes(table, spec.dataset.label, spec.dataset.declared_classes)
    return table, own_rows


def _new_data(
    spec: Spec,
    party: str,
    source: Source,
    encoder: PartyEncoder,
    new_rows: NewRows,
    alignment: Alignment | None,
) -> Data:
    """All rows of a source for a trained model; without labels, `[rows, 0]` stands for them."""
    table = source.read(columns_of_model(encoder, new_rows), text_columns(spec, party, encoder))
    table, own_rows = _aligned(spec, party, table, alignment)
    if not table.rows:
        raise DataError(f"{table.origin}: no rows; give at least one")
    labels = None
    if encoder.label:
        labelled = new_rows == "labelled"
        labels = _labels(spec, table, encoder.label) if labelled else torch.empty(table.rows, 0)
    return Data(
        party,
        train_ids=torch.arange(0),
        test_ids=torch.arange(table.rows if own_rows is None else len(own_rows)),
        validation_ids=torch.arange(0),
        features=encoder.features.transform(table, unnamed_array) if encoder.features else (),
        labels=labels,
        encoder=encoder,
        unseen=unseen_values(encoder.features, table) if encoder.features else (),
        own_rows=None if own_rows is None else torch.from_numpy(own_rows),
        keys=alignment.keys if alignment else None,
    )


def columns_of(spec: Spec, party: str, available: Sequence[str]) -> tuple[str, ...]:
    """The columns that a party reads: those of its bottom, and of the label holder the label and
    what the rows are split by.

    Args:
        available: the columns of its file.
    """
    own = feature_columns(spec, party, available)
    if party == spec.top.party:
        own = (*own, spec.dataset.label, *_split_column(spec))
    return tuple(dict.fromkeys(own))


def text_columns(spec: Spec, party: str, encoder: PartyEncoder | None = None) -> frozenset[str]:
    """The columns that a party reads as categories, whatever they hold."""
    own = set(encoder.categorical if encoder else reading_of(spec, party).categorical)
    if party == spec.top.party:
        if spec.top.loss.labels != "numbers":
            own.add(spec.dataset.label)
        own.update(_split_column(spec))
    return frozenset(own)


def _split_column(spec: Spec) -> list[str]:
    """The column that the rows are split by, unless it is a feature, too, and read like one."""
    by = spec.dataset.split.column
    return [by] if by and all(by not in it.listed for it in spec.parties.values()) else []


def _split(
    spec: Spec, party: str, table: Table, source: Source, alignment: Alignment | None
) -> SplitRows:
    """The split of the samples, which are the rows of the table."""
    by, column = spec.dataset.split.by, spec.dataset.split.column
    if by != "random" and party != spec.top.party:
        raise DataError(
            f"{table.origin}: {party} cannot tell which rows are held out, by {by}; load "
            f"{spec.top.party} with it, which holds the label"
        )
    if column is not None:
        beside = source.read((column,), (column,))
        beside = beside if alignment is None else beside.take(alignment.rows)
        table = replace(table, columns={**table.columns, column: beside.columns[column]})
    strata = Strata(*class_codes(table, spec.dataset.label)) if by == "stratified" else None
    test_file = None if table.held_out is None else np.flatnonzero(table.held_out)
    return split_rows(spec.dataset, table, strata, test_file, reading_of(spec, party))


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
