"""Checkpoints on disk: whole, recognised as not whole, or not there."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from splitrun.session.checkpoint import Checkpoint, Store

FILES = ["manifest.json", "a.bottom.json", "a.bottom.safetensors"]


def checkpoint(step: int) -> Checkpoint:
    state = {"module": {"w": torch.full((3,), float(step))}, "optimizers": [{"state": {0: step}}]}
    told = {"steps": step, "train_s": 0.1}
    return Checkpoint(step, {"a.bottom": state}, {"a.bottom": told}, {"a": {"labels": "x"}})


def stored(directory: Path, *steps: int, keep: int = 2) -> Store:
    store = Store(directory / "checkpoints", ["a"], keep)
    for step in steps:
        store.write(checkpoint(step))
    return store


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in (directory / "checkpoints" / "a").iterdir())


def test_what_is_written_is_read_and_the_oldest_are_forgotten(tmp_path: Path) -> None:
    store = stored(tmp_path, 5, 10, 15)
    assert names(tmp_path) == ["step-00000010", "step-00000015"]
    found = store.newest()
    assert found.damaged == ()
    assert found.checkpoint is not None
    assert found.checkpoint.step == found.checkpoint.statistics["a.bottom"]["steps"] == 15
    state = found.checkpoint.roles["a.bottom"]
    assert torch.equal(state["module"]["w"], torch.full((3,), 15.0))
    assert state["optimizers"] == [{"state": {0: 15}}]


def halved(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def damages() -> list[tuple[str, Callable[[Path], None]]]:
    whole: list[tuple[str, Callable[[Path], None]]] = [
        (f"{file}-{damage.__name__}", lambda d, f=file, damage=damage: damage(d / f))  # type: ignore[misc]
        for file in FILES
        for damage in (halved, emptied, Path.unlink)
    ]
    return [*whole, ("no files", lambda directory: [each.unlink() for each in directory.iterdir()])]  # type: ignore[list-item,func-returns-value]


@pytest.mark.parametrize(("_", "damage"), damages(), ids=[name for name, _ in damages()])
def test_a_torn_checkpoint_is_passed_over_for_the_one_before_it(
    tmp_path: Path, _: str, damage: Callable[[Path], None]
) -> None:
    store = stored(tmp_path, 5, 10)
    damage(tmp_path / "checkpoints" / "a" / "step-00000010")
    found = store.newest()
    assert found.checkpoint is not None
    assert found.checkpoint.step == 5
    (told,) = found.damaged
    assert "step-00000010: damaged, so it is passed over: " in told


@pytest.mark.parametrize("file", FILES)
def test_a_flipped_bit_anywhere_is_noticed(tmp_path: Path, file: str) -> None:
    store = stored(tmp_path, 5, 10)
    path = tmp_path / "checkpoints" / "a" / "step-00000010" / file
    whole = path.read_bytes()
    for place in range(0, len(whole), max(1, len(whole) // 40)):
        content = bytearray(whole)
        content[place] ^= 1
        path.write_bytes(content)
        found = store.newest()
        assert found.checkpoint is not None
        # A bit of JSON may be flipped that says nothing, such as the letter of a "\\u00e9".
        assert found.checkpoint.step == 5, place


def test_damaged_ones_and_leftovers_are_cleaned_so_that_good_ones_are_kept(tmp_path: Path) -> None:
    store = stored(tmp_path, 5, 10, keep=1)
    (tmp_path / "checkpoints" / "a" / ".step-00000015.tmp").mkdir()
    (tmp_path / "checkpoints" / "a" / "step-00000020").mkdir()
    store.clean(10)
    assert names(tmp_path) == ["step-00000010"]
    store.write(checkpoint(20))
    assert names(tmp_path) == ["step-00000020"]


@pytest.mark.parametrize("at", range(1, 6))
def test_a_full_disk_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """There are five syncs: three files, their directory, and the directory that it is in."""
    store = stored(tmp_path, 5)
    syncs, fsync = 0, os.fsync

    def fill_up(descriptor: int) -> None:
        nonlocal syncs
        syncs += 1
        if syncs == at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fill_up)
    with pytest.raises(OSError, match="No space left"):
        store.write(checkpoint(10))
    found = store.newest()
    assert found.checkpoint is not None
    assert found.damaged == ()
    assert found.checkpoint.step == (5 if at < 5 else 10)
    assert not [name for name in names(tmp_path) if name.startswith(".")]
