"""`splitrun value`, by its command line: what it tells of parties whose shares are known."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import splitrun.session
from splitrun.cli.app import run
from splitrun.data import Join
from splitrun.events import FALLING
from splitrun.records.comparison import MeasuredTraining
from splitrun.records.data import JoinRecord
from splitrun.records.reading import read_lines
from splitrun.records.value import ValueRecord, read_value
from splitrun.study.statistics import estimate_mean
from splitrun.study.training import Subject, train_fresh
from splitrun.study.valuation import shown_gain
from splitrun.study.value import more_rows
from tests.cli.trial import refusal
from tests.probing import given_costs
from tests.runtime.running import prepared
from tests.study import known_shares

PARTS = {"train": 600, "validation": 300, "test": 300}


@pytest.fixture(autouse=True)
def _given_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    prepares = sys.modules[splitrun.session.prepare.__module__]
    monkeypatch.setattr(prepares, "probe_costs", given_costs)


def written(directory: Path, **changes: Any) -> Path:
    known_shares.write(directory / "rows.csv", PARTS, 1)
    path = directory / "spec.yaml"
    path.write_text(yaml.safe_dump(known_shares.spec(directory / "rows.csv", **changes)))
    return path


def valued(spec: Path, *arguments: str) -> tuple[Path, ValueRecord]:
    """The directory, and what is in it."""
    runs = spec.parent / "runs"
    options = ("--progress", "none", "--runs-dir", str(runs))
    assert run(["value", str(spec), *options, *arguments]) == 0
    (directory,) = runs.iterdir()
    record = read_value(directory)
    assert record
    return directory, record


def test_half_of_the_signal_and_pure_noise_are_told_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = written(tmp_path, links={"default": "wan"})
    directory, record = valued(spec, "--seeds", "3", "--repeats", "1", "--json")
    assert json.loads(capsys.readouterr().out) == record.to_json()
    alice, bob, carol = record.parties
    assert (alice.finding, bob.finding) == (None, "better")
    assert carol.finding in ("not shown", "worse")
    assert bob.gain
    assert bob.gain.ci95
    assert bob.gain.ci95[0] > 0.05
    assert bob.verdict.startswith("bob brings +0.")
    assert "; `b0` is most of it" in bob.verdict
    assert (record.decided_on, record.evaluated_rows) == ("validation", PARTS["validation"])
    importances = {
        name: each.mean or 0 for it in record.parties for name, each in it.columns.items()
    }
    assert min(importances[it] for it in ("a0", "a1", "b0")) > 0.02 > importances["c0"]
    cut, gradient = 4 * 4, 4 * 4
    assert bob.cost
    assert bob.cost.bytes_per_epoch == PARTS["train"] * (cut + gradient)
    assert bob.cost.epoch_s
    assert bob.cost.epoch_s > 0
    assert "Bob brings +0." in (directory / "report.html").read_text()

    # Without carol it is the experiment that never had her, bit for bit.
    lines = read_lines(directory / "measured.jsonl", MeasuredTraining)
    (measured,) = (it for it in lines if (it.arm, it.seed) == ("without carol", 0))
    content = known_shares.spec(tmp_path / "rows.csv")
    del content["parties"]["carol"]
    alone = train_fresh(Subject(prepared(content).parties), "serial", ("auroc",))
    assert measured.weights_sha256 == alone.weights_sha256
    assert measured.value == alone.statistics.decisive["auroc"]


def test_an_only_party_with_columns_cannot_be_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bottom = {"type": "mlp", "out": 2}
    parties = {"alice": {}, "bob": {"columns": ["b0", "b1"], "bottom": bottom}}
    spec = written(tmp_path, parties=parties)
    _, record = valued(spec, "--seeds", "1", "--repeats", "1", "--metric", "loss")
    (bob,) = record.parties
    assert (bob.finding, bob.gain) == ("all", None)
    told = capsys.readouterr().out
    assert "without bob there is no column to learn from: all of loss 0." in told
    assert "report: " in told


@pytest.mark.parametrize("content", ["{", '{"format": 9}', '{"kind": "valuation"}', "[" * 5000])
def test_a_damaged_file_is_refused_in_a_line(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "value.json").write_text(content)
    told = refusal(capsys, "report", str(tmp_path))
    assert "value.json: cannot be read: " in told
    assert told.endswith("; restore the file, or value it again\n")


def test_a_valuation_that_was_broken_off_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "status.json").write_text('{"kind": "valuation", "status": "failed"}')
    told = refusal(capsys, "report", str(tmp_path))
    assert "a valuation whose status is 'failed', so there is no page of it" in told


def test_rows_that_another_partner_lacks_too_are_no_more_without_one() -> None:
    lone = {"bob": np.array([1, 4, 5]), "carol": np.array([4])}
    counts = JoinRecord(rows={"alice": 9, "bob": 6, "carol": 8}, common=6, order="file")
    join = Join({}, lone, counts)
    assert [more_rows(join, party) for party in ("bob", "carol", "alice")] == [2, 0, 0]
    assert more_rows(None, "bob") == 0


@pytest.mark.parametrize(
    ("gains", "metric", "told"),
    [
        ([0.020, 0.021, 0.022], "auroc", "+0.0210 auroc [0.0185, 0.0235]"),
        ([0.020, 0.022], "auroc", "+0.0210 auroc"),
        ([30.0, 32.0, 34.0], "rmse", "−32.0 rmse [−37.0, −27.0]"),
        ([-2100.0, -2000.0, -1900.0], "mae", "+2000 mae [1752, 2248]"),
    ],
)
def test_a_gain_is_told_in_the_metrics_own_sign_and_digits(
    gains: list[float], metric: str, told: str
) -> None:
    is_falling = metric in FALLING
    assert shown_gain(estimate_mean(gains), metric, is_falling=is_falling) == told


def test_what_cannot_be_valued_is_refused_before_anything_is_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = str(written(tmp_path))
    told = refusal(capsys, "value", spec, "dataset.split=random", "dataset.test_fraction=0")
    assert "nothing tells what columns bring; hold some out, by dataset.test_fraction" in told
