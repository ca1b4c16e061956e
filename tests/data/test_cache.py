from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from splitrun.data.columns import sources_of
from splitrun.data.on_disk import on_disk
from splitrun.errors import DataError
from splitrun.party import Parties
from splitrun.session import evaluate_run, prepare, train
from splitrun.spec import load
from splitrun.spec.model import Spec
from tests.forking import forkserver, run_command

ROWS = 20_000
"""More than a block."""


def content(**dataset: Any) -> dict[str, Any]:
    embedding = {"type": "embedding_mlp", "embedding_dim": 3, "hidden": [5], "out": 3}
    return {
        "name": "kept",
        "dataset": {"type": "csv", "label": "y", "key": "id", "batch_size": 2048, **dataset},
        "parties": {
            "alice": {"path": "a.csv", "columns": "*", "bottom": {"type": "mlp", "out": 3}},
            "bob": {"path": "b.parquet", "columns": "*", "scaling": "robust", "bottom": embedding},
        },
        "top": {
            "party": "alice",
            "model": {"type": "mlp", "out": 1},
            "loss": "binary_cross_entropy",
        },
        "training": {"epochs": 1},
        "pipeline": {"schedule": "stale", "depth": 2},
    }


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file for each party, of overlapping rows in different orders."""
    directory, draw = tmp_path_factory.mktemp("files"), np.random.default_rng(0)
    ids = draw.permutation(ROWS)
    words = draw.choice(["red", "green", "blue"], ROWS)
    alice = pd.DataFrame({"id": ids, "x": draw.normal(size=ROWS), "word": words})
    alice["y"] = np.where(alice["x"] > 0, "yes", "no")
    alice[: -ROWS // 10].to_csv(directory / "a.csv", index=False)
    bob = pd.DataFrame({"id": ids, "x": draw.normal(size=ROWS).astype(np.float32)})
    bob["city"] = pd.Categorical(draw.choice(list("abcdefg"), ROWS))
    bob[ROWS // 10 :].sample(frac=1, random_state=1).to_parquet(directory / "b.parquet")
    return directory


def loaded(files: Path, cache: Path | None, **dataset: Any) -> Parties:
    own = {} if cache is None else {"cache": str(cache)}
    return Parties.load(Spec.model_validate(content(**dataset, **own)), files)


def same(one: Parties, other: Parties) -> None:
    assert one.digests == other.digests
    for mine, theirs in zip(one, other, strict=True):
        assert mine.data.encoder == theirs.data.encoder
        assert mine.data.summary == theirs.data.summary
        assert mine.data.doubts == theirs.data.doubts
        assert mine.data.classes == theirs.data.classes
        mine_at, theirs_at = mine.data.keys, theirs.data.keys
        assert mine_at is not None
        assert theirs_at is not None
        assert [mine_at.at(row) for row in range(50)] == [theirs_at.at(row) for row in range(50)]
    assert one.join is not None
    assert other.join is not None
    assert one.join.record == other.join.record
    assert one.join.warnings == other.join.warnings
    assert one.join.keys is not None
    assert other.join.keys is not None
    assert one.join.keys.values == other.join.keys.values
    assert np.array_equal(one.join.keys.codes, other.join.keys.codes)
    for party, rows in other.join.lone.items():
        assert np.array_equal(one.join.lone[party], rows)
    for party, alignment in other.join.alignments.items():
        assert np.array_equal(one.join.alignments[party].rows, alignment.rows)


def test_predictions_of_the_held_out_rows_stand_beside_the_same_keys(
    files: Path, tmp_path: Path
) -> None:
    header, rows = set(), []
    for cache in (None, "kept"):
        path = files / "evaluated.yaml"
        path.write_text(yaml.safe_dump(content(cache=cache and str(tmp_path / cache))))
        runs = tmp_path / f"runs {cache}"
        train(prepare(load(path)), runs)
        [run] = runs.iterdir()
        predictions = evaluate_run(run).predictions
        header.add(predictions.header)
        rows.append(list(predictions.rows()))
    assert len(header) == 1
    assert rows[0] == rows[1]


def test_rows_on_the_disk_are_those_in_memory_when_made_and_when_found(
    files: Path, tmp_path: Path
) -> None:
    plain = loaded(files, None)
    same(loaded(files, tmp_path), plain)
    before = contents(tmp_path)
    same(loaded(files, tmp_path), plain)
    assert contents(tmp_path) == before
    assert all(not party.data.notes for party in loaded(files, tmp_path))


def test_rows_of_a_test_file_are_read_by_way_of_the_disk_and_are_those_in_memory(
    tmp_path: Path,
) -> None:
    for name, rows in (("train.csv", 400), ("test.csv", 100)):
        draw = np.random.default_rng(rows)
        x, gap = draw.normal(size=rows), draw.normal(size=rows)
        frame = pd.DataFrame({"x": x, "word": draw.choice(list("abc"), rows), "gap": gap})
        frame["y"] = np.where(x > 0, "yes", "no")
        frame.to_csv(tmp_path / name, index=False)
    spec = content(key=None, path="train.csv", test_path="test.csv", batch_size=100)
    for party, columns in (("alice", ["gap"]), ("bob", ["x", "word"])):
        spec["parties"][party] |= {"path": None, "columns": columns}
    path, found = tmp_path / "spec.yaml", []
    for cache in (None, "kept", "kept"):
        spec["dataset"]["cache"] = cache
        path.write_text(yaml.safe_dump(spec))
        document = load(path)
        parties = Parties.load(document.spec, tmp_path)
        weights = train(prepare(document), tmp_path / "runs").weights_sha256
        found.append((parties.digests, weights))
    assert found[0] == found[1] == found[2]
    [source] = on_disk({"bob": sources_of(document.spec, tmp_path)["bob"]}, tmp_path).values()
    column = source.read(("x", "word"), ()).columns["x"]
    assert isinstance(column, np.ndarray)
    assert isinstance(column.base, np.memmap)


def contents(directory: Path) -> Mapping[str, tuple[int, int]]:
    """Of each file in it, what changes if it is written anew."""
    paths = (path for path in sorted(directory.rglob("*")) if path.is_file())
    return {str(path): (path.stat().st_ino, path.stat().st_mtime_ns) for path in paths}


def test_a_run_on_them_ends_with_the_weights_of_a_run_in_memory(
    files: Path, tmp_path: Path
) -> None:
    weights = set()
    for cache in (None, tmp_path / "kept", tmp_path / "kept"):
        own = {} if cache is None else {"cache": str(cache)}
        path = files / "spec.yaml"
        path.write_text(yaml.safe_dump(content(**own)))
        weights.add(train(prepare(load(path)), tmp_path / "runs").weights_sha256)
    assert len(weights) == 1


def test_features_that_are_found_are_no_memory_of_the_process(files: Path, tmp_path: Path) -> None:
    loaded(files, tmp_path)
    [kept] = (path for path in tmp_path.iterdir() if path.is_dir())
    held = [loaded(files, tmp_path)]
    assert held
    maps = Path("/proc/self/maps").read_text()
    assert str(kept / "alice.safetensors") in maps
    assert str(kept / "bob.safetensors") in maps


@pytest.mark.parametrize("change", [{"split_seed": 1}, {"missing": "mean"}, {"test_fraction": 0.3}])
def test_what_rows_follow_from_is_what_they_are_named_by(
    files: Path, tmp_path: Path, change: dict[str, Any]
) -> None:
    loaded(files, tmp_path)
    same(loaded(files, tmp_path, **change), loaded(files, None, **change))
    assert len(list(tmp_path.iterdir())) == 2
    loaded(files, tmp_path, batch_size=7)
    assert len(list(tmp_path.iterdir())) == 2


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [cut, empty, flip, Path.unlink])
def test_what_is_damaged_is_made_anew_and_said(
    files: Path, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    loaded(files, tmp_path)
    [kept] = tmp_path.iterdir()
    damage(kept / "bob.safetensors")
    again = loaded(files, tmp_path)
    same(again, loaded(files, None))
    notes = [note for party in again for note in party.data.notes]
    assert len(notes) == 1
    assert "it was made anew" in notes[0]
    assert not [note for party in loaded(files, tmp_path) for note in party.data.notes]


def test_what_a_killed_process_left_is_removed(files: Path, tmp_path: Path) -> None:
    loaded(files, tmp_path)
    [kept] = tmp_path.iterdir()
    left = tmp_path / f".{kept.name}-left"
    kept.rename(left)
    same(loaded(files, tmp_path), loaded(files, None))
    assert list(tmp_path.iterdir()) == [kept]


def test_two_processes_may_make_the_same_at_once(files: Path, tmp_path: Path) -> None:
    path = files / "both.yaml"
    path.write_text(yaml.safe_dump(content(cache=str(tmp_path))))
    command, printed = ["plan", str(path)], files / "printed.txt"
    both = [
        forkserver().Process(target=run_command, args=(command, files, printed)) for _ in range(2)
    ]
    for process in both:
        process.start()
    for process in both:
        process.join()
        assert process.exitcode == 0, printed.read_text()
    assert len(list(tmp_path.iterdir())) == 1
    same(loaded(files, tmp_path), loaded(files, None))


def test_a_directory_that_cannot_be_written_is_named(files: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"dataset.cache: .*file: .*; free space, or make it"):
        loaded(files, tmp_path / "file")


def test_a_fault_of_the_data_leaves_nothing_behind(files: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="positive"):
        loaded(files, tmp_path, positive="maybe")
    assert os.listdir(tmp_path) == []  # noqa: PTH208
