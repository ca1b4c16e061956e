"""One party's rows as tensors: read, split, fit, transform."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from splitrun.data.columns import feature_columns, party_problems
from splitrun.data.doubts import column_doubts
from splitrun.data.encoding import LabelEncoder, PartyEncoder, Rows, fit_features
from splitrun.data.join import Alignment, aligned
from splitrun.data.labels import (
    class_codes,
    encode_classes,
    find_classes,
    fit_target,
    number_label,
    with_classes,
)
from splitrun.data.new_rows import NewRows, columns_of_model, unseen_values
from splitrun.data.on_disk import unnamed_array
from splitrun.data.party_data import Data
from splitrun.data.sources import Source
from splitrun.data.split import SplitRows, Strata, split_rows
from splitrun.data.summary import summarise_party
from splitrun.data.table import Table
from splitrun.data.weights import row_weights, weights_by_phase
from splitrun.errors import DataError, Problem, SpecError
from splitrun.spec import Spec, is_joined, reading_of


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
            ordered = np.sort(train) if own_rows is None else np.unique(train)  # samples share rows
            doubts = tuple(column_doubts(spec, party, table, encoder.features, ordered))
    data = Data(
        party,
        train_ids=torch.from_numpy(rows.train),
        test_ids=torch.from_numpy(rows.test),
        validation_ids=torch.from_numpy(rows.validation),
        features=encoder.features.transform(table) if encoder.features else (),
        labels=_labels(spec, table, encoder.label) if encoder.label else None,
        weights=_weights(spec, table, rows.train) if encoder.label else None,
        encoder=encoder,
        summary=summary,
        doubts=doubts,
        own_rows=None if own_rows is None else torch.from_numpy(own_rows),
        keys=alignment.keys if alignment else None,
        notes=rows.notes,
    )
    weights_by_phase(spec, data)  # refuses what cannot be, before anything is built
    return data


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
        for label in spec.dataset.labels:
            table = with_classes(table, label, spec.dataset.declared_classes)
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
    columns = columns_of_model(encoder, new_rows, spec.dataset.weight)
    table = source.read(columns, text_columns(spec, party, encoder))
    table, own_rows = _aligned(spec, party, table, alignment)
    if not table.rows:
        raise DataError(f"{table.origin}: no rows; give at least one")
    labels = weights = None
    if encoder.label and new_rows == "labelled":
        labels = _labels(spec, table, encoder.label)
        weights = _weights(spec, table, np.arange(0))
    elif encoder.label:
        labels = torch.empty(table.rows, 0)
    return Data(
        party,
        train_ids=torch.arange(0),
        test_ids=torch.arange(table.rows if own_rows is None else len(own_rows)),
        validation_ids=torch.arange(0),
        features=encoder.features.transform(table, unnamed_array) if encoder.features else (),
        labels=labels,
        weights=weights,
        encoder=encoder,
        unseen=unseen_values(encoder.features, table) if encoder.features else (),
        own_rows=None if own_rows is None else torch.from_numpy(own_rows),
        keys=alignment.keys if alignment else None,
    )


def columns_of(spec: Spec, party: str, available: Sequence[str]) -> tuple[str, ...]:
    """The columns that a party reads: those of its bottom, and of the label holder the label, what
    the rows count for, and what they are split by.

    Args:
        available: the columns of its file.
    """
    own = feature_columns(spec, party, available)
    if party == spec.top.party:
        weight = spec.dataset.weight
        weights = () if weight is None else (weight,)
        own = (*own, *spec.dataset.labels, *weights, *_split_column(spec))
    return tuple(dict.fromkeys(own))


def text_columns(spec: Spec, party: str, encoder: PartyEncoder | None = None) -> frozenset[str]:
    """The columns that a party reads as categories, whatever they hold."""
    own = set(encoder.categorical if encoder else reading_of(spec, party).categorical)
    if party == spec.top.party:
        if spec.top.loss.labels != "numbers":
            own.update(spec.dataset.labels)
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
    [label, *_] = spec.dataset.labels
    strata = Strata(*class_codes(table, label)) if by == "stratified" else None
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
    name = ", ".join(dataset.labels)
    if loss.labels == "numbers":
        scale = fit_target(table, name, train, loss) if loss.standardises else None
        return LabelEncoder(column=name, classes=(), scale=scale)
    found = [
        find_classes(table, label, train, loss, dataset.counts_as_one, dataset.declared_classes)
        for label in dataset.labels
    ]
    if loss.labels == "multilabel":
        values = tuple((zero, one) for zero, one in found)
        return LabelEncoder(column=name, classes=dataset.labels, values=values)
    return LabelEncoder(column=name, classes=found[0])


def _labels(spec: Spec, table: Table, label: LabelEncoder) -> Tensor:
    loss = spec.top.loss
    if loss.labels == "numbers":
        return number_label(table, label.column, loss, label.scale)
    if label.values:
        columns = zip(label.columns, label.values, strict=True)
        each = [encode_classes(table, column, values) for column, values in columns]
        return torch.from_numpy(np.stack(each, axis=1)).to(torch.float32)
    codes = torch.from_numpy(encode_classes(table, label.column, label.classes))
    return codes if loss.labels == "classes" else codes.to(torch.float32).unsqueeze(1)


def _weights(spec: Spec, table: Table, train: Rows) -> Tensor | None:
    column = spec.dataset.weight
    return None if column is None else row_weights(table, column, train)


def _refuse_other_columns(
    spec: Spec, party: str, encoder: PartyEncoder, columns: Sequence[str]
) -> None:
    saved = encoder.features.columns if encoder.features else frozenset()
    if saved != frozenset(columns):
        message = f"the model was trained with other columns of {party} than the spec has"
        raise DataError(f"{message}; use the spec that it was trained with")
    label = encoder.label.columns if encoder.label else ()
    if label != (spec.dataset.labels if party == spec.top.party else ()):
        message = f"the model was trained for the label {', '.join(label)!r}, the spec has another"
        raise DataError(f"{message}; use the spec that it was trained with")
