"""`splitrun watch`: runs that are over, runs that are on, and what is no run."""

from __future__ import annotations

import io
import os
import threading
import time
from itertools import islice
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from splitrun.cli.app import run
from splitrun.dashboard import live, watching
from splitrun.events import Event, RunStarted
from splitrun.telemetry import JsonLines
from tests.dashboard.simulated import happened, planned
from tests.dashboard.test_live import seen, terminal


@pytest.fixture(autouse=True)
def _terminal_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(watching, "_READ_EVERY_S", 0.01)


def recorded(directory: Path) -> list[Event]:
    """A run's events, as they are when the run is in this directory."""
    first, *others = happened(planned("stale", 4))
    assert isinstance(first, RunStarted)
    directory.mkdir()
    return [msgspec.structs.replace(first, run_dir=str(directory)), *others]


def write(events: list[Event], *, part_bytes: int = 1 << 30) -> None:
    sink = JsonLines(part_bytes=part_bytes, recent_parts=2)
    for event in events:
        sink(event)


def write_half(directory: Path) -> None:
    """A recording of a run that has not ended."""
    write(recorded(directory))
    path = directory / "events.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[: len(lines) // 2]))


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert run(["watch", *arguments]) == 0
    return capsys.readouterr().out.splitlines()


def test_without_a_terminal_the_last_frame_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(recorded(tmp_path / "trial"))
    lines = printed(capsys, str(tmp_path / "trial"))
    assert lines[0].split()[:1] + lines[0].split()[-2:] == ["trial", "done", "00:02"]
    assert "step 200/200" in lines[1]
    assert {len(line) for line in lines} == {80}


def test_a_run_that_was_cut_short_is_shown_as_far_as_it_went(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(recorded(tmp_path / "trial"))
    path = tmp_path / "trial" / "events.jsonl"
    path.write_bytes(path.read_bytes()[:-5000])
    assert "running" in printed(capsys, str(tmp_path / "trial"))[0]


def test_a_run_that_is_on_is_followed_to_its_end(tmp_path: Path) -> None:
    events = recorded(tmp_path / "trial")
    sink = JsonLines()
    for event in islice(events, 500):
        sink(event)
    console, stream = terminal()
    watcher = threading.Thread(target=watching.watch, args=(tmp_path / "trial", console))
    watcher.start()
    for event in events[500:]:
        sink(event)
    watcher.join(60)
    assert not watcher.is_alive()
    assert "step 200/200" in seen(stream)[1]


def test_a_replay_ends_as_the_run_did(tmp_path: Path) -> None:
    write(recorded(tmp_path / "trial"))
    console, stream = terminal()
    watching.watch(tmp_path / "trial", console, speed=100)
    once, again = seen(stream), terminal()
    watching.watch(tmp_path / "trial", again[0])
    assert once == seen(again[1])
    assert stream.getvalue().count("running") > 0


def test_a_recording_without_its_middle_says_so_and_is_replayed(tmp_path: Path) -> None:
    write(recorded(tmp_path / "trial"), part_bytes=20_000)
    for speed in (None, 100.0):
        console, stream = terminal()
        watching.watch(tmp_path / "trial", console, speed)
        lines = seen(stream)
        assert "step 200/200" in lines[1]
        assert lines[2].endswith("events of the run's middle are not kept")


def test_a_silent_run_is_called_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_half(tmp_path / "trial")
    monkeypatch.setattr(watching, "_age_s", lambda _: 100.0)
    monkeypatch.setattr(live, "sleep", interrupt_after(2))
    console, stream = terminal()
    with pytest.raises(KeyboardInterrupt):
        watching.watch(tmp_path / "trial", console)
    assert "silent for 100 s" in seen(stream)[0]


def test_without_a_terminal_a_silent_run_is_called_silent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_half(tmp_path / "trial")
    stopped = time.time() - 100
    os.utime(tmp_path / "trial" / "events.jsonl", (stopped, stopped))
    first, second, *_ = printed(capsys, str(tmp_path / "trial"))
    assert "silent for 100 s" in first
    assert second.endswith("ETA    --:--")


class interrupt_after:  # noqa: N801 - stands for a function
    """Ctrl-C in some sleep."""

    def __init__(self, count: int) -> None:
        self._left = count

    def __call__(self, _: float) -> None:
        self._left -= 1
        if not self._left:
            raise KeyboardInterrupt


EVENT = '{"type":"RunEnded","status":"done","message":"","end":1.0}\n'


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "no events.jsonl in it"),
        ("", "its events do not begin with a run's start"),
        (EVENT, "its events do not begin with a run's start"),
        ("no event\n", "events.jsonl:1: no event"),
    ],
)
def test_what_is_no_recording_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, told: str
) -> None:
    if content is not None:
        (tmp_path / "events.jsonl").write_text(content, encoding="utf-8")
    assert run(["watch", str(tmp_path)]) == 2
    captured = capsys.readouterr()
    assert told in captured.err
    assert captured.out == ""


def test_no_such_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["watch", "nowhere"]) == 2
    assert "nowhere: no such directory" in capsys.readouterr().err


@pytest.mark.parametrize("speed", ["0", "-1", "nan", "inf", "fast"])
def test_a_speed_is_a_positive_number(speed: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["watch", "nowhere", "--replay", speed]) == 2
    assert "--replay" in capsys.readouterr().err


def test_a_console_that_is_no_terminal_gets_one_frame_of_a_run_that_is_on(tmp_path: Path) -> None:
    write_half(tmp_path / "trial")
    stream = io.StringIO()
    watching.watch(tmp_path / "trial", Console(file=stream, width=80))
    assert "running" in stream.getvalue().splitlines()[0]
