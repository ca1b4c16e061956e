"""The page's table, from all cells that there are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median

from splitrun.spec import Codec
from splitrun.study.arms import CODECS
from splitrun.study.statistics import estimate_mean
from tests.studies.codecs.cell import Cell, Found
from tests.studies.pages import fill, row

BAR = 0.001
"""Of AUROC: what a codec may change, with 95 % confidence."""
KEPT = "codecs.json"


def write(found: Mapping[Cell, Found], docs: Path) -> None:
    """Fill in the page's table from what is found and what was kept of cells before, and write all
    that is known beside it."""
    docs.mkdir(parents=True, exist_ok=True)
    known = kept(docs / KEPT) | {cell: each.score for cell, each in found.items()}
    fill(docs / "codecs.md", _table(known))
    lines = [
        json.dumps({"depth": depth, "codec": codec, "by_seed": _by_seed(known, depth, codec)})
        for depth in sorted({cell.depth for cell in known})
        for codec in CODECS
    ]
    (docs / KEPT).write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


def kept(path: Path) -> dict[Cell, float]:
    """What was kept beside the page: AUROC."""
    rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return {
        Cell(each["depth"], int(seed), each["codec"]): score
        for each in rows
        for seed, score in each["by_seed"].items()
    }


def _by_seed(known: Mapping[Cell, float], depth: int, codec: Codec) -> dict[int, float]:
    return {
        cell.seed: known[cell]
        for cell in sorted(known)
        if (cell.depth, cell.codec) == (depth, codec)
    }


def _table(known: Mapping[Cell, float]) -> Iterator[str]:
    yield row(["depth", "codec", "AUROC lost, mean", "95 %", "median", "seeds", "bar"])
    yield "|---" * 7 + "|"
    for depth in sorted({cell.depth for cell in known}):
        plain = _by_seed(known, depth, "none")
        for codec in CODECS[1:]:
            coded = _by_seed(known, depth, codec)
            lost = [plain[seed] - score for seed, score in coded.items() if seed in plain]
            if not lost:
                continue
            loss = estimate_mean(lost)
            interval = loss.interval
            yield row(
                [
                    *(str(depth), codec, f"{loss.mean:+.5f}"),
                    f"{interval.low:+.5f} … {interval.high:+.5f}",
                    *(f"{median(lost):+.5f}", str(loss.count)),
                    "met" if interval.low >= -BAR and interval.high <= BAR else "not shown",
                ]
            )
    yield ""
