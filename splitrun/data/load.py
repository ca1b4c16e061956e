"""A dataset as aligned tensors: read, split, fit, transform."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from torch import Tensor

from splitrun.data.columns import assigned_columns, column_problems, opening
from splitrun.data.download import OnDownload
from splitrun.data.encoding import Encoders, InputShape, Rows, fit_party
from splitrun.data.labels import encode_classes, find_classes, number_label
from splitrun.data.table import Table
from splitrun.errors import DataError, SpecError
from splitrun.spec import Spec
from splitrun.spec.contracts import DatasetSection


def split_rows(table: Table, dataset: DatasetSection) -> tuple[Rows, Rows]:
    """The numbers of the training rows and of the held-out rows, each int64 and ascending.

    The choice is scikit-learn's `train_test_split`, so that others can repeat it; with a
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


@dataclass(frozen=True)
class Data:
    """All rows, of all parties, in one process: an experiment, not a private computation."""

    train_ids: Tensor
    """int64 [training rows]: row numbers in the source, ascending. They are the sample ids."""
    test_ids: Tensor
    """int64 [held-out rows], likewise; may be empty."""
    features: Mapping[str, tuple[Tensor, ...]]
    """By party with a bottom, for all rows of the source: what its bottom's forward() is given.
    For `one_hot`, a float32 matrix [rows, width]; for `codes`, float32 [rows, numeric] and
    int64 codes [rows, categorical]."""
    labels: Tensor
    """For all rows: float32 [rows, 1] for binary cross-entropy and MSE, int64 [rows] of class
    indices for cross-entropy."""
    encoders: Encoders
    """Fitted on the training rows; to be kept with the model."""

    @property
    def inputs(self) -> dict[str, InputShape]:
        """By party with a bottom."""
        return {name: party.shape for name, party in self.encoders.parties.items()}

    @cached_property
    def digests(self) -> Mapping[str, str]:
        """Of the encoded data, part by part, by what they are of, in words."""
        parts = {
            "which rows are trained on and which held out": (self.train_ids, self.test_ids),
            "the labels": (self.labels,),
        } | {f"the columns of {party}": self.features[party] for party in sorted(self.features)}
        return {name: _digest(tensors) for name, tensors in parts.items()}

    @property
    def digest(self) -> str:
        """Differs where any row, label or the split does."""
        return hashlib.blake2b("".join(self.digests.values()).encode(), digest_size=16).hexdigest()

    @property
    def classes(self) -> tuple[str, ...]:
        """The label's values in the order of their numbers; empty for regression."""
        return self.encoders.classes


def load_data(
    spec: Spec,
    directory: Path,
    data_dir: Path | None = None,
    on_download: OnDownload | None = None,
    encoders: Encoders | None = None,
) -> Data:
    """Reads a spec's dataset and prepares it for its models.

    Args:
        directory: where relative paths of the spec start.
        data_dir: where to look first for a published dataset.
        on_download: told the bytes done and the bytes in all, where these are known.
        encoders: those of a model trained before; without them, new ones are fitted.

    Raises:
        SpecError: columns that the dataset does not have.
        DataError: data that is missing, damaged, or not what the spec says.
    """
    source = spec.dataset.open(opening(spec, directory, data_dir, on_download))
    problems = column_problems(spec, source.columns())
    if problems:
        raise SpecError(problems)
    assigned = assigned_columns(spec)
    if encoders:
        _refuse_other_columns(spec, assigned, encoders)
    wanted = [*(name for columns in assigned.values() for name in columns), spec.dataset.label]
    table = source.read(list(dict.fromkeys(wanted)), _read_as_text(spec, encoders))
    train, test = split_rows(table, spec.dataset)
    encoders = encoders or _fit(spec, table, train)
    return Data(
        train_ids=torch.from_numpy(train),
        test_ids=torch.from_numpy(test),
        features={name: party.transform(table) for name, party in encoders.parties.items()},
        labels=_labels(spec, table, encoders),
        encoders=encoders,
    )


def _read_as_text(spec: Spec, encoders: Encoders | None) -> frozenset[str]:
    """The columns to read as categories, whatever they hold."""
    listed = frozenset(spec.dataset.read_as_categories)
    label = () if spec.top.loss.labels == "numbers" else (spec.dataset.label,)
    return (encoders.categorical if encoders else listed).union(label)


def _fit(spec: Spec, table: Table, train: Rows) -> Encoders:
    dataset = spec.dataset
    classes: tuple[str, ...] = ()
    if spec.top.loss.labels != "numbers":
        positive = dataset.counts_as_one
        classes = find_classes(table, dataset.label, train, spec.top.loss, positive)
    parties = {
        name: fit_party(
            table,
            columns,
            train,
            inputs=bottom.takes if (bottom := spec.parties[name].bottom) else "one_hot",
            scaling=spec.parties[name].scaling,
            fill_missing=dataset.fills_missing,
        )
        for name, columns in assigned_columns(spec).items()
    }
    return Encoders(parties=parties, label=dataset.label, classes=classes)


def _labels(spec: Spec, table: Table, encoders: Encoders) -> Tensor:
    loss = spec.top.loss
    if loss.labels == "numbers":
        return number_label(table, encoders.label, loss)
    codes = torch.from_numpy(encode_classes(table, encoders.label, encoders.classes))
    return codes if loss.labels == "classes" else codes.to(torch.float32).unsqueeze(1)


def _refuse_other_columns(
    spec: Spec, assigned: Mapping[str, tuple[str, ...]], encoders: Encoders
) -> None:
    for name in dict.fromkeys([*assigned, *encoders.parties]):
        saved = encoders.parties[name].columns if name in encoders.parties else frozenset()
        if saved != frozenset(assigned.get(name, ())):
            message = f"the model was trained with other columns of {name} than the spec has"
            raise DataError(f"{message}; use the spec that it was trained with")
    if spec.dataset.label != encoders.label:
        message = f"the model was trained for the label {encoders.label!r}, the spec has another"
        raise DataError(f"{message}; use the spec that it was trained with")


def _digest(tensors: Iterable[Tensor]) -> str:
    content = hashlib.blake2b(digest_size=16)
    for tensor in tensors:
        content.update(str(list(tensor.shape)).encode())
        content.update(tensor.contiguous().view(-1).numpy().data)
    return content.hexdigest()
