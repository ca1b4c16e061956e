"""Cells, and their training."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from splitrun.plan import compile
from splitrun.session.job import job_of
from splitrun.spec import Codec
from splitrun.study.arms import CODECS
from tests.studies.tasks import OPTIMIZERS, TASKS, parties_of, spec_of
from tests.studies.training import trained

TASK = "bank_full"
DEPTHS = (1, 8)
SEEDS = range(200, 260)
"""No other study has looked at them."""


class Cell(msgspec.Struct, frozen=True, order=True):
    """One training."""

    depth: int
    seed: int
    codec: Codec

    def __str__(self) -> str:
        return f"d={self.depth} {self.codec} seed {self.seed}"


class Found(msgspec.Struct, frozen=True):
    """What a training came to."""

    cell: Cell
    score: float
    """AUROC on the held-out rows; chance where the training diverged."""


def cells(depths: Iterable[int], seeds: Iterable[int]) -> Iterator[Cell]:
    """Those of the study, depth by depth and seed by seed."""
    seeds = tuple(seeds)
    for depth in depths:
        for seed in seeds:
            for codec in CODECS:
                yield Cell(depth, seed, codec)


def train(cell: Cell, directory: Path) -> Found:
    """Train a cell from its first weights, by Adam, and stale with `compensation: auto`.

    Args:
        directory: where files may be put.
    """
    gc.collect()  # what the training before left behind: the runtime keeps the collector off
    stale = {"schedule": "stale", "depth": cell.depth, "compensation": "auto"}
    spec = spec_of(
        TASK,
        cell.seed,
        training={"optimizer": OPTIMIZERS["adam"]},
        pipeline={"schedule": "sequential"} if cell.depth == 1 else stale,
        links={"default": {"codec": cell.codec}},
    )
    parties = parties_of(TASK, cell.seed, directory).under(spec)
    task = TASKS[TASK]
    job = job_of(parties, compile(spec, parties.facts()), (task.metric,))
    return Found(cell, round(trained(job, task).score, 6))
