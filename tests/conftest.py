from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keeps every test, and every process it starts, out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _brief_probe(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What costs come to is of this machine; to get any, the shortest probe will do."""
    if (
        "splitrun.session.probe" in sys.modules
        and request.module.__name__ != "tests.session.test_probe"
    ):
        monkeypatch.setattr("splitrun.session.probe._WARM_UP_S", 0.0)
        monkeypatch.setattr("splitrun.session.probe._ROUNDS", 1)
        monkeypatch.setattr("splitrun.session.probe._MOST_ROUNDS", 1)
        monkeypatch.setattr("splitrun.session.probe._TURN_S", 0.03)


@pytest.fixture(scope="session")
def bank_dir() -> Path:
    """The directory that holds bank.csv and bank-full.csv, the published files."""
    named = os.environ.get("SPLITRUN_DATA_DIR")
    directory = Path(named) if named else Path(__file__).parents[2] / "shared" / "data"
    for name in ("bank.csv", "bank-full.csv"):
        if not (directory / name).is_file():
            pytest.skip(f"{directory / name} is not there; set SPLITRUN_DATA_DIR")
    return directory
