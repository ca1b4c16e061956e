"""What is odd about a party's columns or the label, though it can be trained on.

An id among the features, a column that never changes and one that tells the label are what most
often makes a result too bad or too good; each is named, with its cost and with how to leave it out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import one_hot

from splitrun.data.encoding import FeatureEncoder, Rows
from splitrun.data.table import Categories, Table
from splitrun.data.words import NEXT_TO_NOTHING, folded
from splitrun.errors import Path, Problem
from splitrun.records.data import LabelSummary
from splitrun.spec import Spec, reading_of
from splitrun.spec.wording import assignment, typed
from splitrun.units import SCREEN, listed

FEWEST_ROWS = 50
"""Training rows from which on it is odd that none repeats a value."""
FEWEST_OF_A_CLASS = 10
"""Training rows from which on a class is not called rare."""
_MOST_VALUES = 100
"""Of a column that can tell the label; more would be an id."""
_SAMPLE_ROWS = 500
"""That are looked at first, for most columns are no more than they seem."""


def column_doubts(
    spec: Spec, party: str, table: Table, features: FeatureEncoder, train: Rows
) -> Iterator[Problem]:
    """Columns of a party that number the rows, hardly repeat a value, or have just one.

    Args:
        train: the training rows' positions in the table.
    """
    place = ("parties", party, "columns")
    reading = reading_of(spec, party)
    of_dates = frozenset(reading.features_of(reading.dates))  # may be another in every row
    constant = [name for name, column in table.columns.items() if _is_constant(column, train)]
    constant = [name for name in constant if name in features.columns - of_dates]
    if constant:
        names = listed([repr(name) for name in constant])
        what = f"{names}: the same value in every training row, which tells nothing"
        yield Problem(place, what, without(spec, party, features, constant))
    yield from _alike(place, features)
    if len(train) < FEWEST_ROWS:
        return
    for number in features.numeric:
        values = table.columns[number.name]
        if number.name in of_dates or isinstance(values, Categories):
            continue
        if _numbers_rows(values[train]):
            what = f"{number.name!r} is another whole number in every row, as an id is"
            yield Problem(place, what, without(spec, party, features, [number.name]))
    for category in features.categorical:
        column = table.columns[category.name]
        if isinstance(column, Categories):
            codes = column.codes[train]
            once = int((np.bincount(codes) == 1).sum())
            if what := _unrepeated(once, len(category.values), len(codes)):
                cost = f"which costs {once:,} of {party}'s {_inputs(features)}"
                what = f"{category.name!r} {what}, {cost}"
                yield Problem(place, what, without(spec, party, features, [category.name]))


def _inputs(features: FeatureEncoder) -> str:
    if features.inputs == "codes":
        rows = sum(features.shape.cardinalities)
        return f"{rows:,} rows of embeddings"
    return f"{features.shape.width:,} inputs"


def _is_constant(column: NDArray[np.float64] | Categories, train: Rows) -> bool:
    values = column.codes if isinstance(column, Categories) else column
    first, *_ = values[train[:1]]
    sample = values[train[:_SAMPLE_ROWS]]
    return bool((sample == first).all() and (values[train] == first).all())


def _numbers_rows(values: NDArray[np.float64]) -> bool:
    """Whether they are whole numbers, all different, that go up or lie close together."""
    sample = values[:_SAMPLE_ROWS]
    if not (np.isfinite(sample).all() and (sample == np.floor(sample)).all()):
        return False
    if len(np.unique(sample)) < len(sample):
        return False
    if not (np.isfinite(values).all() and (values == np.floor(values)).all()):
        return False
    steps = np.diff(values)
    if (steps > 0).all() or (steps < 0).all():
        return True
    span = values.max() - values.min()
    close = span < 2 * len(values)
    return bool(close and len(np.unique(values)) == len(values))


def _alike(place: Path, features: FeatureEncoder) -> Iterator[Problem]:
    """Columns with categories that are hardly meant to be two."""
    for category in features.categorical:
        spellings: dict[str, str] = {}
        for value in category.values:
            other = spellings.setdefault(folded(value), value)
            if other != value:
                what = f"{category.name!r} has {other!r} and {value!r}, which differ by"
                remedy = "write them alike, if they mean the same"
                yield Problem(place, f"{what} {NEXT_TO_NOTHING}", remedy)
                break


def _unrepeated(once: int, distinct: int, rows: int) -> str:
    """What is odd about categories of the training rows; nothing where most come again.

    Args:
        once: categories that one row has.
        distinct: all of them.
    """
    if once == rows:
        return "has another value in every training row, as an id has"
    if once >= FEWEST_ROWS // 2 and 2 * once > distinct:
        return f"has {distinct:,} values, of which {once:,} are in one training row each"
    return ""


def label_doubts(summary: LabelSummary, spec: Spec) -> Iterator[Problem]:
    """Classes that hardly any training row has, or no row of another part; numbers that are two."""
    place = ("dataset", "label")
    for part, counts in summary.classes.items():
        most = FEWEST_OF_A_CLASS if part == "train" else 1
        rare = {name: count for name, count in counts.items() if count < most}
        if not rare or not sum(counts.values()):
            continue
        shown = [f"{name!r}" for name in list(rare)[:5]] + ["…"] * (len(rare) > 5)
        if part == "train":
            rows = SCREEN.plural(max(rare.values()), "training row")
            least = "at most " if len(rare) > 1 else ""
            what = f"{listed(shown)}: {least}{rows}, too few to learn from"
            rest = "leave such labels out" if summary.labels else "put classes together"
            yield Problem(place, what, f"give more of them, or {rest}")
        else:
            what = f"no {part} row has {listed(shown)}, so auroc is not defined there"
            yield Problem(place, what, _more_rows(summary, part, rare, spec))
    target = summary.target
    if target is not None and target.distinct == 2:
        what = f"{summary.column!r} has two values alone, and {spec.top.loss.title} takes numbers"
        yield Problem(("top", "loss"), what, "for classes, set top.loss=binary_cross_entropy")


def _more_rows(summary: LabelSummary, part: str, rare: Collection[str], spec: Spec) -> str:
    """How a part gets rows of these classes."""
    every = sum(sum(counts.values()) for counts in summary.classes.values())
    own = sum(summary.classes[part].values())
    fewest = min(sum(counts[name] for counts in summary.classes.values()) for name in rare)
    if spec.dataset.split.by == "random" and fewest * own >= every:
        return "set dataset.split=stratified"
    return f"give more of its rows, or make more rows {part} rows"


def leaks(
    spec: Spec,
    party: str,
    features: FeatureEncoder,
    inputs: Callable[[Tensor], Sequence[Tensor]],
    indicators: Tensor,
    train: Tensor,
) -> Iterator[Problem]:
    """Columns of a party that are the label in all training rows, or tell one of its classes.

    Args:
        inputs: what the bottom is given of the rows with these numbers.
        indicators: the label of all rows, or whether it is a class, float32 `[rows, 1 or classes]`.
        train: the training rows' numbers.
    """
    if len(train) < FEWEST_ROWS:
        return
    suspects = features.columns
    for rows in (train[:: max(1, len(train) // _SAMPLE_ROWS)][:_SAMPLE_ROWS], train):
        if suspects:
            given, labels = inputs(rows), indicators[rows]
            parts = _parts(features, given, suspects)
            suspects = frozenset(name for name, part in parts if _tell(part, labels))
    for name in sorted(suspects):
        what = f"{name!r} tells the label in every training row"
        remedy = without(spec, party, features, [name])
        yield Problem(("parties", party, "columns"), what, f"unless it is known in time, {remedy}")


def _parts(
    features: FeatureEncoder, inputs: Sequence[Tensor], among: Collection[str]
) -> Iterator[tuple[str, Tensor]]:
    """What is made of each of these columns, float32 [rows, its numbers]."""
    values = {category.name: len(category.values) for category in features.categorical}
    for name, (index, columns) in features.places.items():
        if name not in among or values.get(name, 0) > _MOST_VALUES:
            continue
        part = inputs[index][:, columns]
        yield name, one_hot(part[:, 0], values[name] + 1).float() if index else part


def _tell(columns: Tensor, labels: Tensor) -> bool:
    """Whether one of the columns is one of the labels, but for scale and shift."""
    centred = [each.double() - each.double().mean(dim=0) for each in (columns, labels)]
    unit = [each / each.norm(dim=0).clamp(min=1e-12) for each in centred]
    return bool(((unit[0].T @ unit[1]).abs() > 1 - 1e-9).any())


def without(spec: Spec, party: str, features: FeatureEncoder, odd: Collection[str]) -> str:
    """How to leave the columns out that these features are made of, to be typed as it stands."""
    section, path = spec.parties[party], ("parties", party, "columns")
    columns = reading_of(spec, party).columns_for(odd)
    value: Mapping[str, list[str]] | list[str]
    if not section.columns:
        return "the generator of the dataset can leave them out"
    if section.listed:
        value = [name for name in section.listed if name not in columns]
        if not value:
            return f"list other columns of {party}"
    else:
        value = {"drop": [*section.dropped, *columns]}
        if features.columns <= frozenset(odd):
            return f"give {party} other columns"
    return "drop it: " + typed(assignment(path, json.dumps(value, ensure_ascii=False)))
