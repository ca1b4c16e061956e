"""The study of codecs: what it pairs, and that its page keeps what was found before."""

from __future__ import annotations

import json
from pathlib import Path

from splitrun.study.arms import CODECS
from tests.studies.codecs import page
from tests.studies.codecs.cell import Cell, Found, cells


def test_every_codec_is_trained_at_every_depth_and_seed_once() -> None:
    found = list(cells([4, 1], [0, 1]))
    assert len(set(found)) == len(found) == 2 * 2 * len(CODECS)


def test_a_codec_is_judged_by_pairs_of_one_seed(tmp_path: Path) -> None:
    """One that loses 0.002 does not meet the bar; half a pair does not count."""
    lost = {"none": 0.0, "fp16": 1e-4, "bf16": -1e-4, "int8": 2e-3}
    found = {}
    for cell in cells([4], range(8)):
        noise = 0.0 if cell.codec == "none" else 1e-5 * (cell.seed % 3)
        found[cell] = Found(cell, 0.9 - 0.01 * cell.seed - lost[cell.codec] + noise)
    del found[Cell(4, 7, "none")]
    page.write(found, tmp_path)
    rows = [line for line in (tmp_path / "codecs.md").read_text().splitlines() if "| 4 |" in line]
    told = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert [(row[1], *row[-2:]) for row in told] == [
        ("fp16", "7", "met"),
        ("bf16", "7", "met"),
        ("int8", "7", "not shown"),
    ]


def test_what_was_found_before_stays(tmp_path: Path) -> None:
    first, second = Cell(4, 0, "none"), Cell(4, 0, "int8")
    page.write({first: Found(first, 0.9)}, tmp_path)
    page.write({second: Found(second, 0.8)}, tmp_path)
    assert page.kept(tmp_path / page.KEPT) == {first: 0.9, second: 0.8}
    assert len(json.loads((tmp_path / page.KEPT).read_text())) == len(CODECS)
