"""The advice on depths, by the command line: `auto`, `plan --probe`, and `--unproven`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from splitrun.cli.app import run
from splitrun.report.write import write
from tests.cli.trial import refusal
from tests.report.reading import Report
from tests.runtime.running import synthetic

QUIET = ("--progress", "none", "--json")


@pytest.fixture
def spec(tmp_path: Path) -> str:
    """160 steps over a link of 12 ms: depth 2 is shown, and a deeper one is faster on any machine
    that takes less than that for a step."""
    content = synthetic(
        rows=400,
        training={"epochs": 32},
        links={"default": {"latency_ms": 12}},
        pipeline={"schedule": "stale", "depth": "auto"},
    )
    path = tmp_path / "spec.yaml"
    path.write_text(yaml.safe_dump(content))
    return str(path)


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[dict[str, Any], str]:
    assert run(arguments) == 0
    captured = capsys.readouterr()
    return json.loads(captured.out), captured.err


def test_auto_is_no_deeper_than_is_shown_and_every_place_tells_both_depths(
    spec: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = ("--runs-dir", str(tmp_path / "runs"))
    result, said = printed(capsys, "train", spec, *runs, *QUIET)
    assert result["depth"] == 2
    told = "as accuracy is shown no deeper than 2 (adam without compensation, 160 steps)"
    assert said.startswith("pipeline.depth: auto is 2 here: ")
    assert told in said
    directory = Path(result["run_dir"])
    assert yaml.safe_load((directory / "resolved.yaml").read_text())["pipeline"]["depth"] == 2
    plan = json.loads((directory / "plan.json").read_text())
    assert (plan["recommended_depth"], plan["shown_depth"]) == (2, 2)
    assert plan["fastest_depth"] > 2
    assert plan["unproven"] is False
    assert f"faster, unproven: depth {plan['fastest_depth']} (" in plan["advice"]
    assert plan["certainty"]["told"] in plan["advice"]
    (remark,) = (
        each for each in Report.read(write(directory)).texts("p", "remark") if "Advice" in each
    )
    assert remark.startswith("Depth 2 was taken. Advice: limited by ")
    assert told in remark


def test_unproven_takes_the_faster_depth_and_says_so(
    spec: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, _ = printed(capsys, "plan", spec, "--unproven", "--json")
    assert plan["unproven"] is True
    assert plan["depth"] == plan["fastest_depth"] > plan["recommended_depth"] == 2
    changed = "training.optimizer={type: adagrad}"
    assert run(["plan", spec, changed]) == 0
    *_, advice, then, unproven = capsys.readouterr().out.splitlines()
    told = "as accuracy is shown no deeper than 1 (adagrad without compensation, 160 steps)"
    assert f"{told}; faster, unproven: depth " in advice
    assert then.endswith("1.00× sequential, at depth 1")
    assert unproven.startswith("  unproven ")


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("train",), "--unproven: no depth is advised here"),
        (("plan",), "--unproven: no depth is advised here"),
        (("bench", "-P", "seed=1,2"), "--unproven: no cell has pipeline.depth=auto"),
    ],
)
def test_where_nothing_is_advised_unproven_is_refused(
    spec: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    command: tuple[str, ...],
    told: str,
) -> None:
    name, *more = command
    said = refusal(capsys, name, spec, *more, "pipeline.depth=2", "--unproven")
    assert told in said
    said = refusal(capsys, "train", "--resume", str(tmp_path), "--unproven")
    assert "--unproven: a run that is resumed keeps its depth" in said
