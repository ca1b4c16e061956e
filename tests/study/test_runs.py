"""`splitrun compare RUN_A RUN_B`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from splitrun.cli.app import run
from splitrun.session import train
from splitrun.study.runs import compare_runs
from tests.cli.trial import refusal
from tests.runtime.running import prepared, synthetic


def trained(runs_dir: Path, **changes: Any) -> str:
    return train(prepared(synthetic(**changes)), runs_dir).run_dir


def test_runs_that_differ_in_their_links_alone_end_with_the_same_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = trained(tmp_path), trained(tmp_path, links={"default": {"latency_ms": 40}})
    assert run(["compare", first, second, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["identical"] is True
    assert set(found["metrics"].values()) == {0.0}
    assert found["spec"]["links.default.latency_ms"] == [None, 40.0]
    assert found["environment"] == {}
    assert found["speedup"] < 1
    assert [each["run_dir"] for each in found["runs"]] == [first, second]
    assert run(["compare", first, second]) == 0
    told = capsys.readouterr().out
    assert "the same weights, bit for bit" in told
    assert "the spec: links.default.latency_ms: None → 40.0" in told


def test_the_second_is_compared_with_the_first(tmp_path: Path) -> None:
    first, second = trained(tmp_path), trained(tmp_path, seed=6)
    comparison = compare_runs(Path(first), Path(second))
    assert not comparison.identical
    assert comparison.spec == {"seed": (5, 6)}
    loss = comparison.second.on("test")["loss"] - comparison.first.on("test")["loss"]
    assert comparison.differences["loss"] == loss != 0


def test_what_is_no_finished_run_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = trained(tmp_path)
    assert "not a run directory" in refusal(capsys, "compare", good, str(tmp_path))
    assert "one other run directory" in refusal(capsys, "compare", good)
    broken = Path(trained(tmp_path))
    manifest = json.loads((broken / "manifest.json").read_text())
    del manifest["result"]
    (broken / "manifest.json").write_text(json.dumps(manifest | {"status": "failed"}))
    said = refusal(capsys, "compare", good, str(broken))
    assert "the run is failed and has no result" in said
