"""`python -m tests.benchmarks [PAIRS] [STUDY…]`: measure, and print Markdown tables."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence

from tests.benchmarks import (
    checkpoints,
    compensation,
    endurance,
    fraction,
    modules,
    overhead,
    peer,
    prediction,
    reading,
    speedup,
    versions,
    watched,
)
from tests.benchmarks.pairs import HEADER, Ratio


def _rows(ratios: Iterator[Ratio]) -> Iterator[str]:
    yield HEADER
    for ratio in ratios:
        yield ratio.row()


STUDIES: dict[str, tuple[Callable[[int], Iterator[str]], int]] = {
    "overhead": (lambda pairs: _rows(overhead.measure(pairs)), 31),
    "versions": (lambda pairs: _rows(versions.measure(pairs)), 31),
    "compensation": (lambda pairs: _rows(compensation.measure(pairs)), 31),
    "modules": (lambda pairs: _rows(modules.measure(pairs)), 15),
    "watched": (lambda pairs: _rows(watched.measure(pairs)), 15),
    "fraction": (fraction.measure, 5),
    "prediction": (prediction.measure, 3),
    "depth": (prediction.sweep, 3),
    "speedup": (speedup.measure, 5),
    "peer": (peer.measure, 5),
    "checkpoints": (checkpoints.measure, 3),
    "reading": (reading.measure, 9),
    "endurance": (endurance.measure, endurance.STEPS // 1000),
}
"""What takes a number of repeats and gives lines of Markdown, and how many are usual."""


def main(arguments: Sequence[str]) -> None:
    """Measure the studies that are named, all by default."""
    numbers = [int(argument) for argument in arguments if argument.isdecimal()]
    names = [argument for argument in arguments if not argument.isdecimal()]
    for name in names or STUDIES:
        measure, usual = STUDIES[name]
        print(f"\n## {name}\n", flush=True)
        for line in measure(numbers[0] if numbers else usual):
            print(line, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
