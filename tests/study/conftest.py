"""One comparison for all tests that only look at what comes of one."""

from __future__ import annotations

import contextlib
import io
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

import splitrun.session
import splitrun.study.compare as comparing
from splitrun.cli.app import run
from splitrun.study.arms import Arm
from splitrun.study.comparison import Comparison
from splitrun.study.watcher import Watcher
from tests.probing import given_costs
from tests.runtime.running import synthetic

ARGUMENTS = ("--depths", "1,2", "--repeats", "3", "--budget", "1", "--seeds", "1")


@dataclass(frozen=True)
class Compared:
    """What `splitrun compare` has measured, printed and written; nobody changes it."""

    spec: Path
    directory: Path
    stdout: str
    stderr: str
    comparison: Comparison


@pytest.fixture(scope="session")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Compared:
    """A comparison of one batch at a time, micro-batches, and `stale` at depths 1 and 2."""
    directory = tmp_path_factory.mktemp("compared")
    spec = directory / "spec.yaml"
    spec.write_text(yaml.safe_dump(synthetic(rows=300, links={"default": "lan"})))
    measured: list[Comparison] = []
    compare = comparing.compare

    def kept(*arguments: Any) -> Comparison:
        measured.append(compare(*arguments))
        return measured[-1]

    stdout, stderr = io.StringIO(), io.StringIO()
    options = ("--progress", "none", "--runs-dir", str(directory / "runs"), "--json")
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(stdout),
        contextlib.redirect_stderr(stderr),
    ):
        patch.setattr(sys.modules[splitrun.session.prepare.__module__], "probe_costs", given_costs)
        patch.setattr(comparing, "compare", kept)
        assert run(["compare", str(spec), *ARGUMENTS, *options]) == 0
    (made,) = (directory / "runs").iterdir()
    return Compared(spec, made, stdout.getvalue(), stderr.getvalue(), measured[0])


@pytest.fixture
def measured_before(compared: Compared, monkeypatch: pytest.MonkeyPatch) -> Compared:
    """Whoever compares gets the measurements of `compared`, instead of making the same again."""

    def given(
        _arms: object, _settings: object, _metric: object, directory: Path, *_: object
    ) -> Any:
        shutil.copytree(compared.directory / "arms", directory / "arms")
        return compared.comparison

    monkeypatch.setattr(comparing, "compare", given)
    return compared


class Told(Watcher):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def tell(self, line: str) -> None:
        self.lines.append(line)

    def left_out(self, arm: Arm, why: str) -> None:
        self.lines.append(f"left out {arm}: {why}")
