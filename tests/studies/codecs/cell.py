"""Cells, and their training."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

import msgspec

from splitrun.party import Parties
from splitrun.plan import compile
from splitrun.session.job import job_of
from splitrun.spec import Codec, Document, load
from splitrun.study.arms import CODECS
from tests.studies.training import trained

ROOT = Path(__file__).parents[3]
EXPERIMENT = ROOT / "experiments" / "bank_full.yaml"
_BESIDE = ROOT.parent / "shared" / "data"
"""Where the bank data may be, beside the checkout; else `SPLITRUN_DATA_DIR` names the place."""
DEPTHS = (4, 1)
"""The experiment's own, and the sequential one."""
SEEDS = range(60)


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


def train(cell: Cell) -> Found:
    """Train a cell from its first weights, in one thread."""
    gc.collect()  # what the training before left behind: the runtime keeps the collector off
    document = _document(cell)
    parties = _parties(cell.seed).under(document.spec)
    plan = compile(document.spec, parties.facts())
    return Found(cell, round(trained(job_of(parties, plan, ("auroc",)), "auroc", 0.5).score, 6))


def _document(cell: Cell) -> Document:
    """The experiment at a seed, which rules its split, too; its link only encodes."""
    depth = "pipeline=sequential" if cell.depth == 1 else f"pipeline.depth={cell.depth}"
    seeds = f"seed={cell.seed}", f"dataset.split_seed={cell.seed}"
    return load(EXPERIMENT, [*seeds, depth, f"links={{default: {{codec: {cell.codec}}}}}"])


@lru_cache(maxsize=1)
def _parties(seed: int) -> Parties:
    """The rows as they are split at a seed."""
    document = _document(Cell(1, seed, "none"))
    data_dir = _BESIDE if _BESIDE.is_dir() else None
    return Parties.load(document.spec, document.directory, data_dir=data_dir)
