"""`python -m tests.benchmarks [PAIRS] [STUDY…]`: measure, and print Markdown tables."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

from tests.benchmarks import fraction, overhead, peer, prediction, versions
from tests.benchmarks.pairs import HEADER, Ratio


def _rows(ratios: Iterator[Ratio]) -> Iterator[str]:
    yield HEADER
    for ratio in ratios:
        yield ratio.row()


STUDIES: dict[str, Callable[[int], Iterator[str]]] = {
    "overhead": lambda pairs: _rows(overhead.measure(pairs)),
    "versions": lambda pairs: _rows(versions.measure(pairs)),
    "fraction": fraction.measure,
    "prediction": prediction.measure,
    "depth": prediction.sweep,
    "peer": peer.measure,
}
"""How often a measurement is repeated -> lines of Markdown."""
DEFAULTS = {"overhead": 31, "versions": 31, "fraction": 5, "prediction": 3, "depth": 3, "peer": 5}

numbers = [argument for argument in sys.argv[1:] if argument.isdecimal()]
names = [argument for argument in sys.argv[1:] if not argument.isdecimal()]
for name in names or STUDIES:
    repeats = int(numbers[0]) if numbers else DEFAULTS[name]
    print(f"\n## {name}\n", flush=True)
    for line in STUDIES[name](repeats):
        print(line, flush=True)
