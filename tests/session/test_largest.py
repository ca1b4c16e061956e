"""What our writers write at their largest, our readers read."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import msgspec
import pytest
import torch

from splitrun import files
from splitrun.errors import RunFailed, UsageError
from splitrun.events import RunEnded
from splitrun.records.comparison import read_comparison
from splitrun.records.reading import read_lines
from splitrun.records.run import EpochRecord
from splitrun.session import RunDirectory, evaluate_run, train
from splitrun.session import checkpoint as checkpoints
from splitrun.session.checkpoint import Checkpoint, Store
from splitrun.spec import loads
from splitrun.spec.yaml_text import MAX_BYTES
from splitrun.telemetry import JsonLines, read_events
from tests.cli.trial import SYNTHETIC
from tests.report.recordings import arm, comparison, comparison_directory
from tests.runtime.running import prepared, synthetic

LONG = "x" * (65 << 20)


def test_a_checkpoint_of_a_very_long_history_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files.read_bytes, "__defaults__", (10_000,))
    history = [{"epoch": epoch, "test": {"loss": 0.5}} for epoch in range(1000)]
    statistics = {"a.bottom": {"steps": 1, "history": history}}
    state = {"module": {"w": torch.ones(3)}, "optimizers": []}
    store = Store(tmp_path / "checkpoints", ["a"], 1)
    store.write(Checkpoint(1, {"a.bottom": state}, statistics, {}))
    found = store.newest()
    assert found.damaged == ()
    assert found.checkpoint
    assert found.checkpoint.statistics == statistics


def test_metrics_of_a_million_epochs_are_read_line_by_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MOST_BYTES", 1000)
    path = tmp_path / "metrics.jsonl"
    loss = {"loss": 0.5}
    records = [EpochRecord(epoch=epoch, train=loss) for epoch in range(1, 20_001)]
    RunDirectory(tmp_path).append_lines("metrics.jsonl", records)
    assert len(read_lines(path, EpochRecord)) == len(records)
    path.write_text(path.read_text() + '{"epoch": 2')
    assert read_lines(path, EpochRecord)[-1].epoch == 20_000
    files.append_text(path, "9" * (2 << 20))
    with pytest.raises(Exception, match=r"metrics.jsonl:20001: .*a line of more than 1 MiB"):
        read_lines(path, EpochRecord)


def test_a_comparison_of_many_epochs_is_read(tmp_path: Path) -> None:
    both = comparison(arm("sequential", 1000.0), arm("stale:4", 3900.0), advice=LONG)
    read = read_comparison(comparison_directory(tmp_path / "both", both))
    assert read
    assert len(read.advice) == len(LONG)


def test_a_model_of_very_many_categories_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files.read_bytes, "__defaults__", (10_000,))
    content = synthetic(dataset={"categorical": 4, "cardinality": 2_000}, rows=2_000)
    result = train(prepared(content | {"runtime": "serial"}), tmp_path)
    model = Path(result.run_dir) / "model" / "p0" / "model.json"
    assert model.stat().st_size > 10_000
    assert evaluate_run(Path(result.run_dir)).metrics == result.metrics["test"]


def test_json_that_nobody_would_read_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("splitrun.session.run_directory.MOST_BYTES", 100)
    directory = RunDirectory(tmp_path)
    directory.write_json("small.json", {"status": "done"})
    with pytest.raises(OSError, match="File too large") as caught:
        directory.write_json("large.json", {"status": "x" * 100})
    assert caught.value.errno == errno.EFBIG
    assert not (tmp_path / "large.json").exists()


def test_json_has_no_word_for_what_is_no_number_and_neither_have_we(tmp_path: Path) -> None:
    RunDirectory(tmp_path).write_json("odd.json", {"a": float("nan"), "b": [float("inf")]})
    text = (tmp_path / "odd.json").read_bytes()
    assert msgspec.json.decode(text) == {"a": None, "b": [None]}


def test_tensors_that_safetensors_would_not_read_are_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "_MOST_HEADER_BYTES", 1000)
    state = {"module": {f"w{i}": torch.ones(1) for i in range(30)}, "optimizers": []}
    with pytest.raises(OSError, match=r"a\.bottom has too many tensors for one file"):
        Store(tmp_path / "checkpoints", ["a"], 1).write(
            Checkpoint(1, {"a.bottom": state}, {"a.bottom": {}}, {})
        )
    assert list((tmp_path / "checkpoints" / "a").iterdir()) == []


@pytest.mark.parametrize(
    "error",
    [RuntimeError("\udcff" + "x" * (3 << 20)), RunFailed("p0.top", "LOSS 1", "\udcff" * 2_000_000)],
)
def test_a_failure_with_very_much_to_say_is_kept_in_short(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr(RunDirectory, "append_lines", broken)
    with pytest.raises(RunFailed):
        train(prepared(synthetic()), tmp_path, [JsonLines()])
    (directory,) = tmp_path.iterdir()
    assert (directory / "failure.txt").stat().st_size < 8 << 20
    assert r"\udcff" in json.loads((directory / "manifest.json").read_text())["message"]
    *_, last = read_events(directory)
    assert isinstance(last, RunEnded)


def test_a_spec_that_is_too_large_once_it_is_written_out_is_refused_at_the_start(
    tmp_path: Path,
) -> None:
    word = "x" * 1000
    names = ", ".join(["*x"] * (MAX_BYTES // 1000 + 10))
    text = SYNTHETIC.replace("name: trial", "name: trial\nfaults: []\n")
    bottom = f"bob: {{bottom: {{class: 'own:B', kwargs: {{a: &x {word}, b: [{names}]}}}}}}"
    text = text.replace("bob: {bottom: {type: mlp, out: 2}}", bottom)
    document = loads(text, "large.yaml")
    with pytest.raises(UsageError, match=r"^large.yaml: with aliases and defaults written out"):
        RunDirectory.create(tmp_path, document)
    assert list(tmp_path.iterdir()) == []
