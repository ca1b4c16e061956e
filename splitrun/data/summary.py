"""What was understood of a party's rows: counts by which its owner sees whether they were read as
meant. They are in the manifest, under `data`, and `plan` and `train` tell them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from splitrun.data.encoding import FeatureEncoder, LabelEncoder
from splitrun.data.table import Categories, Table
from splitrun.records.data import LabelSummary, PartySummary, TargetSummary
from splitrun.spec.files import ColumnKeys


def summarise_party(table: Table, features: FeatureEncoder, reading: ColumnKeys) -> PartySummary:
    """What a party's columns hold, and what its bottom is given of them.

    Args:
        reading: as which the party's file was read.
    """
    made = {name: reading.features_of([name]) for name in reading.dates}
    dates = {name: len(parts) for name, parts in made.items() if parts[0] in features.columns}
    missing = {
        each.name: int(np.isnan(column).sum())
        for each in features.numeric
        if not isinstance(column := table.columns[each.name], Categories)
    }
    return PartySummary(
        numeric=len(features.numeric) - sum(dates.values()),
        dates=dates,
        categorical={each.name: len(each.values) for each in features.categorical},
        filled={name: count for name, count in missing.items() if count},
        width=features.shape.width + len(features.shape.cardinalities),
    )


def summarise_label(
    label: LabelEncoder, labels: Tensor, rows: Mapping[str, Tensor], *, binary: bool
) -> LabelSummary:
    """What the label holds.

    Args:
        labels: of all rows, as they are trained on.
        rows: of each part, `train` among them, the row numbers.
        binary: whether the last of its classes counts as 1.
    """
    if label.values:
        return LabelSummary(
            column=label.column,
            labels={name: one for name, (_, one) in zip(label.classes, label.values, strict=True)},
            classes={
                part: dict(zip(label.classes, labels[ids].long().sum(0).tolist(), strict=True))
                for part, ids in rows.items()
            },
        )
    if not label.classes:
        return LabelSummary(column=label.column, target=_target(label, labels[rows["train"]]))
    counts = {
        part: torch.bincount(labels[ids].long().flatten(), minlength=len(label.classes)).tolist()
        for part, ids in rows.items()
    }
    return LabelSummary(
        column=label.column,
        positive=label.classes[-1] if binary else None,
        classes={
            part: dict(zip(label.classes, each, strict=True)) for part, each in counts.items()
        },
    )


def _target(label: LabelEncoder, labels: Tensor) -> TargetSummary:
    values = label.restored(labels).double()
    scale = label.scale
    return TargetSummary(
        smallest=values.min().item(),
        largest=values.max().item(),
        mean=scale.mean if scale else values.mean().item(),
        deviation=scale.deviation if scale else values.std(correction=0).item(),
        distinct=len(torch.unique(labels)),
        standardised=scale is not None,
    )
