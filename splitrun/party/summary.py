"""What was understood of all parties' data, and what is odd about them."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor
from torch.nn.functional import one_hot

from splitrun.data.doubts import label_doubts, leaks
from splitrun.data.summary import summarise_label
from splitrun.errors import Problem
from splitrun.party.parties import Parties
from splitrun.records.data import DataSummary, LabelSummary

_MOST_CLASSES = 100
"""Of which it is looked whether a column tells one."""


def summarise(parties: Parties) -> DataSummary:
    """Counts of what was read, for who knows what was meant; warnings are not in it yet."""
    holder = parties.first.data
    label = LabelSummary()
    if holder.encoder.label is not None and holder.labels is not None:
        binary = parties.spec.top.loss.labels == "binary"
        label = summarise_label(holder.encoder.label, holder.labels, holder.parts, binary=binary)
    return DataSummary(
        rows={part: len(ids) for part, ids in holder.parts.items()},
        parties={party.name: party.data.summary for party in parties if party.data.summary},
        label=label,
        join=parties.join.record if parties.join else None,
    )


def doubts(parties: Parties, summary: DataSummary) -> Iterator[Problem]:
    """What is odd about the data, though they can be trained on.

    A column that tells the label is looked for where all parties' rows are in one process.
    """
    spec, holder = parties.spec, parties.first.data
    for party in parties:
        yield from party.data.doubts
    yield from label_doubts(summary.label, spec)
    if holder.labels is None or len(holder.classes) > _MOST_CLASSES:
        return
    indicators = _indicators(holder.labels, len(holder.classes))
    for party in parties:
        if (features := party.data.encoder.features) is not None:
            given, train = party.data.batch, holder.train_ids
            yield from leaks(spec, party.name, features, given, indicators, train)


def _indicators(labels: Tensor, classes: int) -> Tensor:
    """Numbers, or 0 and 1, as they are `[rows, 1]`; of indices of classes, whether it is each."""
    return labels if labels.is_floating_point() else one_hot(labels, classes).float()
