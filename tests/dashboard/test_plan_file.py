"""What is read beyond events, and that nothing there can do harm."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from splitrun.dashboard.live import plan_of
from splitrun.records.plan import PlanRecord
from tests.dashboard.simulated import plan_file, planned
from tests.report.recordings import arm, comparison


def bound_of(directory: Path) -> float | None:
    bound = plan_of(directory).bound
    return None if bound is None else bound.samples_per_s


def test_depths_and_bandwidths_are_those_of_the_plan(tmp_path: Path) -> None:
    plan = plan_file(planned("stale", 4), tmp_path)
    depths = {name: role.depth for name, role in plan.roles.items()}
    assert depths == {"p0.bottom": 4, "p1.bottom": 4, "p0.top": 1}
    known = {name: each.bandwidth_mbps for name, each in plan.channels.items()}
    limited = {name: mbps for name, mbps in known.items() if mbps}
    assert limited == pytest.approx({"p0.top->p1.bottom": 1, "p1.bottom->p0.top": 1})
    assert plan.bound is None


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
        '{"channels": {"c": {"bytes_per_step": -1, "transfer_ms": 1}}}',
        '{"channels": {"c": {"bytes_per_step": 1e999}}}',
        '{"format": 99}',
    ],
)
def test_what_cannot_be_used_is_left_out(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "plan.json").write_text(text, encoding="utf-8", errors="surrogateescape")
    assert plan_of(tmp_path) == PlanRecord()


def test_the_bound_of_a_probed_plan(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text('{"bound": {"samples_per_s": 500.5}}', encoding="utf-8")
    assert bound_of(tmp_path) == 500.5


def test_the_bound_of_a_comparisons_arm(tmp_path: Path) -> None:
    arms = [
        arm("sequential", 1000.0, bound_samples_per_s=None),
        arm("stale:4", 3900.0, bound_samples_per_s=9000.0),
    ]
    (tmp_path / "comparison.json").write_text(json.dumps(comparison(*arms)), encoding="utf-8")
    assert bound_of(tmp_path / "arms" / "stale-4") == 9000
    assert bound_of(tmp_path / "arms" / "sequential") is None
    assert bound_of(tmp_path / "arms" / "stale-8") is None
