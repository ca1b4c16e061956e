"""Which cells a phase of the study has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from tests.studies.staleness.cell import Cell
from tests.studies.staleness.rules import canonical

DEPTHS = (2, 4, 8, 16)
CHOOSE = range(12)
CONFIRM = range(100, 160)

RULES: Mapping[str, Sequence[str]] = {
    "adam": (
        *("none", "auto", "long_momentum", "spike", "discount", "control"),
        *("weight_prediction", "weight_prediction+discount", "extrapolation", "nesterov"),
        *("stretched+spike", "fixed_momentum+spike", "less_momentum", "root_rate"),
        *("delay_compensated", "gap_aware", "recompute", "weight_prediction+recompute"),
    ),
    "adamw": ("none", "auto", "discount", "weight_prediction", "weight_prediction+discount"),
    "sgd": (
        *("none", "auto", "long_momentum", "spike", "discount", "control", "spike+discount"),
        *("weight_prediction", "weight_prediction+spike", "weight_prediction+discount"),
        *("weight_prediction+spike+discount", "extrapolation", "nesterov", "stretched+spike"),
        *("long_momentum+spike+discount", "less_momentum", "less_momentum+discount", "root_rate"),
        *("spike+root_rate", "weight_prediction+root_rate", "whole_rate"),
        *("delay_compensated", "gap_aware", "recompute"),
    ),
}
"""What is tried, by the optimizer."""


def cells(
    tasks: Iterable[str],
    optimizers: Iterable[str],
    depths: Iterable[int],
    rules: Sequence[str] | None,
    seeds: Iterable[int],
) -> Iterator[Cell]:
    """Every cell once, seed by seed, the sequential one before what is compared with it.

    Args:
        rules: those of `RULES` if None, and sequential with a long momentum as a control.
    """
    told: set[Cell] = set()
    tasks, optimizers, depths = tuple(tasks), tuple(optimizers), tuple(depths)
    for seed in seeds:
        for task in tasks:
            for optimizer in optimizers:
                asked = [(depth, rule) for depth in depths for rule in rules or RULES[optimizer]]
                if rules is None:
                    asked.append((1, "long_momentum"))
                for depth, rule in asked:
                    cell = Cell(seed, task, optimizer, depth, canonical(rule, optimizer))
                    for each in (cell.sequential(), cell):
                        if each not in told:
                            told.add(each)
                            yield each
