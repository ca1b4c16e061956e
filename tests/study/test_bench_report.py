"""What a grid's results say, and the files that they are written to."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from splitrun.errors import UsageError
from splitrun.study.bench.grid import combined, parse_axis
from splitrun.study.bench.measure import ReliabilityWarning
from splitrun.study.bench.report import check_export, export, to_csv, to_json, to_markdown
from splitrun.study.bench.result import CellResult, Results
from tests.study.benches import HEADER, measured

AXES = combined([], [parse_axis("rows=10,20"), parse_axis("pipeline=sequential,stale|4")])
RATES = {
    ("10", "sequential"): 1_000.0,
    ("10", "stale|4"): 3_000.0,
    ("20", "sequential"): 2_000.0,
    ("20", "stale|4"): None,
}


def results(baseline: dict[str, str], *, shown: int = 4) -> Results:
    cells = [
        CellResult(
            {"rows": rows, "pipeline": pipeline},
            measured([rate, 1.1 * rate, 0.9 * rate]) if rate else None,
            problem="" if rate else "spec.yaml:1:2: too few\nspec.yaml:3:4: steps",
        )
        for (rows, pipeline), rate in RATES.items()
    ]
    return Results(HEADER, AXES, baseline, tuple(cells[:shown]))


@pytest.mark.parametrize(
    ("baseline", "speedups"),
    [
        ({}, [1.0, 3.0, 2.0, None]),
        ({"pipeline": "sequential"}, [1.0, 3.0, 1.0, None]),
        ({"rows": "20"}, [0.5, None, 1.0, None]),
        ({"rows": "10", "pipeline": "stale|4"}, [1 / 3, 1.0, 2 / 3, None]),
    ],
)
def test_a_speedup_is_against_the_cell_that_differs_in_the_baseline_alone(
    baseline: dict[str, str], speedups: list[float | None]
) -> None:
    found = results(baseline)
    for cell, speedup in zip(found.cells, speedups, strict=True):
        assert found.speedup(cell) == (speedup and pytest.approx(speedup))


def test_a_speedup_waits_for_its_reference() -> None:
    some = results({"pipeline": "stale|4"}, shown=1)
    assert some.speedup(some.cells[0]) is None


def test_csv_has_numbers_as_they_are_and_nothing_where_there_are_none() -> None:
    first, *_, last = csv.DictReader(io.StringIO(to_csv(results({}).report())))
    assert (first["rows"], first["pipeline"]) == ("10", "sequential")
    assert float(first["samples_per_s"]) == 1_000
    assert float(first["samples_per_s_low"]) < 1_000 < float(first["samples_per_s_high"])
    assert float(first["step_ms"]) == 100
    assert first["trials"] == "3"
    assert first["problem"] == ""
    assert last["samples_per_s"] == last["speedup"] == last["trials"] == ""
    assert "too few" in last["problem"]


def test_markdown_has_a_line_a_cell_and_bars_of_its_own_only() -> None:
    table, _, notes = to_markdown(results({}).report()).partition("\n\n")
    lines = table.splitlines()
    assert len(lines) == 2 + 4
    assert len({line.replace(r"\|", "").count("|") for line in lines}) == 1
    assert r"| 10 | stale\|4 | 3,000 |" in lines[3]
    assert "- rows=20 pipeline=stale|4: not run: spec.yaml:1:2: too few spec.yaml:3:4: steps" in (
        notes.splitlines()
    )


def test_a_column_is_named_by_the_last_part_of_its_key_where_that_is_clear() -> None:
    keys = ("pipeline.depth=1", "parties.a.depth=1", "links.default.latency_ms=1", "seed=1")
    axes = combined([], [parse_axis(key) for key in keys])
    heads = Results(HEADER, axes, {}, ()).report().shown.heads
    assert heads[:4] == ("pipeline.depth", "parties.a.depth", "latency_ms", "seed")


def test_json_has_every_trial_and_every_problem() -> None:
    content = json.loads(to_json(results({}).report()))
    assert content["kind"] == "bench"
    assert content["axes"] == {"rows": ["10", "20"], "pipeline": ["sequential", "stale|4"]}
    first, *_, last = content["cells"]
    assert first["parameters"] == {"rows": "10", "pipeline": "sequential"}
    assert first["samples_per_s"]["median"] == 1_000
    assert len(first["trials"]) == 3
    assert first["status"] == "measured"
    assert last["status"] == "not run"
    assert last["problem"].startswith("spec.yaml:1:2")


def test_doubts_of_one_kind_are_one_line() -> None:
    doubt = ReliabilityWarning("busy machine", "others worked")
    cells = tuple(
        CellResult({"seed": seed}, measured([1.0]), reliability_warnings=(doubt,))
        for seed in ("1", "2")
    )
    lone = CellResult(
        {"seed": "3"},
        measured([1.0]),
        reliability_warnings=(ReliabilityWarning("drift", "it fell"),),
    )
    busy = replace(HEADER, load_average=2.5)
    assert Results(busy, (), {}, (*cells, lone)).warnings == [
        "the load average was 2.5 on 2 cores at the start; measure again when less is going on",
        "2 cells, first at seed=1: others worked",
        "seed=3: it fell",
    ]
    assert Results(HEADER, (), {}, ()).warnings == []


@pytest.mark.parametrize("name", ["a.json", "a.csv", "a.md"])
def test_a_files_suffix_is_its_form(tmp_path: Path, name: str) -> None:
    report = results({}).report()
    check_export(tmp_path / name)
    export(tmp_path / name, report)
    forms = {"a.json": to_json, "a.csv": to_csv, "a.md": to_markdown}
    assert (tmp_path / name).read_text() == forms[name](report)


@pytest.mark.parametrize(
    ("name", "told"),
    [("a.txt", "none of .json, .csv, .md"), ("no/a.csv", "cannot be"), ("d.md", "cannot be")],
)
def test_a_file_that_cannot_be_is_refused(tmp_path: Path, name: str, told: str) -> None:
    (tmp_path / "d.md").mkdir()
    with pytest.raises(UsageError, match=told):
        check_export(tmp_path / name)
