"""What a model says of rows, as a table: what tells the rows apart, then the class or the number,
then probabilities.

A column of probabilities is named `probability_CLASS`; of two classes, only the one that counts as
1 has one. Of several labels there is a probability for each, and nothing else. Where a column of
the user's has a name of ours, ours gets an underscore at its end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from splitrun.data import Join, NewRows
from splitrun.party import Parties
from splitrun.spec import key_of

Cell = str | int | float | None
CHUNK_ROWS = 65_536
"""Rows that are turned into cells at once: cells take far more memory than tensors."""


@dataclass(frozen=True)
class Predictions:
    """Of rows in the order in which the label holder's file has them."""

    key: str
    """What tells the rows apart: the name of their key, or `row` for their numbers from 0."""
    keys: Sequence[str | int]
    """`[rows]`."""
    classes: tuple[str, ...]
    """The label's, in the order of their numbers; empty for regression. Of several labels, their
    names."""
    values: Tensor
    """`[predicted rows, outputs]`: probabilities, or numbers in the target's own units."""
    reasons: Mapping[int, str] | None = None
    """By position in `keys`, why a row has no prediction; None where each must have one."""
    spellings: Sequence[tuple[str, str]] = ()
    """Of several labels, what stands for 0 and for 1 of each."""
    label: tuple[str, ...] = ()
    """The names of the label's columns, where it is told."""
    labels: Tensor | None = None
    """`[predicted rows, columns]`: indices of classes, or numbers in the target's own units."""

    @classmethod
    def of(cls, parties: Parties, outputs: Tensor, new_rows: NewRows | None = None) -> Predictions:
        """What the top's outputs say of the parties' held-out rows.

        Args:
            new_rows: where the rows are new, whether their labels are known; then those that have
                no partner are told of, too.
        """
        spec, data, join = parties.spec, parties.label_holder.data, parties.join
        name = key_of(spec, spec.top.party) if join and join.keys else None
        rows, order = _in_file_order(parties, data.test_ids)
        lone = _lone(join) if join and join.lone and new_rows else None
        if lone is not None:
            rows = range(len(rows) + len(lone))
        values = data.restored(parties.label_holder.loss.predictions(outputs))
        made = cls(
            key=name or "row",
            keys=[join.keys.at(row) for row in rows] if join and join.keys else rows,
            classes=data.classes,
            spellings=data.encoder.label.values if data.encoder.label else (),
            values=values[order],
            reasons=lone,
        )
        if new_rows == "unlabelled" or data.labels is None:
            return made
        labels = data.labels[data.test_ids[order]]
        labels = labels if data.classes else data.restored(labels)
        columns = labels.unsqueeze(1) if labels.ndim == 1 else labels
        return replace(made, label=spec.dataset.labels, labels=columns)

    @property
    def header(self) -> tuple[str, ...]:
        """The names of the columns, no two alike."""
        names = [self.key, *self.label]
        said = () if self.spellings else ("prediction",)
        ours = [*said, *(f"probability_{name}" for name in self._told)]
        for name in (*ours, *(["reason"] if self.reasons is not None else [])):
            while name in names:
                name += "_"
            names.append(name)
        return tuple(names)

    @property
    def types(self) -> tuple[type, ...]:
        """Of the columns' cells."""
        said = str if self.classes else float
        kinds = [int if self.key == "row" else str, *([said] * len(self.label))]
        kinds += [] if self.spellings else [said]
        kinds += [float] * len(self._told)
        return (*kinds, *([str] if self.reasons is not None else []))

    def rows(self) -> Iterator[tuple[Cell, ...]]:
        """The cells of every row; None where there is nothing to say."""
        given = self._given()
        if self.reasons is None:
            yield from ((key, *cells) for key, cells in zip(self.keys, given, strict=True))
            return
        blank = (None,) * (len(self.header) - 2)
        for position, key in enumerate(self.keys):
            reason = self.reasons.get(position)
            yield (key, *(next(given) if reason is None else blank), reason)

    @property
    def _told(self) -> tuple[str, ...]:
        """The classes whose probabilities are told."""
        return self.classes[1:] if self.values.shape[1] == 1 else self.classes

    def _given(self) -> Iterator[tuple[Cell, ...]]:
        """What is told of every predicted row, its key aside."""
        for start in range(0, len(self.values), CHUNK_ROWS):
            values = self.values[start : start + CHUNK_ROWS]
            told: list[tuple[Cell, ...]] = [tuple(row) for row in values.tolist()]
            if self.classes and not self.spellings:
                single = values.shape[1] == 1
                chosen = (values[:, 0] >= 0.5).long() if single else values.argmax(dim=1)
                names = [self.classes[index] for index in chosen.tolist()]
                told = [(name, *row) for name, row in zip(names, told, strict=True)]
            if self.labels is None:
                yield from told
                continue
            labels = self.labels[start : start + CHUNK_ROWS].tolist()
            if self.classes:
                labels = [self._spelt(row) for row in labels]
            yield from ((*label, *row) for label, row in zip(labels, told, strict=True))

    def _spelt(self, row: Sequence[float]) -> tuple[str, ...]:
        """A row's labels in the words of the file."""
        words: tuple[Sequence[str], ...] = tuple(self.spellings) or (self.classes,)
        return tuple(names[int(index)] for names, index in zip(words, row, strict=True))


def _in_file_order(parties: Parties, ids: Tensor) -> tuple[Sequence[int], Tensor]:
    """The rows of the label holder's file that samples are, ascending; and which sample each is,
    int64 `[samples]`."""
    join, holder = parties.join, parties.spec.top.party
    rows = ids
    if join and holder in join.alignments:
        rows = torch.from_numpy(join.alignments[holder].rows)[ids]
    ascending, order = rows.sort()
    return ascending.tolist(), order


def _lone(join: Join) -> Mapping[int, str]:
    """By row of the label holder's file, with whom it has no partner."""
    missing: dict[int, list[str]] = {}
    for party, rows in join.lone.items():
        for row in rows.tolist():
            missing.setdefault(row, []).append(party)
    return {row: f"no row at {' and '.join(parties)}" for row, parties in missing.items()}
