"""What weight versions cost: against updating in place, and with embedding tables of any size."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch.autograd.grad_mode import _unsafe_preserve_version_counter

from splitrun.model import RoleOptimizer
from splitrun.model.versions import WeightVersions
from splitrun.session import prepare, train
from splitrun.spec import loads
from tests.benchmarks.loop import hand_written_loop
from tests.benchmarks.overhead import splitrun_run
from tests.benchmarks.pairs import Measure, Ratio, compare
from tests.runtime.running import labels_of, modules_of

EMBEDDING = """
name: embedding
dataset: {type: synthetic, rows: 16384, numeric: 1, categorical: 8, cardinality: 10000,
          test_fraction: 0, batch_size: %d}
parties:
  alice: {bottom: {class: 'tests.benchmarks.tables:Table', kwargs: {rows: %d}, inputs: codes}}
  bob: {bottom: {class: 'tests.benchmarks.tables:Table', kwargs: {rows: %d}, inputs: codes}}
top: {party: alice, loss: binary_cross_entropy, model: {type: mlp, hidden: [32], out: 1}}
training: {optimizer: {type: sgd, lr: 0.05}, epochs: %d}
pipeline: {schedule: stale, depth: 4}
runtime: serial
"""
TABLE_ROWS = (10**4, 10**5, 10**6, 10**7)


def measure(pairs: int) -> Iterator[Ratio]:
    """Every case, in turn."""
    for batch_size, bound, epochs in ((1024, 1.10, 4), (128, 1.20, 2)):
        run = splitrun_run(batch_size, epochs, "pipeline=stale", "pipeline.depth=4")
        yield compare(
            f"versions against in place, threaded, depth 4, batch {batch_size:,}",
            bound,
            run,
            _in_place(run),
            steps=epochs * 16384 // batch_size,
            pairs=pairs,
        )
    for rows in TABLE_ROWS:
        for batch_size in (128, 1024):
            bound, epochs = (1.15, 4) if batch_size == 128 else (1.10, 16)
            yield _embedding(rows, batch_size, bound, epochs, pairs)


def _embedding(rows: int, batch_size: int, bound: float, epochs: int, pairs: int) -> Ratio:
    document = loads(EMBEDDING % (batch_size, rows, rows, epochs), "embedding.yaml")
    experiment = prepare(document, allow_code=True)

    def ours() -> float:
        with tempfile.TemporaryDirectory() as runs:
            return train(experiment, Path(runs)).wall_s

    *bottoms, top = modules_of(experiment).values()
    optimizers = [torch.optim.SGD(module.parameters(), lr=0.05) for module in (*bottoms, top)]
    columns = [party.data.features for party in experiment.parties]
    steps = experiment.plan.steps

    def plain() -> float:
        return hand_written_loop(
            bottoms,
            top,
            columns,
            labels_of(experiment),
            optimizers,
            batch_size=batch_size,
            steps=steps,
        )

    name = f"two sparse tables of {rows:,} × 16, serial, depth 4, batch {batch_size:,}"
    return compare(name, bound, ours, plain, steps=steps, pairs=pairs)


def _in_place(run: Measure) -> Measure:
    """The same run without versions: gradients are wrong, the time is what we ask for."""

    def measure() -> float:
        with _no_versions():
            return run()

    return measure


@contextmanager
def _no_versions() -> Iterator[None]:
    versions, step = WeightVersions.__init__, RoleOptimizer.step

    def unversioned(self: WeightVersions, module: torch.nn.Module, *_: object) -> None:
        versions(self, module, ())

    def unnoticed(self: RoleOptimizer) -> None:
        parameters = tuple(self._parameters)
        with _unsafe_preserve_version_counter(parameters):
            step(self)

    WeightVersions.__init__ = unversioned  # type: ignore[method-assign, assignment]
    RoleOptimizer.step = unnoticed  # type: ignore[method-assign]
    try:
        yield
    finally:
        WeightVersions.__init__ = versions  # type: ignore[method-assign]
        RoleOptimizer.step = step  # type: ignore[method-assign]
