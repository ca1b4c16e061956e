"""`splitrun compare RUN_A RUN_B`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from splitrun.cli.app import run
from splitrun.session import train
from splitrun.study.runs import compare_runs
from tests.catalogue.made import make_comparison
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
    one, other = (each.on("test")["loss"] for each in comparison.runs)
    assert comparison.differences[0]["loss"] == 0
    assert comparison.differences[1]["loss"] == other - one != 0


def test_several_are_compared_with_the_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = trained(tmp_path)
    others = [trained(tmp_path, links={"default": {"latency_ms": 40}}), trained(tmp_path, seed=6)]
    assert run(["compare", first, *others, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [each["run_dir"] for each in found["runs"]] == [first, *others]
    assert found["runs"][1]["differences"] == dict.fromkeys(found["runs"][0]["differences"], 0.0)
    assert found["runs"][2]["differences"]["loss"] != 0
    assert found["runs"][0]["speedup"] == 1
    assert found["spec"]["seed"] == [5, 5, 6]
    assert found["identical"] is False
    assert run(["compare", first, *others]) == 0
    told = capsys.readouterr().out
    assert "the spec: seed: 5 → 5 → 6" in told
    assert "their seeds differ, too (5, 6): a part of it is chance" in told
    assert run(["compare", first, *others, "--assert", "identical"]) == 4
    assert capsys.readouterr().err == "the 3 runs end with different weights\n"


def test_what_such_a_comparison_cannot_tell_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, same = trained(tmp_path), trained(tmp_path, links={"default": {"latency_ms": 1}})
    other_seed = trained(tmp_path, seed=6)
    other_rows = trained(tmp_path, dataset={"type": "synthetic", "rows": 99, "batch_size": 32})

    def told(*runs: str) -> str:
        assert run(["compare", *runs]) == 0
        return capsys.readouterr().out

    assert "all have seed 5, so they share what is drawn of it" in told(first, same)
    assert "they differ in their seeds alone: what is between them is chance" in told(
        first, other_seed
    )
    assert "dataset.rows differs, so their metrics may be of other rows" in told(first, other_rows)
    assert "one run each has no interval" in told(first, same, other_seed)


OLDER = Path(__file__).parents[1] / "records" / "older" / "comparison"


def test_a_comparison_that_is_over_is_printed_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compare", str(OLDER)]) == 0
    told = capsys.readouterr().out
    assert told.splitlines()[0].split()[0] == "arm"
    assert "stale:2" in told
    assert "advice: " in told
    assert run(["compare", str(OLDER), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "comparison"
    said = refusal(capsys, "compare", str(OLDER), "--seeds", "5")
    assert "--seeds: a comparison that is over cannot answer that" in said


def test_one_that_did_not_come_to_its_end_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make_comparison(tmp_path, "20261104T100000Z-trial-compare-1", "running")
    said = refusal(capsys, "compare", str(path))
    assert "a comparison whose status is 'killed', so there is no result of it" in said


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
