"""What compensation costs where nothing but the machine takes time: a run with it and without."""

from __future__ import annotations

import gc
from collections.abc import Iterator

from splitrun.session import prepare
from splitrun.spec import Document, loads
from splitrun.study.training import RuntimeName, Subject, train_fresh
from tests.benchmarks.overhead import SPEC
from tests.benchmarks.pairs import Measure, Ratio, compare

STEPS = 1280
KINDS: tuple[RuntimeName, ...] = ("serial", "threaded")
OPTIMIZERS = {
    "Adam": "{type: adam, lr: 0.001}",
    "SGD with momentum": "{type: sgd, lr: 0.05, momentum: 0.9}",
}


def run(document: Document, kind: RuntimeName) -> Measure:
    """Seconds of training."""
    subject = Subject(prepare(document).parties)

    def measure() -> float:
        gc.collect()
        return train_fresh(subject, kind).statistics.train_s

    return measure


def measure(pairs: int) -> Iterator[Ratio]:
    """Ratios of times; at most 1.05 for `auto`."""
    for name, optimizer in OPTIMIZERS.items():
        for rule, bound in (("auto", 1.05), ("weight_prediction", 1.3)):
            for kind in KINDS:
                first, second = (
                    run(_document(optimizer, compensation), kind) for compensation in (rule, "none")
                )
                title = f"{name}, {rule} against none, {kind}, depth 4"
                yield compare(title, bound, first, second, steps=STEPS, pairs=pairs)


def _document(optimizer: str, compensation: str) -> Document:
    pipeline = f"pipeline={{schedule: stale, depth: 4, compensation: {compensation}}}"
    overrides = [pipeline, f"training.optimizer={optimizer}"]
    return loads(SPEC % (128, 10), "small.yaml", overrides)
