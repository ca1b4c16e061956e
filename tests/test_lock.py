"""The lock of a run directory: one trains, others look, and nobody is in another's way."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from splitrun.errors import RunDirectoryError
from splitrun.lock import is_held, locked


def test_whoever_looks_sees_whether_it_is_held(tmp_path: Path) -> None:
    assert is_held(tmp_path) is False
    with locked(tmp_path):
        assert is_held(tmp_path) is True
    assert is_held(tmp_path) is False
    assert is_held(tmp_path / "nowhere") is None


def test_a_second_one_is_refused_at_once(tmp_path: Path) -> None:
    with (
        locked(tmp_path),
        pytest.raises(RunDirectoryError, match="another process is training here"),
        locked(tmp_path),
    ):
        pass


def test_looking_never_keeps_a_run_from_starting(tmp_path: Path) -> None:
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            is_held(tmp_path)

    readers = [threading.Thread(target=look) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for _ in range(300):
            with locked(tmp_path):
                assert is_held(tmp_path) is True
    finally:
        over.set()
        for reader in readers:
            reader.join()


def test_of_many_that_start_at_once_one_gets_it(tmp_path: Path) -> None:
    start, end = threading.Barrier(4), threading.Barrier(4)
    got, refused = [], []

    def begin() -> None:
        start.wait()
        try:
            with locked(tmp_path):
                got.append(1)
                end.wait()
        except RunDirectoryError:
            refused.append(1)
            end.wait()

    starters = [threading.Thread(target=begin) for _ in range(4)]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join()
    assert (len(got), len(refused)) == (1, 3)
