"""What it costs that a model is a class of the user's, whatever it does: versions of all weights,
seeds for every forward, and steps that are run again to see that they come to the same.

The class does what our own perceptron does, so that a run of it is compared with one of that.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from splitrun.plan import RoleFacts
from splitrun.session import Experiment, prepare
from splitrun.spec import Document, load
from splitrun.study.training import RuntimeName, Subject, train_fresh
from tests.benchmarks.pairs import Measure, Ratio, compare

ROWS, EPOCHS, BATCH_SIZE = 16_384, 10, 128
LONG_EPOCHS = 79
"""10,112 steps."""
SHAPES = ((128, 64), (1024, 256))
"""Batch size, and width of the hidden layer."""
WAYS: tuple[tuple[RuntimeName, int], ...] = (("serial", 4), ("threaded", 1), ("threaded", 4))
"""Runtime, depth."""

CLASS = """
from torch import nn

class Perceptron(nn.Module):
    def __init__(self, in_features, hidden):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(in_features, hidden), nn.ReLU(), nn.Linear(hidden, 32)
        )

    def forward(self, x):
        return self.layers(x)
"""
SPEC = """
name: modules
dataset: {{type: synthetic, rows: {rows}, numeric: 16, batch_size: {batch_size}, test_fraction: 0}}
parties:
  alice: {{bottom: {bottom}}}
  bob: {{bottom: {bottom}}}
top:
  party: alice
  model: {{type: mlp, hidden: [32], out: 1}}
  loss: binary_cross_entropy
training: {{epochs: {epochs}, optimizer: {{type: adam, lr: 0.001}}}}
pipeline: {{schedule: stale, depth: {depth}}}
"""
OURS = "{{type: mlp, hidden: [{hidden}], out: 32}}"
USERS = "{{class: 'perceptron:Perceptron', kwargs: {{hidden: {hidden}}}}}"


def measure(pairs: int) -> Iterator[Ratio]:
    """Ratios of times: with steps run again to without; a user's class to our own."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "perceptron.py").write_text(CLASS)
        long = _prepared(directory, USERS, 64, BATCH_SIZE, 4, LONG_EPOCHS)
        facts = long.plan.facts.roles
        unseen = {role: replace(each, repeatable=False) for role, each in facts.items()}
        title = f"steps run again against none, serial, depth 4, {long.plan.steps:,} steps"
        both = _run(long, "serial", facts), _run(long, "serial", unseen)
        yield compare(title, 1.01, *both, steps=long.plan.steps, pairs=max(2, pairs // 6))
        for batch_size, hidden in SHAPES:
            for kind, depth in WAYS:
                theirs, ours = (
                    _prepared(directory, bottom, hidden, batch_size, depth, EPOCHS)
                    for bottom in (USERS, OURS)
                )
                title = f"a user's class, batch {batch_size}, {hidden} wide, {kind}, depth {depth}"
                steps = theirs.plan.steps
                first, second = (_run(it, kind, it.plan.facts.roles) for it in (theirs, ours))
                yield compare(title, 1.1, first, second, steps=steps, pairs=pairs)


def _prepared(
    directory: Path, bottom: str, hidden: int, batch_size: int, depth: int, epochs: int
) -> Experiment:
    text = SPEC.format(
        rows=ROWS,
        batch_size=batch_size,
        bottom=bottom.format(hidden=hidden),
        epochs=epochs,
        depth=depth,
    )
    (directory / "modules.yaml").write_text(text)
    document: Document = load(directory / "modules.yaml")
    return prepare(document, allow_code=True)


def _run(experiment: Experiment, kind: RuntimeName, facts: Mapping[str, RoleFacts]) -> Measure:
    """Seconds of training."""
    subject = Subject(experiment.parties, known=facts)
    return lambda: train_fresh(subject, kind).statistics.train_s
