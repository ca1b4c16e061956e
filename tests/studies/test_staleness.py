"""The study's parts: what it pairs, how it judges, and that a stopped one goes on."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from splitrun.simulate.recommendation import FILE
from tests.studies.pages import BEGIN, END
from tests.studies.staleness import __main__, evidence, grid, page
from tests.studies.staleness.cell import Cell, Found
from tests.studies.staleness.judge import (
    Group,
    Outcome,
    judged,
    outcomes,
    paired,
    steps_ratio,
    typical,
)
from tests.studies.staleness.rules import parts_of
from tests.studies.staleness.tasks import TASKS, parties_of, spec_of
from tests.studies.staleness.trial_rules import STAGES
from tests.studies.store import Store

SEQUENTIAL = Cell(0, "bank", "adam", 1, "none")
STALE = Cell(0, "bank", "adam", 4, "none")
SYNTHETIC = Cell(0, "synthetic", "adam", 1, "none")


def found(cell: Cell, score: float, losses: list[float] | None = None) -> Found:
    return Found(cell, score, diverged=False, curve=[], losses=losses or [], cpu_s=1.0)


def at(cell: Cell, seed: int) -> Cell:
    return msgspec.structs.replace(cell, seed=seed)


def test_a_cell_is_compared_with_the_sequential_one_of_its_seed() -> None:
    cells = {at(SEQUENTIAL, seed): Outcome(0.9) for seed in range(4)}
    cells |= {at(STALE, seed): Outcome(0.9 - 0.01 * seed) for seed in range(5)}
    pairs = paired(cells, range(1, 5))
    assert list(pairs) == [Group("bank", "adam", 4, "none")]
    verdict = judged(*pairs.values())
    assert (verdict.loss.count, verdict.diverged) == (3, 0)
    assert verdict.loss.mean == pytest.approx(0.02)
    assert 0.02 < verdict.loss.interval.upper_bound < verdict.loss.interval.high


def test_steps_are_counted_to_where_the_smoothed_loss_is_near_the_best() -> None:
    """A loss that falls at half the pace takes twice the steps; one that stays up never does."""
    falling = [1 - index / 200 for index in range(150)]
    base = found(SEQUENTIAL, 0.9, falling + [falling[-1]] * 150)
    slow = found(STALE, 0.9, [1 - index / 400 for index in range(350)])
    never = found(STALE, 0.9, [1.0] * 300)
    ratio = steps_ratio(base, slow)
    assert ratio == pytest.approx(2, abs=0.05)
    assert steps_ratio(base, base) == 1
    assert steps_ratio(base, never) is None
    assert typical([1.0, ratio, None]) == ratio
    assert typical([1.0, None, None]) is None


def test_a_stopped_study_goes_on_after_the_last_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "cells.jsonl"
    first, second = found(SEQUENTIAL, 0.9), found(STALE, 0.8)
    Store[Cell, Found](path, Found).add(first)
    with path.open("ab") as file:
        file.write(b'{"cell": {"seed": 0, "ta')
    store = Store[Cell, Found](path, Found)
    assert store.found == {SEQUENTIAL: first}
    store.add(second)
    assert Store[Cell, Found](path, Found).found == {SEQUENTIAL: first, STALE: second}


def test_every_rule_of_the_grid_is_known_and_what_it_is_compared_with_comes_first() -> None:
    cells = list(grid.cells(["bank"], grid.RULES, grid.DEPTHS, None, [0, 1]))
    assert len(set(cells)) == len(cells)
    seen: set[Cell] = set()
    for cell in cells:
        parts_of(cell.rule)
        seen.add(cell)
        assert cell.sequential() in seen
    assert set(STAGES) >= {"recompute", "gap_aware", "delay_compensated"}


def test_the_page_keeps_its_words_and_gets_its_tables(tmp_path: Path) -> None:
    text = f"# Words\n\n{BEGIN}\nold\n{END}\n\nMore words.\n"
    (tmp_path / "staleness.md").write_text(text, encoding="utf-8")
    cells = {}
    for seed in range(3):
        for depth, score in ((1, 0.9), (4, 0.89), (8, 0.88 - 0.001 * seed)):
            cell = Cell(seed, "bank", "adam", depth, "none")
            cells[cell] = found(cell, score)
    page.write(cells, tmp_path)
    written = (tmp_path / "staleness.md").read_text(encoding="utf-8")
    assert written.startswith("# Words\n")
    assert written.endswith("More words.\n")
    assert "old" not in written
    assert "| none | +0.0100 ± 0.0000 (≤ +0.0100), 3 | +0.0210 ± 0.0025 (≤ +0.0227), 3 |" in written
    (figure,) = tmp_path.glob("*.svg")
    assert f"]({figure.name})" in written
    rows = json.loads((tmp_path / "staleness.json").read_text(encoding="utf-8"))
    assert [row["depth"] for row in rows] == [1, 4, 8]


def test_cells_of_an_earlier_study_are_still_told(tmp_path: Path) -> None:
    """Their scores and ratios; cells that were trained again count as they are now."""
    falling = [1 / (1 + index) for index in range(300)]
    cells = {cell: found(cell, 0.9, falling) for cell in (SYNTHETIC, at(SYNTHETIC, 1))}
    for seed in (0, 1):
        stale = msgspec.structs.replace(at(SYNTHETIC, seed), depth=4)
        cells[stale] = found(stale, 0.8, falling)
    assert {each.ratio for each in outcomes(cells).values()} == {1.0}
    page.write(cells, tmp_path)
    changed = msgspec.structs.replace(SYNTHETIC, depth=4)
    again = {SYNTHETIC: cells[SYNTHETIC], changed: found(changed, 0.7, falling)}
    page.write(again, tmp_path)
    written = (tmp_path / "staleness.md").read_text(encoding="utf-8")
    assert "| none | +0.1500, 2 |" in written
    assert "| none | 1.00 |" in written
    page.write({}, tmp_path)
    assert (tmp_path / "staleness.md").read_text(encoding="utf-8") == written


KEPT = Path(__file__).parents[2] / "docs" / "studies" / page.KEPT


def test_the_package_s_evidence_is_what_the_study_confirmed() -> None:
    assert (evidence.PACKAGE / FILE).read_text(encoding="utf-8") == evidence.text(page.kept(KEPT))


def test_evidence_is_of_what_all_seeds_for_confirming_show_on_every_dataset(
    tmp_path: Path,
) -> None:
    """On the second dataset depth 8 loses more than the bar, and depth 16 has too few seeds."""
    cells = {}
    for task, lost in (("bank", {2: 0.0, 8: 0.0, 16: 0.0}), ("bank_full", {2: 0.0, 8: 0.004})):
        for seed in grid.CONFIRM:
            cells[Cell(seed, task, "adam", 1, "none")] = Outcome(0.9)
            for depth, loss in lost.items():
                if depth < 16 or seed < grid.CONFIRM[-1]:
                    score = 0.9 - loss + 1e-5 * (seed % 3)
                    cells[Cell(seed, task, "adam", depth, "none")] = Outcome(score)
    evidence.write(cells, tmp_path)
    (row,) = json.loads((tmp_path / FILE).read_text(encoding="utf-8"))
    assert (row["optimizer"], row["compensation"], row["shown"]) == ("adam", [], [2])
    assert row["steps"] == TASKS["bank"].steps
    assert row["lost_at_most"] == {"2": pytest.approx(0, abs=1e-4), "8": pytest.approx(0.004, 0.1)}


def test_the_report_writes_the_evidence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / page.KEPT).write_bytes(KEPT.read_bytes())
    places = (f"--{name}={tmp_path}" for name in ("work", "docs", "package"))
    monkeypatch.setattr("sys.argv", ["study", "report", *places])
    __main__.main()
    assert (tmp_path / FILE).read_bytes() == (evidence.PACKAGE / FILE).read_bytes()


def test_the_steps_of_a_training_are_what_its_data_make(tmp_path: Path, bank_dir: Path) -> None:
    for name, task in TASKS.items():
        spec, rows = (
            spec_of(name, 0),
            len(parties_of(name, 0, tmp_path).label_holder.data.train_ids),
        )
        assert -(-rows // spec.dataset.batch_size) * spec.training.epochs == task.steps
