"""What is read beyond events, and that nothing there can do harm."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from splitrun.dashboard.plan_file import PlanFile
from tests.dashboard.simulated import plan_file, planned


def test_depths_and_bandwidths_are_those_of_the_plan(tmp_path: Path) -> None:
    plan = plan_file(planned("stale", 4), tmp_path)
    assert plan.depths == {"p0.bottom": 4, "p1.bottom": 4, "p0.top": 1}
    assert plan.bandwidths_mbps == pytest.approx({"p0.top->p1.bottom": 1, "p1.bottom->p0.top": 1})
    assert plan.bound_samples_per_s is None


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "{",
        "[]",
        "null",
        "\udcff",
        "[" * 100_000,
        '{"roles": 1, "channels": [], "bound": "x", "micro_batches": "4"}',
        '{"roles": {"a": 1, "b": {"depth": true}}, "channels": {"c": {"bytes_per_step": 1}}}',
        '{"channels": {"c": {"bytes_per_step": 1, "transfer_ms": 0}}}',
    ],
)
def test_what_cannot_be_used_is_left_out(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "plan.json").write_text(text, encoding="utf-8", errors="surrogateescape")
    assert PlanFile.read(tmp_path) == PlanFile()


def test_the_bound_of_a_probed_plan(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text('{"bound": {"samples_per_s": 500.5}}', encoding="utf-8")
    assert PlanFile.read(tmp_path).bound_samples_per_s == 500.5


def test_the_bound_of_a_comparisons_arm(tmp_path: Path) -> None:
    arms = [
        {"recording": "arms/sequential", "bound_samples_per_s": None},
        {"recording": "arms/stale-4", "bound_samples_per_s": 9000.0},
        "damaged",
    ]
    (tmp_path / "comparison.json").write_text(json.dumps({"arms": arms}), encoding="utf-8")
    assert PlanFile.read(tmp_path / "arms" / "stale-4").bound_samples_per_s == 9000
    assert PlanFile.read(tmp_path / "arms" / "sequential").bound_samples_per_s is None
    assert PlanFile.read(tmp_path / "arms" / "stale-8").bound_samples_per_s is None
