"""What growth tables say of given readings, and what these come to on paper."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import yaml

from tests.benchmarks import growth
from tests.benchmarks.on_paper import Cluster, Measured, reckon
from tests.benchmarks.one_run import Figures, figures_of
from tests.benchmarks.slopes import Line, exponent, upper_exponent, verdict

SIZES = (2, 4, 8, 16)


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 2.0])
def test_the_exponent_of_a_power_is_that_power(power: float) -> None:
    values = [3 * size**power for size in SIZES]
    assert exponent(SIZES, values) == pytest.approx(power)
    assert upper_exponent(SIZES, values) == pytest.approx(power)


def test_the_larger_half_shows_what_a_constant_hides() -> None:
    values = [100 + size**2 for size in SIZES]
    assert exponent(SIZES, values) < upper_exponent(SIZES, values) < 2


def test_a_line_is_found_again_and_never_falls_or_begins_below_nothing() -> None:
    found = Line.through(SIZES, [5 + 3 * size for size in SIZES])
    assert (found.constant, found.each) == pytest.approx((5, 3))
    assert Line.through(SIZES, [9, 8, 7, 6]).each == 0
    assert Line.through(SIZES, [size**2 for size in SIZES]).constant == 0


def test_the_verdict_names_what_grows_faster_than_in_proportion() -> None:
    calm = {"ms a step": 0.98, "memory": 1.02}
    assert verdict("parties", calm) == "Nothing is super-linear in parties: at most 1.02, memory."
    told = verdict("parties", calm | {"events": 1.31})
    assert told == "Faster than in proportion to parties: events (1.31)."


def test_a_size_that_memory_would_not_hold_is_left_out_and_told_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    free = SimpleNamespace(available=1000 * 2**20)
    monkeypatch.setattr("psutil.virtual_memory", lambda: free)
    monkeypatch.setattr(growth, "figures_of", _figures)
    printed = "\n".join(growth.measure(2))
    assert "| 1,000,000 |" in printed
    assert "| 10,000,000 |" not in printed
    assert printed.count("100,000,000 is left out") == 1
    assert printed.count("\n10,000,000 is left out") == 2


def test_a_cluster_is_reckoned_from_lines_and_its_own_sizes() -> None:
    """Two parties had 2 MiB each a thousand rows, and 1 s; the top works 1 ms, and 0.5 for each."""
    threaded = Measured((2, 4), {"recorded bytes a step": (200, 400)})
    of_roles = {"a bottom's work, ms a step": (3.0, 3.0), "the top's, ms a step": (2.0, 3.0)}
    serial = Measured((2, 4), of_roles)
    of_rows = {"most memory, MiB": (14.0, 24.0), "processor s": (2.0, 4.0)}
    rows = Measured((1000, 2000), of_rows)
    tables = Measured((10, 20), {"most memory, MiB": (6.0, 8.0)})
    cluster = Cluster(rows=10**6, parties=11, table_rows=100, batch_size=250, width=8)
    found = reckon(cluster, threaded, serial, rows, tables)
    assert cluster.steps == 4000
    assert found.bottom_bytes == pytest.approx(10**6 * (0.005 * 2**20 + 8))
    assert found.prepare_s == pytest.approx(1000)
    assert (found.bottom_ms, found.top_ms) == pytest.approx((3, 6.5))
    assert (found.period_ms, found.limit) == (found.top_ms, "the top")
    assert found.one_way_bytes == 10 * 250 * 8 * 4
    assert found.port_ms == pytest.approx(1e3 * 80_000 * 8 / 10**10)
    assert found.recorded_bytes == pytest.approx(1100)
    assert found.table_bytes == pytest.approx(100 * 0.1 * 2**20)


def test_a_run_in_a_process_of_its_own_tells_what_it_took() -> None:
    figures = figures_of(growth.spec(steps=20, runtime="serial"))
    assert {"p0.bottom", "p1.bottom", growth.TOP} == set(figures.work_ms)
    assert sum(figures.work_ms.values()) <= figures.step_ms
    assert figures.memory_mib > 1
    assert figures.report_bytes > figures.recorded_bytes > figures.events > 1


def test_a_run_that_fails_says_how() -> None:
    with pytest.raises(RuntimeError, match="epochs"):
        figures_of(growth.spec().replace("epochs: ", "epochs: -"))


def _figures(text: str) -> Figures:
    """Memory of 0.1 MiB for each thousand rows of data, or of tables."""
    content = yaml.safe_load(text)
    rows = content["dataset"]["rows"]
    table = content["parties"].get("alice", {}).get("bottom", {}).get("kwargs", {}).get("rows", 0)
    return Figures(
        prepare_s=1.0,
        prepare_cpu_s=1.0,
        step_ms=1.0,
        cpu_ms=1.0,
        memory_mib=1e-4 * max(rows, table),
        events=10.0,
        recorded_bytes=1000.0,
        report_s=1.0,
        report_bytes=5e6,
        work_ms={"p0.bottom": 1.0, "p1.bottom": 2.0, growth.TOP: 0.5},
    )
