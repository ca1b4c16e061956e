"""Cells of a grid that are timed on a Ray cluster, each alone on a node."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from splitrun.errors import UsageError
from splitrun.records.run import Environment
from splitrun.spec import loads
from splitrun.study.bench.on_ray import About, Node, chosen, nodes_of
from splitrun.study.bench.result import Results
from splitrun.study.bench.sweep import Bench, OneByOne, sweep
from splitrun.study.executors import refuse_nested
from splitrun.study.executors.ray_task import Place
from tests.cli.trial import SYNTHETIC
from tests.study.test_bench_sweep import Seen, bench


def swept(grid: Bench, told: list[str]) -> tuple[Results, int]:
    """The results, and how many cells can run at once."""
    with nodes_of(Place(), grid.document.directory, None, told.append) as nodes:
        return sweep(grid, Seen(), nodes), nodes.at_once


@pytest.mark.usefixtures("cluster")
def test_a_cell_is_timed_on_a_node_and_is_not_timed_again_anywhere(tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(SYNTHETIC)
    failing = "training.optimizer={type: sgd, lr: 1e38},adam,{type: adam}"
    told: list[str] = []
    results, at_once = swept(bench(spec, failing), told)
    assert (at_once, told) == (1, [])
    broken, measured, same = results.cells
    assert (broken.fate, measured.fate) == ("failed", "measured")
    assert "failed at" in broken.problem
    assert measured.measured
    assert same.measured == measured.measured
    grid = bench(spec, failing)
    written = json.loads((grid.directory.path / "bench.json").read_text())
    assert len(written["nodes"]) == 1
    assert any(line.endswith("alone on one of 1 node") for line in results.report().lines)
    seen = Seen()
    again = sweep(grid, seen, OneByOne(lambda *_: None))
    assert [cell.fate for cell in again.cells] == ["failed", "measured before", "measured before"]
    assert again.cells[1].measured == measured.measured


def test_cells_are_timed_on_nodes_of_one_kind_and_on_one_of_each_machine() -> None:
    def about(cpu: str, computer: str) -> About:
        return About(Environment(cpu=cpu, cores=8), 0.0, 8, {}, computer)

    first, twin, second, other = (Node(it, f"10.0.0.{it}", 8) for it in "1234")
    every = {
        first: about("Xeon", "a"),
        twin: about("Xeon", "a"),
        second: about("Xeon", "b"),
        other: about("Atom", "c"),
    }
    told: list[str] = []
    assert chosen(every, told.append) == [first, second]
    assert told == [
        "10.0.0.4: not timed on, as most nodes have 8 cores of Xeon",
        "10.0.0.2: not timed on, as another node is on the same machine",
    ]


def test_a_run_that_wants_the_cluster_is_not_timed_there() -> None:
    spec = loads(SYNTHETIC.replace("runtime: serial", "runtime: ray"), "spec.yaml").spec
    with pytest.raises(UsageError, match="runs whose own runtime is ray would wait"):
        refuse_nested(spec)
