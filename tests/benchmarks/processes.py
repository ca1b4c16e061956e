"""Roles that compute and wait for no link, over processes and over gRPC between them: what cores
win, and what it costs."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from splitrun.session import prepare
from splitrun.spec import loads
from splitrun.study.statistics import estimate_median
from splitrun.study.training import Recorder, RuntimeName, Subject, train_fresh
from splitrun.telemetry import JsonLines
from tests.benchmarks import overhead

HEADER = (
    "| case | aim | ratio, median | quartiles | 95 % interval | ms a step | reference, ms a step "
    "| CPU ms a step | reference, CPU ms a step |\n|---|---|---|---|---|---|---|---|---|"
)
ROWS = 16_384
PIPELINE = "pipeline={schedule: stale, depth: 4}"
WIDE = [
    *(f"parties.{name}.bottom={{type: mlp, hidden: [512], out: 64}}" for name in ("alice", "bob")),
    "dataset.numeric=128",
]
"""64 columns a party."""


@dataclass(frozen=True)
class Cost:
    """Of a step, in seconds."""

    wall_s: float
    cpu_s: float


Measure = Callable[[], Cost]


def ours(batch_size: int, steps: int, kind: RuntimeName, *overrides: str) -> Measure:
    """A training with its events recorded, from when its roles begin."""
    epochs = -(-steps * batch_size // ROWS)
    document = loads(overhead.SPEC % (batch_size, epochs), "processes.yaml", overrides)
    experiment = prepare(document)
    subject = Subject(experiment.parties).with_facts_of(experiment.plan)
    steps = experiment.plan.steps

    def measure() -> Cost:
        with tempfile.TemporaryDirectory() as directory:
            recorder = Recorder(Path(directory), [JsonLines()], [])
            outcome = train_fresh(subject, kind, recorder=recorder)
        return Cost(outcome.statistics.train_s / steps, outcome.cpu_s / steps)

    return measure


def hand_written(batch_size: int, steps: int) -> Measure:
    """The loop of `overhead`."""
    epochs = -(-steps * batch_size // ROWS)
    loop, steps = overhead.plain_loop(batch_size, epochs), epochs * ROWS // batch_size

    def measure() -> Cost:
        used_s = time.process_time()
        wall_s = loop()
        return Cost(wall_s / steps, (time.process_time() - used_s) / steps)

    return measure


Case = tuple[str, float, Callable[[], tuple[Measure, Measure]]]
"""What is measured, the aim, and what makes the two measures."""

CASES: Sequence[Case] = [
    (
        "64 → 512 → 64, batch 4,096, against serial `sequential`",
        1 / 1.5,
        lambda: (
            ours(4096, 32, "processes", PIPELINE, *WIDE),
            ours(4096, 32, "serial", "pipeline=sequential", *WIDE),
        ),
    ),
    (
        "the same over gRPC with TLS",
        1 / 1.35,
        lambda: (
            ours(4096, 32, "grpc", PIPELINE, *WIDE),
            ours(4096, 32, "serial", "pipeline=sequential", *WIDE),
        ),
    ),
    (
        "24 → 100 → 64, batch 1,024, against the loop",
        0.75,
        lambda: (ours(1024, 512, "processes", PIPELINE), hand_written(1024, 512)),
    ),
    (
        "24 → 100 → 64, batch 128, against the loop",
        0.90,
        lambda: (ours(128, 1024, "processes", PIPELINE), hand_written(128, 1024)),
    ),
]


def measure(pairs: int) -> Iterator[str]:
    """Rows of a Markdown table."""
    return measured(CASES, pairs)


def measured(cases: Sequence[Case], pairs: int) -> Iterator[str]:
    """A row a case, measured in pairs, in alternating order, after one of each to warm up."""
    yield HEADER
    for name, aim, made in cases:
        measures = made()
        for each in measures:
            each()
        costs: list[tuple[Cost, Cost]] = []
        for pair in range(pairs):
            first, second = measures if pair % 2 else measures[::-1]
            one, other = first(), second()
            costs.append((one, other) if pair % 2 else (other, one))
        ratios = [one.wall_s / other.wall_s for one, other in costs]
        low, _, high = statistics.quantiles(ratios, n=4)
        interval = estimate_median(ratios).interval
        columns = zip(*((a.wall_s, b.wall_s, a.cpu_s, b.cpu_s) for a, b in costs), strict=True)
        cells = " | ".join(f"{1e3 * statistics.median(column):.2f}" for column in columns)
        yield (
            f"| {name} | ≤ {aim:.2f} | {statistics.median(ratios):.3f} | {low:.3f} – {high:.3f} "
            f"| {interval.low:.3f} – {interval.high:.3f} | {cells} |"
        )
