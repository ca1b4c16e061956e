"""Rows with a label that needs every party.

Each column has a random stream of its own name, so another party more or less does not change it.
The label's signal is the sum of one nonlinear score per party, all of equal variance, and of the
products of neighbouring parties' scores: what one party holds, no other can make up for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from splitrun.data.sources.synthetic import SyntheticDataset
from splitrun.data.table import Categories, Column, Table
from splitrun.errors import Problem, SpecError
from splitrun.seeds import derive_seed

Values = NDArray[np.float64]

CORRELATION = 0.3
"""Between any two parties' odd numeric columns."""
ZIPF_EXPONENT = 1.1
"""The k-th most popular category is drawn in proportion to k to the minus this."""
CURVATURE = 0.5
"""Weight of a party's squared direction, beside 1 for its straight one and 1 for its categories."""
INTERACTION = 0.5
"""Weight of the parties' products, beside 1 for the sum of their scores."""


def generate(
    dataset: SyntheticDataset,
    parties: Sequence[str],
    columns: Sequence[str],
    text: Collection[str],
) -> Table:
    """These columns; the label is a class `"0"`, `"1"`, … where it is in `text`, else a number; of
    several, each has two classes and a signal of its own.

    Args:
        parties: those that columns are generated for; the label depends on all of them.
        columns: generated columns and the label.

    Raises:
        SpecError: more rows or categories than fit in memory.
    """
    try:
        generated: dict[str, Column] = _features(dataset, parties)
        label = dataset.label
        if not isinstance(label, str):
            generated |= {it: _halves(dataset, parties, generated, it) for it in label}
        elif label not in text:
            generated[label] = _noisy_signal(dataset, parties, generated, "number")
        else:
            generated[label] = _classes(dataset, parties, generated)
    except (MemoryError, ValueError) as error:  # NumPy's, for what no machine could hold
        many = "cardinality" if dataset.cardinality > dataset.rows else "rows"
        what = f"{getattr(dataset, many):,} do not fit in memory"
        raise SpecError([Problem(("dataset", many), what, "generate fewer")]) from error
    taken = {name: generated[name] for name in columns}
    return Table("the synthetic dataset", dataset.rows, taken, "row {}".format)


def _stream(dataset: SyntheticDataset, *names: str | int) -> np.random.Generator:
    return np.random.default_rng(derive_seed("synthetic", dataset.generator_seed, *names))


def _features(dataset: SyntheticDataset, parties: Sequence[str]) -> dict[str, Column]:
    shared = _stream(dataset, "shared").standard_normal(dataset.rows)
    popularity = np.arange(1, dataset.cardinality + 1) ** -ZIPF_EXPONENT
    cumulative = np.cumsum(popularity / popularity.sum())
    values = tuple(f"v{index}" for index in range(dataset.cardinality))
    columns: dict[str, Column] = {}
    for party in parties:
        for index, name in enumerate(dataset.default_columns(party)):
            stream = _stream(dataset, "column", name)
            if index >= dataset.numeric:
                drawn = np.searchsorted(cumulative, stream.random(dataset.rows))
                columns[name] = Categories(np.minimum(drawn, dataset.cardinality - 1), values)
            else:
                own = stream.standard_normal(dataset.rows)
                part = CORRELATION if index % 2 else 0.0
                columns[name] = np.sqrt(1 - part) * own + np.sqrt(part) * shared
    return columns


def _classes(
    dataset: SyntheticDataset, parties: Sequence[str], columns: Mapping[str, Column]
) -> Categories:
    """Two classes split one signal at its median; of more, each has a signal, and the greatest
    wins. One signal is held at a time, for there may be thousands."""
    values = tuple(str(index) for index in range(dataset.classes))
    if dataset.classes == 2:
        return _halves(dataset, parties, columns, 0)
    greatest = np.full(dataset.rows, -np.inf)
    winner = np.zeros(dataset.rows, np.int64)
    for index in range(dataset.classes):
        signal = _noisy_signal(dataset, parties, columns, index)
        winner[signal > greatest] = index
        np.maximum(greatest, signal, out=greatest)
    return Categories(winner, values)


def _halves(
    dataset: SyntheticDataset,
    parties: Sequence[str],
    columns: Mapping[str, Column],
    target: str | int,
) -> Categories:
    """Whether a signal is above its median."""
    signal = _noisy_signal(dataset, parties, columns, target)
    return Categories((signal > np.median(signal)).astype(np.int64), ("0", "1"))


def _noisy_signal(
    dataset: SyntheticDataset,
    parties: Sequence[str],
    columns: Mapping[str, Column],
    target: str | int,
) -> Values:
    """[rows], of variance 1 and, added to that, the noise's."""
    scores = [_score(dataset, party, columns, target) for party in parties]
    products = [left * right for left, right in pairwise(scores)]
    signal = _standardized(sum(scores, np.zeros(dataset.rows)))
    if products:
        mixed = _standardized(sum(products, np.zeros(dataset.rows)))
        signal = _standardized(signal + INTERACTION * mixed)
    noise = _stream(dataset, "noise", target).standard_normal(dataset.rows)
    return signal + dataset.noise * noise


def _score(
    dataset: SyntheticDataset, party: str, columns: Mapping[str, Column], target: str | int
) -> Values:
    """What a party's columns add to the signal, [rows], of mean 0 and variance 1."""
    straight, curved, words = (np.zeros(dataset.rows) for _ in range(3))
    for name in dataset.default_columns(party):
        stream = _stream(dataset, "effect", name, target)
        column = columns[name]
        # Column by column: a matrix product's last bits depend on the machine's threads.
        if isinstance(column, Categories):
            words += stream.standard_normal(len(column.values))[column.codes]
        else:
            weights = stream.standard_normal(2)
            straight += weights[0] * column
            curved += weights[1] * column
    parts = (straight, CURVATURE * _standardized(curved**2), _standardized(words))
    return _standardized(_standardized(parts[0]) + parts[1] + parts[2])


def _standardized(values: Values) -> Values:
    centred = values - values.mean()
    scaled: Values = centred / (centred.std() or 1.0)
    return scaled
