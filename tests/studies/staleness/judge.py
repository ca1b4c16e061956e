"""What cells come to, and tell together: paired differences, and steps until a loss is reached."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from statistics import median

import msgspec

from splitrun.study.statistics import MeanEstimate, estimate_mean
from tests.studies.staleness.cell import Cell, Found
from tests.studies.staleness.train import STEPS_PER_MEAN

SMOOTHED = 100
"""Steps that a training loss is averaged over."""
NEAR = 1.03
"""Of the least loss of the sequential run: what the others are to reach."""
OF_THE_RUN = 2 / 3
"""The part of the sequential run whose least loss counts; the rest is time for the others."""
WITHIN = 0.002
"""Of the sequential run's best metric after any epoch: what the others are to reach."""


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is kept of a training: all that the page needs."""

    score: float
    diverged: bool = False
    ratio: float | None = None
    """How many times the sequential steps, or epochs, to its task's target; None where there is no
    such target, or where it is not reached."""


class Group(msgspec.Struct, frozen=True, order=True):
    """The cells of all seeds."""

    task: str
    optimizer: str
    depth: int
    rule: str

    @classmethod
    def of(cls, cell: Cell) -> Group:
        """The one that a cell belongs to."""
        return cls(cell.task, cell.optimizer, cell.depth, cell.rule)


@dataclass(frozen=True)
class Paired:
    """Of one group against the sequential trainings of the same seeds."""

    loss: MeanEstimate
    """How much of the metric is lost; negative where it is better than sequential."""
    diverged: int


Pairs = Mapping[Group, list[tuple[Outcome, Outcome]]]
"""(sequential, other) by seed."""


def outcomes(found: Mapping[Cell, Found]) -> Mapping[Cell, Outcome]:
    """What cells came to, of those whose sequential ones were found, too."""
    pairs = ((found.get(cell.sequential()), each) for cell, each in found.items())
    return {
        each.cell: Outcome(round(each.score, 6), each.diverged, _ratio(base, each))
        for base, each in pairs
        if base is not None
    }


def _ratio(base: Found, other: Found) -> float | None:
    ratio = None
    if other.losses:
        ratio = steps_ratio(base, other)
    elif other.curve:
        ratio = epochs_ratio(base, other)
    return None if ratio is None else round(ratio, 4)


def paired(known: Mapping[Cell, Outcome], seeds: Collection[int]) -> Pairs:
    """Every group's pairs, at these seeds, in the order of the seeds."""
    pairs: dict[Group, list[tuple[Outcome, Outcome]]] = defaultdict(list)
    for cell in sorted(known):
        base = cell.sequential()
        if cell.seed in seeds and cell != base and base in known:
            pairs[Group.of(cell)].append((known[base], known[cell]))
    return pairs


def judged(pairs: Iterable[tuple[Outcome, Outcome]]) -> Paired:
    """The mean paired loss of the metric."""
    both = list(pairs)
    loss = estimate_mean([base.score - other.score for base, other in both])
    return Paired(loss, sum(other.diverged for _, other in both))


def steps_ratio(base: Found, other: Found) -> float | None:
    """How many times the sequential steps it takes to the target; None where it is not reached."""
    smooth = _smooth(base.losses)
    target = NEAR * min(smooth[: round(OF_THE_RUN * len(smooth))])
    reached = _first(_smooth(other.losses), target)
    sequential = _first(smooth, target)
    assert sequential is not None
    return None if reached is None else _middle(reached) / _middle(sequential)


def epochs_ratio(base: Found, other: Found) -> float | None:
    """How many times the sequential epochs it takes to come near its best metric."""
    target = max(base.curve) - WITHIN
    reached = _first([-score for score in other.curve], -target)
    sequential = _first([-score for score in base.curve], -target)
    assert sequential is not None
    return None if reached is None else (reached + 1) / (sequential + 1)


def typical(ratios: Iterable[float | None]) -> float | None:
    """The median, where a run that never gets there is longer than any; None if it never does."""
    middle = median(float("inf") if ratio is None else ratio for ratio in ratios)
    return None if middle == float("inf") else middle


def _smooth(losses: list[float]) -> list[float]:
    width = SMOOTHED // STEPS_PER_MEAN
    sums = [0.0, *accumulate(losses)]
    return [(sums[end] - sums[end - width]) / width for end in range(width, len(sums))]


def _middle(index: int) -> float:
    """Of the window with this number, in steps."""
    return index * STEPS_PER_MEAN + SMOOTHED / 2


def _first(values: list[float], most: float) -> int | None:
    return next((index for index, value in enumerate(values) if value <= most), None)
