"""What the runtime costs over a hand-written split loop: same model, same optimizer, no links."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from splitrun.session import prepare, train
from splitrun.spec import loads
from splitrun.telemetry import JsonLines
from tests.benchmarks import machine
from tests.benchmarks.loop import hand_written_loop
from tests.benchmarks.pairs import Measure, Ratio, compare
from tests.runtime.running import labels_of, modules_of

SPEC = """
name: overhead
dataset: {type: synthetic, rows: 16384, numeric: 24, test_fraction: 0, batch_size: %d}
parties:
  alice: {bottom: {type: mlp, hidden: [100], out: 64}}
  bob: {bottom: {type: mlp, hidden: [100], out: 64}}
top: {party: alice, loss: binary_cross_entropy, model: {type: mlp, hidden: [64], out: 1}}
training: {optimizer: {type: adam, lr: 0.001}, epochs: %d}
"""


def splitrun_run(batch_size: int, epochs: int, *overrides: str) -> Measure:
    """A whole run with its events written, as `splitrun train --progress none` does it."""

    def measure() -> float:
        document = loads(SPEC % (batch_size, epochs), "overhead.yaml", overrides)
        with tempfile.TemporaryDirectory() as runs:
            return train(prepare(document), Path(runs), [JsonLines()]).wall_s

    return measure


def plain_loop(batch_size: int, epochs: int) -> Measure:
    """The hand-written loop on the same model and data."""
    experiment = prepare(loads(SPEC % (batch_size, epochs), "overhead.yaml"))

    def measure() -> float:
        *bottoms, top = modules_of(experiment).values()
        optimizers = [torch.optim.Adam(m.parameters(), lr=0.001) for m in (*bottoms, top)]
        columns = [party.data.features for party in experiment.parties]
        return hand_written_loop(
            bottoms,
            top,
            columns,
            labels_of(experiment),
            optimizers,
            batch_size=batch_size,
            steps=experiment.plan.steps,
        )

    return measure


ROWS, STEPS = 16_384, 512
CASES = [
    ("serial sequential", 128, 1.10, ["runtime=serial"]),
    ("serial sequential", 1024, 1.05, ["runtime=serial"]),
    ("threaded sequential", 128, 1.35, []),
    ("threaded sequential", 1024, 1.10, []),
    ("threaded stale, depth 4", 1024, 0.95, ["pipeline=stale", "pipeline.depth=4"]),
]


def measure(pairs: int) -> Iterator[Ratio]:
    """Every case, in turn."""
    for name, batch_size, bound, overrides in CASES:
        epochs = STEPS * batch_size // ROWS
        yield compare(
            f"{name}, batch {batch_size:,}",
            bound,
            splitrun_run(batch_size, epochs, *overrides),
            plain_loop(batch_size, epochs),
            steps=STEPS,
            pairs=pairs,
        )


def reachable() -> Iterator[str]:
    """What threads come to on this machine if nothing but handovers and cores counts."""
    here = machine.this_machine()
    yield ""
    for batch_size, step in here.step_s.items():
        yield (
            f"Batch {batch_size:,}: two handovers that a sequential step waits for, "
            f"{here.best_handover_s * 1e6:.0f} µs each where they are cheapest, are "
            f"{2 * here.best_handover_s / step.median:.3f} of the plain step; in a pipeline "
            f"{here.cores:.2f} cores at once need {1 / here.cores:.2f} of it."
        )
