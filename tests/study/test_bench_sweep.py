"""Grids from a spec's text to figures on disk, on a tiny experiment."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from splitrun.errors import Interrupted, SpecError
from splitrun.spec import load
from splitrun.study.bench import sweep as sweeping
from splitrun.study.bench.grid import combined, parse_axis
from splitrun.study.bench.measure import BenchSettings
from splitrun.study.bench.result import CellResult, Results
from splitrun.study.bench.store import BenchDirectory
from splitrun.study.bench.sweep import Bench, BenchCell, OneByOne, identity, line_up, sweep
from splitrun.study.timing import Trial
from splitrun.study.watcher import BenchWatcher
from tests.cli.trial import ROWS, SPEC, SYNTHETIC

SETTINGS = BenchSettings(repeats=2, budget_s=0.1)


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "spec.yaml"
    path.write_text(SYNTHETIC)
    return path


def lined_up(spec: Path, *varied: str) -> list[BenchCell]:
    return line_up(spec, (), combined([], [parse_axis(each) for each in varied]), None)


def bench(spec: Path, *varied: str, settings: BenchSettings = SETTINGS) -> Bench:
    axes = combined([], [parse_axis(each) for each in varied])
    document = load(spec)
    directory = BenchDirectory.create(spec.parent / "runs", document, axes)
    return Bench(document, axes, {}, line_up(spec, (), axes, None), settings, directory)


class Seen(BenchWatcher):
    """Counts trials; the user interrupts at the trial of this number, if any."""

    def __init__(self, interrupt_at: int = 0) -> None:
        self.trials = 0
        self.cells: list[CellResult] = []
        self._interrupt_at = interrupt_at

    def timing(self, _: Sequence[Trial]) -> None:
        self.trials += 1
        if self.trials == self._interrupt_at:
            raise KeyboardInterrupt

    def done(self, results: Results) -> None:
        self.cells.append(results.cells[-1])


def swept(grid: Bench, seen: Seen) -> Results:
    return sweep(grid, seen, OneByOne(lambda *_: None))


def test_every_cell_is_measured_with_its_own_values(spec: Path) -> None:
    grid, seen = bench(spec, "dataset.batch_size=8,16", "pipeline=sequential,stale"), Seen()
    results = swept(grid, seen)
    assert seen.trials == 4 * 2
    assert seen.cells == list(results.cells)
    found = [cell.measured for cell in results.cells]
    assert [(it.batch_size, it.schedule, it.depth) for it in found if it] == [
        (8, "sequential", 1),
        (8, "stale", 4),
        (16, "sequential", 1),
        (16, "stale", 4),
    ]
    assert [it.steps for it in found if it] == [10, 10, 5, 5]
    for it in found:
        assert it is not None
        assert it.peak_memory_bytes > 2**20
        assert it.others_percent >= 0
        assert it.runtime == "serial"
        for trial in it.trials:
            assert trial.samples_per_s * trial.step_ms == pytest.approx(1e3 * 80 / it.steps)
            assert trial.cpu_percent > 0
    written = json.loads((grid.directory.path / "bench.json").read_text())
    assert written == json.loads(json.dumps(results.report().record.to_json()))
    assert not list(grid.directory.path.rglob("*.tmp"))


def test_what_is_done_is_not_done_again_unless_something_changed(spec: Path) -> None:
    first = swept(bench(spec, "seed=1,2"), Seen())
    again, seen = bench(spec, "seed=1,2"), Seen()
    results = swept(again, seen)
    assert seen.trials == 0
    assert [cell.fate for cell in results.cells] == ["measured before"] * 2
    assert [cell.measured for cell in results.cells] == [cell.measured for cell in first.cells]

    (damaged, *_) = sorted((again.directory.path / "cells").iterdir())
    damaged.write_text(damaged.read_text()[:-20])
    seen = Seen()
    assert {cell.fate for cell in swept(again, seen).cells} == {"measured", "measured before"}
    assert seen.trials == 2

    seen = Seen()
    swept(bench(spec, "seed=1,2", settings=BenchSettings(repeats=3, budget_s=0.1)), seen)
    assert seen.trials == 2 * 3
    again.directory.clear()
    seen = Seen()
    swept(again, seen)
    assert seen.trials == 2 * 2


def test_a_cell_is_read_that_an_earlier_version_wrote(spec: Path) -> None:
    grid = bench(spec)
    (before,) = swept(grid, Seen()).cells
    (file,) = (grid.directory.path / "cells").iterdir()
    file.write_text(file.read_text().replace('"trials"', '"turns"'))
    (after,) = swept(grid, Seen()).cells
    assert after.reused
    assert after.measured == before.measured


def test_data_that_changed_are_measured_again(spec: Path) -> None:
    spec.write_text(SPEC)
    rows = spec.parent / "rows.csv"
    rows.write_text(ROWS)
    assert [cell.fate for cell in swept(bench(spec), Seen()).cells] == ["measured"]
    assert [cell.fate for cell in swept(bench(spec), Seen()).cells] == ["measured before"]
    rows.write_text(ROWS.replace("clerk", "baker"))
    assert [cell.fate for cell in swept(bench(spec), Seen()).cells] == ["measured"]
    rows.write_text(ROWS)
    assert [cell.fate for cell in swept(bench(spec), Seen()).cells] == ["measured before"]


def test_an_interrupted_cell_is_not_kept_and_the_others_are(spec: Path) -> None:
    grid, seen = bench(spec, "seed=1,2,3"), Seen(interrupt_at=4)
    with pytest.raises(Interrupted, match="after 1 of 3 cells"):
        swept(grid, seen)
    assert len(list((grid.directory.path / "cells").iterdir())) == 1
    assert len(json.loads((grid.directory.path / "bench.json").read_text())["cells"]) == 1
    seen = Seen()
    results = swept(grid, seen)
    assert seen.trials == 2 * 2
    assert [cell.fate for cell in results.cells] == ["measured before", "measured", "measured"]


def test_a_cell_that_fails_is_told_and_tried_again(spec: Path) -> None:
    for _ in range(2):
        results = swept(bench(spec, "training.optimizer={type: sgd, lr: 1e38},adam"), Seen())
        assert [cell.failed for cell in results.cells] == [True, False]
        assert "loss" in results.cells[0].problem


def test_the_fewest_trials_are_taken_though_the_budget_is_spent(spec: Path) -> None:
    seen = Seen()
    swept(bench(spec, settings=BenchSettings(budget_s=1e-9)), seen)
    assert seen.trials == 3


def test_wrong_values_of_all_cells_are_found_before_any_is_run(spec: Path) -> None:
    with pytest.raises(SpecError) as refused:
        lined_up(spec, "pipeline.dpeth=1,2", "training.epochs=1,two")
    told = str(refused.value).splitlines()
    assert len(told) == 3
    assert told[0].startswith("override 'pipeline.dpeth=1':1:10: pipeline.dpeth: unknown key")
    assert told[1].startswith("override 'training.epochs=two':1:10: training.epochs: must be")


@pytest.mark.parametrize("wrong", ["pipeline.depth=1,0", "pipeline.depth=x", "links.a-z=lan"])
def test_a_value_that_is_wrong_in_every_cell_is_refused(spec: Path, wrong: str) -> None:
    with pytest.raises(SpecError, match=f"override '{wrong.partition('=')[0]}"):
        lined_up(spec, wrong, "pipeline.schedule=stale")


def test_too_few_steps_for_a_depth_are_that_cells_problem_alone(spec: Path) -> None:
    cells = lined_up(spec, "pipeline.schedule=stale", "pipeline.depth=2,11")
    assert [cell.problem for cell in cells] == ["", "depth 11 is more than the 10 steps of the run"]


def test_values_that_only_do_not_go_together_are_that_cells_problem(spec: Path) -> None:
    cells = lined_up(
        spec,
        "pipeline.schedule=microbatch",
        "pipeline.micro_batches=2,12",
        "dataset.batch_size=4,16",
    )
    assert [bool(cell.problem) for cell in cells] == [False, False, True, False]
    assert cells[2].problem == "a batch of 4 rows has no 12 slices"


def test_an_identity_is_of_all_that_matters(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = load(spec)
    one = identity(document, SETTINGS)
    spec.write_text(SYNTHETIC.replace("name: trial", "# a remark\nname: trial"))
    assert identity(load(spec), SETTINGS) == one
    others = {
        identity(load(spec, ["seed=1"]), SETTINGS),
        identity(document, BenchSettings(repeats=3, budget_s=0.1)),
        identity(document, BenchSettings(repeats=2, budget_s=0.2)),
        identity(document, BenchSettings(repeats=2, budget_s=0.1, unproven=True)),
    }
    monkeypatch.setattr(sweeping, "__version__", "99")
    others.add(identity(document, SETTINGS))
    assert len(others - {one}) == 5


def test_an_identity_is_of_a_class_s_own_file(spec: Path) -> None:
    own = ["parties.alice.bottom={class: tower:Tower}"]
    before = identity(load(spec, own), SETTINGS)
    (spec.parent / "tower.py").write_text("one = 1\n")
    after = identity(load(spec, own), SETTINGS)
    assert before != after
    (spec.parent / "tower.py").write_text("one = 2\n")
    assert identity(load(spec, own), SETTINGS) != after


def test_a_directory_belongs_to_a_spec_and_a_grid(spec: Path) -> None:
    paths = {
        bench(spec, *varied).directory.path.name
        for varied in ([], ["seed=1"], ["seed=1,2"], ["seed=2,1"], [])
    }
    assert len(paths) == 4
    assert all(name.startswith("trial-bench-") for name in paths)
