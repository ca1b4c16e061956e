"""The pages of a bench: its grid as small multiples, and how steadily a long run went."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from splitrun.report.write import write
from tests.report.reading import Report
from tests.report.recordings import bench, bench_directory, cell


def page(tmp_path: Path, **changes: Any) -> Report:
    return Report.read(write(bench_directory(tmp_path / "bench", bench(**changes))))


def test_the_question_names_what_varies_and_the_verdict_the_fastest(tmp_path: Path) -> None:
    report = page(tmp_path)
    (question,) = report.texts("p", "question")
    varied = "links (lan, wan), rows (1000, 10000) and pipeline (sequential, stale:4)"
    assert question == f"How fast is it, by {varied}? 8 cells."
    fastest = "links wan, rows 10000, pipeline stale:4"
    sped = "8.00× as fast as pipeline sequential"
    assert report.verdict == f"The fastest is {fastest}, at 8,000 samples/s: {sped}."


def test_numbers_go_along_a_chart_pipelines_are_its_lines_and_the_rest_are_charts(
    tmp_path: Path,
) -> None:
    charts = page(tmp_path).charts
    assert list(charts) == ["links lan", "links wan"]
    for place, chart in enumerate(charts.values()):
        first = 1000 * (4 * place + 1)
        lines = {line["name"]: (line["x"], line["y"]) for line in chart["data"]}
        assert lines == {
            "sequential": ([1000, 10000], [first, first + 2000]),
            "stale:4": ([1000, 10000], [first + 1000, first + 3000]),
        }
    ranges = [chart["layout"]["yaxis"]["range"] for chart in charts.values()]
    assert ranges[0] == ranges[1]


def test_every_cell_has_a_row_and_what_makes_it_doubtful(tmp_path: Path) -> None:
    report = page(tmp_path)
    assert report.texts("th")[:4] == ["links", "rows", "pipeline", "samples/s"]
    rows = report.rows[1:]
    assert len(rows) == 8
    assert all("other processes used 1.7 of 2 cores" in row for row in rows)


def test_a_cell_that_failed_is_told_and_drawn_nowhere(tmp_path: Path) -> None:
    failed = {"parameters": {"seed": "2"}, "status": "failed", "problem": "bob broke"}
    report = page(tmp_path, axes={"seed": ("1", "2")}, cells=[cell(1000.0, seed="1"), failed])
    assert report.verdict.endswith("1 cell could not be measured.")
    assert report.charts["Throughput"]["data"][0]["x"] == [1]
    assert "failed: bob broke" in report.rows[-1]


@pytest.mark.parametrize("axes", [{}, {"links": ("lan", "wan")}])
def test_a_grid_of_words_or_of_nothing_has_a_page(
    tmp_path: Path, axes: dict[str, tuple[str, ...]]
) -> None:
    cells = [cell(1000.0, **{key: label}) for key in axes for label in axes[key]] or [cell(1000.0)]
    report = page(tmp_path, axes=axes, baseline={}, cells=cells)
    assert len(report.charts) == len(axes)
    assert len(report.rows) == 1 + len(cells)


def test_a_bench_of_which_nothing_was_measured_says_so(tmp_path: Path) -> None:
    assert page(tmp_path, cells=[]).verdict == "None of the cells was measured."


def test_a_long_run_s_page_tells_its_limits_and_draws_speed_and_memory(tmp_path: Path) -> None:
    content = {
        "kind": "soak",
        "name": "trial",
        "directory": "runs/trial-bench-0",
        "load_average": 0.5,
        "all_cores": 2,
        "verdict": "stable",
        "samples_per_s": 1000.0,
        "duration_s": 600.0,
        "drift": None,
        "memory_growth_bytes": 2**20,
        "thread_growth": 0,
        "descriptor_growth": 0,
        "figures": [{"name": "memory", "value": "+1.0 MiB", "limit": "at most +16.0 MiB"}],
        "moments": [
            {"time": 1.0 * at, "samples": 500 * at, "memory_bytes": 2**28, "threads": 9,
             "descriptors": 9}
            for at in range(4)
        ],
    }  # fmt: skip
    directory = tmp_path / "soak"
    directory.mkdir()
    (directory / "soak.json").write_text(json.dumps(content), encoding="utf-8")
    report = Report.read(write(directory))
    assert report.verdict == "Stable."
    assert report.rows[-1] == "memory +1.0 MiB at most +16.0 MiB"
    assert report.charts["Throughput"]["data"][0]["y"] == [500, 500, 500]
    assert report.charts["Memory"]["data"][0]["y"] == 4 * [256]
