from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ends.processes import CHECKPOINTS, FILES, TRAIN, Case, Server, made, server


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    """The server, and a directory with runs: one that is done, another one, and two that were
    killed at their end, of which the first has checkpoints."""
    directory = tmp_path_factory.mktemp("ends")
    with server() as started:
        for name, change in {
            "run": "seed=5",
            "other": "seed=9",
            "killed": CHECKPOINTS,
            "lost": "seed=5",
        }.items():
            work = made(directory / f"making-{name}")
            killed = name in ("killed", "lost")
            moment, signals = ("while the model is saved", ["SIGKILL"]) if killed else ("", [])
            case = Case([*TRAIN, change], str(work), FILES, moment, signals)
            assert started.run(case) == (-9 if killed else 0)
            (run,) = (work / "runs").iterdir()
            run.rename(directory / name)
        yield started, directory
