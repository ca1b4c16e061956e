"""`python -m tests.benchmarks [REPEATS] [STUDY…]`: measure, and print Markdown tables.

This machine comes first, then each study. A study that had the machine to itself is kept; of
another it is said why not, and the command ends with status 1.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain

from tests.benchmarks import (
    checkpoints,
    cluster,
    codecs,
    compensation,
    endurance,
    fraction,
    growth,
    larger_than_memory,
    machine,
    messages,
    modules,
    overhead,
    peer,
    prediction,
    processes,
    reading,
    speedup,
    versions,
    watched,
    wire,
)
from tests.benchmarks.pairs import HEADER, Ratio
from tests.benchmarks.quiet import Watch, keep, look_around, why_busy


def _rows(ratios: Iterator[Ratio]) -> Iterator[str]:
    yield HEADER
    for ratio in ratios:
        yield ratio.row()


STUDIES: dict[str, tuple[Callable[[int], Iterator[str]], int]] = {
    "overhead": (lambda pairs: chain(_rows(overhead.measure(pairs)), overhead.reachable()), 31),
    "versions": (lambda pairs: _rows(versions.measure(pairs)), 31),
    "compensation": (lambda pairs: _rows(compensation.measure(pairs)), 31),
    "modules": (lambda pairs: _rows(modules.measure(pairs)), 15),
    "watched": (lambda pairs: _rows(watched.measure(pairs)), 15),
    "fraction": (fraction.measure, 5),
    "prediction": (prediction.measure, 3),
    "advised": (prediction.advised, 3),
    "depth": (prediction.sweep, 3),
    "growth": (growth.measure, 1),
    "speedup": (speedup.measure, 5),
    "codecs": (codecs.measure, 5),
    "peer": (peer.measure, 5),
    "processes": (processes.measure, 15),
    "cluster": (cluster.measure, 5),
    "messages": (messages.measure, 3),
    "wire": (wire.measure, 5),
    "checkpoints": (checkpoints.measure, 3),
    "larger_than_memory": (larger_than_memory.measure, 5),
    "reading": (reading.measure, 9),
    "endurance": (endurance.measure, endurance.STEPS // 1000),
}
"""What takes a number of repeats and gives lines of Markdown, and how many are usual."""


def main(arguments: Sequence[str]) -> int:
    """Measure the studies that are named, all by default; 1 if any of them cannot be kept."""
    numbers = [int(argument) for argument in arguments if argument.isdecimal()]
    names = [argument for argument in arguments if not argument.isdecimal()]
    unkept = not _print("machine", lambda: machine.this_machine().rows())
    for name in names or STUDIES:
        measure, usual = STUDIES[name]
        repeats = numbers[0] if numbers else usual
        unkept |= not _print(name, partial(measure, repeats))
    return int(unkept)


def _print(title: str, measure: Callable[[], Iterator[str]]) -> bool:
    """Print a section as it is measured; whether the machine was its own, so that it is kept."""
    lines = [f"## {title}\n"]
    print(f"\n{lines[0]}", flush=True)
    before, watch = look_around(), Watch()
    for line in measure():
        watch.note(line)
        lines.append(line)
        print(line, flush=True)
    watch.note()
    busy = before or why_busy(watch.stretches)
    if busy:
        print(f"\n**Not kept**: the machine was busy: {busy}; measure again.", flush=True)
    else:
        keep(title, lines)
    return not busy


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
