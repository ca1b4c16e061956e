"""What a checkpoint costs: a drain of the pipeline, copies of all weights, and writing them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from splitrun.session import prepare, train
from splitrun.spec import loads
from splitrun.telemetry import JsonLines

EVERY_S = 30
STEPS = 600
EVERY_STEPS = 100
SIZES = (("[64]", 4), ("[64]", 8), ("[768, 768]", 4))
"""Hidden layers of each bottom, and the depth."""

SPEC = """
name: checkpoints
dataset: {type: synthetic, rows: 6400, numeric: 8, test_fraction: 0, batch_size: 64}
parties:
  alice: {bottom: {type: mlp, hidden: %s, out: 32}}
  bob: {bottom: {type: mlp, hidden: %s, out: 32}}
top: {party: alice, loss: binary_cross_entropy, model: {type: mlp, hidden: [32], out: 1}}
training: {optimizer: {type: adam, lr: 0.001}, epochs: 6}
pipeline: {schedule: stale, depth: %d}
links: {default: wan}
"""


def measure(pairs: int) -> Iterator[str]:
    """Rows of a Markdown table: whole runs with and without checkpoints, in turns."""
    yield (
        f"| hidden layers | depth | ms a step | ms a checkpoint | one every {EVERY_S} s costs |\n"
        "|---|---|---|---|---|"
    )
    for hidden, depth in SIZES:
        spec = SPEC % (hidden, hidden, depth)
        timed = [(_train_s(spec), _train_s(spec, EVERY_STEPS)) for _ in range(pairs)]
        plain_s = median(plain for plain, _ in timed)
        taken = STEPS // EVERY_STEPS - 1  # there is none at the end
        each_s = median((saved - plain) / taken for plain, saved in timed)
        share = each_s / (EVERY_S + each_s)
        yield (
            f"| {hidden} | {depth} | {1e3 * plain_s / STEPS:.2f} | {1e3 * each_s:.0f} "
            f"| {share:.2%} |"
        )


def _train_s(spec: str, every_steps: int | None = None) -> float:
    overrides = [f"checkpoint.every_steps={every_steps}"] if every_steps else []
    experiment = prepare(loads(spec, "checkpoints.yaml", overrides))
    assert experiment.plan.steps == STEPS
    with tempfile.TemporaryDirectory() as runs:
        return train(experiment, Path(runs), [JsonLines()]).wall_s
