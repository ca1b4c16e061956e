"""Pipes, devices, sockets, directories and links in the place of every file that is read: whoever
reads says so in a line or passes over it, and never waits, never breaks, never reads elsewhere."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from splitrun.cli.app import run
from splitrun.data.sources.bank_marketing import BankMarketingSource
from splitrun.errors import UsageError
from splitrun.report.trace import write_trace
from splitrun.report.write import write
from splitrun.session import evaluate_run, find_resume
from splitrun.session.checkpoint import Store
from splitrun.spec import load
from splitrun.study.bench.store import BenchDirectory
from splitrun.study.bench.sweep import _digest
from splitrun.study.runs import compare_runs
from splitrun.telemetry import read_events
from tests.cli.trial import ROWS, SPEC, refusal
from tests.cli.trial import write as write_files
from tests.report.recordings import arm, comparison, comparison_directory
from tests.session.stopping import content_of, resumed, stopped
from tests.study.benches import HEADER

HANG_S = 60.0


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _directory(path: Path) -> None:
    (path / "within").mkdir(parents=True)


def _file(path: Path) -> None:
    path.write_text("a file\n")


def _link_to_nowhere(path: Path) -> None:
    path.symlink_to("nowhere")


def _link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def _link_elsewhere(path: Path) -> None:
    path.symlink_to(_elsewhere(path))


def _elsewhere(path: Path) -> Path:
    return next(parent for parent in path.parents if (parent / "secret").exists()) / "secret"


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's path is short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


ODD: tuple[Callable[[Path], None], ...] = (
    _pipe,
    _directory,
    _file,
    _link_to_nowhere,
    _link_to_itself,
    _link_elsewhere,
    _device,
    _socket,
)


def _watch(directory: Path) -> None:
    assert run(["watch", str(directory)]) in (0, 2)


def _ls(directory: Path) -> None:
    assert run(["ls", "--runs-dir", str(directory.parent), "--json"]) == 0


def _show(directory: Path) -> None:
    assert run(["show", str(directory)]) == 0


def _trace(directory: Path) -> None:
    write_trace(directory, directory / "trace.json")


READERS: dict[str, Callable[[Path], object]] = {
    "eval": evaluate_run,
    "report": write,
    "trace": _trace,
    "watch": _watch,
    "compare": lambda directory: compare_runs(directory, directory),
    "resume": find_resume,
    "ls": _ls,
    "show": _show,
}
STEP = "checkpoints/p0/NEWEST"
READ_BY = {
    "manifest.json": ("eval", "report", "compare", "resume", "ls", "show"),
    "resolved.yaml": ("eval", "report", "compare", "ls", "show"),
    "plan.json": ("report", "watch"),
    "metrics.jsonl": ("report",),
    "failure.txt": ("report",),
    "report.html": ("report",),
    "trace.json": ("trace",),
    "events.jsonl": ("report", "watch", "trace", "ls"),
    "events.1.jsonl": ("report", "watch", "trace"),
    "events.01.jsonl": ("trace",),
    "faults.jsonl": ("resume",),
    "model": ("eval", "ls", "show"),
    "model/p0/model.json": ("eval",),
    "model/p0/p0.top.safetensors": ("eval",),
    "checkpoints": ("resume", "ls", "show"),
    "checkpoints/p0": ("resume",),
    STEP: ("resume",),
    f"{STEP}/manifest.json": ("resume",),
    f"{STEP}/p0.top.json": ("resume",),
    f"{STEP}/p0.top.safetensors": ("resume",),
    "attempts": ("resume",),
}


@contextmanager
def in_time() -> Iterator[None]:
    """What waits for ever is interrupted, and fails."""

    def hang(*_: object) -> None:
        raise AssertionError("it waits")

    before = signal.signal(signal.SIGALRM, hang)
    signal.setitimer(signal.ITIMER_REAL, HANG_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def put(odd: Callable[[Path], None], path: Path) -> None:
    """Put it in the place of whatever is there."""
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    odd(path)


def refuses_or_copes(read: Callable[[], object]) -> str:
    """What it was refused with; empty if it was not. Any other error is one of ours."""
    with in_time():
        try:
            read()
        except UsageError as error:
            return str(error)
    return ""


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with two checkpoints that was stopped."""
    content = content_of("sequential", checkpoint={"every_steps": 4})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("splitrun.runtime.threaded.LOOK_EVERY_S", 0.005)
        return stopped(content, tmp_path_factory.mktemp("odd"))


def placed(directory: Path, place: str) -> Path:
    """Where that is."""
    newest = max(path.name for path in (directory / "checkpoints" / "p0").iterdir())
    return directory / place.replace("NEWEST", newest)


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("place", READ_BY)
def test_what_is_no_file_of_a_run_is_passed_over_or_told_of_in_a_line(
    place: str, odd: Callable[[Path], None], interrupted: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("secret")
    directory = tmp_path / "run"
    shutil.copytree(interrupted, directory)
    put(odd, placed(directory, place))
    for reader in READ_BY[place]:
        told = refuses_or_copes(lambda reader=reader: READERS[reader](directory))  # type: ignore[misc]
        assert "secret" not in told
        assert reader == "resume" or "\n" not in told
    assert (tmp_path / "secret").read_text() == "secret"


def test_readers_name_what_they_do_not_read(interrupted: Path, tmp_path: Path) -> None:
    directory = tmp_path / "run"
    for place, reader in (
        ("manifest.json", "report"),
        ("resolved.yaml", "eval"),
        ("events.jsonl", "trace"),
        ("model/p0/p0.top.safetensors", "eval"),
        ("model/p0/model.json", "eval"),
        ("faults.jsonl", "resume"),
    ):
        shutil.copytree(interrupted, directory)
        put(_pipe, directory / place)
        told = refuses_or_copes(lambda reader=reader: READERS[reader](directory))  # type: ignore[misc]
        assert str(directory / place) in told
        shutil.rmtree(directory)


@pytest.mark.parametrize("odd", [_pipe, _directory, _file, _socket])
def test_what_stands_in_a_checkpoints_place_is_passed_over_and_then_replaced(
    odd: Callable[[Path], None], interrupted: Path, tmp_path: Path
) -> None:
    directory = tmp_path / "run"
    shutil.copytree(interrupted, directory)
    older, newer = sorted((directory / "checkpoints" / "p0").iterdir())
    put(odd, newer)
    put(odd, directory / "checkpoints" / "p0" / ".step-00000016.tmp")
    put(odd, directory / "events.1.jsonl")
    put(odd if odd is not _directory else _file, directory / "metrics.jsonl")
    with in_time():
        resume, result = resumed(directory)
    assert f"step-{resume.step:08d}" == older.name
    assert f"{newer}: damaged, so it is passed over" in resume.remarks[0]
    assert result.steps == 18
    assert all(path.is_dir() for path in (directory / "checkpoints" / "p0").iterdir())
    assert find_whole(directory / "checkpoints") > resume.step
    assert len((directory / "metrics.jsonl").read_text().splitlines()) == 3


def find_whole(checkpoints: Path) -> int:
    """The step of the newest one, which is not damaged."""
    found = Store(checkpoints, ["p0", "p1"], 1).newest()
    assert found.checkpoint
    assert not found.damaged
    return found.checkpoint.step


@pytest.mark.parametrize("odd", ODD)
def test_specs_and_data_are_files(odd: Callable[[Path], None], tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    write_files(tmp_path, {"trial.yaml": SPEC, "rows.csv": ROWS})
    spec, rows, bank = (tmp_path / name for name in ("trial.yaml", "rows.csv", "bank.csv"))
    put(odd, rows)
    put(odd, bank)
    source = BankMarketingSource("small", tmp_path)
    if odd is not _link_to_nowhere:
        assert refuses_or_copes(source.find)
    with in_time():
        assert run(["validate", str(spec)]) == run(["plan", str(spec)]) == 2
    put(odd, spec)
    assert refuses_or_copes(lambda: load(spec))


@pytest.mark.parametrize("odd", ODD)
def test_comparisons_and_cells_of_a_bench_are_files(
    odd: Callable[[Path], None], tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("secret")
    both = comparison(arm("sequential", 1000.0), arm("stale:4", 3900.0))
    directory = comparison_directory(tmp_path / "both", both)
    recording = next(directory.glob("arms/*/events.jsonl"))
    put(odd, recording)
    refuses_or_copes(lambda: write(directory))
    refuses_or_copes(lambda: list(read_events(recording.parent)))
    refuses_or_copes(lambda: _watch(recording.parent))
    put(odd, directory / "comparison.json")
    assert refuses_or_copes(lambda: write(directory))
    bench = BenchDirectory(tmp_path / "bench")
    (bench.path / "cells").mkdir(parents=True)
    for name in ("cells/a.json", "bench.json", "cells/.a.json.tmp", "own.py"):
        put(odd, bench.path / name)
    with in_time():
        assert bench.cell("a") is None
        _digest(bench.path, "own")
        if odd is not _directory:
            bench.write("bench.json", HEADER)
            assert json.loads((bench.path / "bench.json").read_text()) == HEADER.to_json()
        bench.clear()
    assert list(bench.path.glob("cells/*.json")) == []
    assert (tmp_path / "secret").read_text() == "secret"


@pytest.mark.parametrize("name", ["x" * 5000, "a/../" * 2000, "nul\0l"])
def test_a_path_that_no_file_can_have_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in ("eval", "report", "watch", "trace", "validate"):
        refusal(capsys, command, name)
    refusal(capsys, "train", "--resume", name)
    refusal(capsys, "compare", name, name)
