"""The dashboard on a terminal: what it leaves there, and what it lets others write."""

from __future__ import annotations

import io
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from rich.console import Console

from splitrun.dashboard import Dashboard
from splitrun.dashboard import live as live_module
from splitrun.dashboard.frame import Frame
from splitrun.events import RunEnded
from tests.dashboard.runs import CLOCK, slow_run, started, step
from tests.dashboard.screen import Screen

SHOW_CURSOR, HIDE_CURSOR, CLEAR = "\x1b[?25h", "\x1b[?25l", "\x1b[2J"


@pytest.fixture(autouse=True)
def _terminal_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(live_module, "_EVERY_S", 0.0)


def terminal(width: int = 80, height: int = 24) -> tuple[Console, io.StringIO]:
    stream = io.StringIO()
    console = Console(
        file=stream, force_terminal=True, color_system=None, width=width, height=height
    )
    return console, stream


def seen(stream: io.StringIO, width: int = 80) -> list[str]:
    screen = Screen(width)
    screen.feed(stream.getvalue())
    return screen.text().splitlines()


def expected(dashboard: Dashboard, width: int = 80, height: int = 23) -> list[str]:
    frame = Frame(dashboard.view)
    return [
        "".join(segment.text for segment in line).rstrip() for line in frame.lines(width, height)
    ]


@pytest.mark.parametrize("status", ["done", "failed", "interrupted"])
@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (50, 10)])
def test_the_last_frame_stays_and_the_cursor_comes_back(
    status: str, width: int, height: int
) -> None:
    console, stream = terminal(width, height)
    with Dashboard(console) as dashboard:
        for event in slow_run(status):
            dashboard(event)
    assert seen(stream, width) == expected(dashboard, width, height - 1)
    assert stream.getvalue().count(HIDE_CURSOR) == stream.getvalue().count(SHOW_CURSOR) == 1
    assert stream.getvalue().endswith(SHOW_CURSOR)


def test_a_run_that_never_tells_its_end_leaves_the_terminal_in_order() -> None:
    console, stream = terminal()
    before = sys.stdout, sys.stderr
    with suppress(RuntimeError), Dashboard(console) as dashboard:
        dashboard(started(10))
        dashboard(step(0, 1.0))
        assert sys.stderr is not before[1]
        raise RuntimeError
    assert stream.getvalue().endswith(SHOW_CURSOR)
    assert (sys.stdout, sys.stderr) == before


def test_a_run_that_never_began_leaves_nothing() -> None:
    console, stream = terminal()
    with Dashboard(console):
        pass
    assert stream.getvalue() == ""


def test_what_a_role_prints_in_its_thread_stays_above_the_frame() -> None:
    console, stream = terminal()
    with Dashboard(console) as dashboard:
        dashboard(started(10))
        role = threading.Thread(target=print, args=("from a user's forward()",))
        role.start()
        role.join()
        dashboard(step(0, 1.0))
        dashboard(RunEnded("done", "", CLOCK + 2))
    assert seen(stream) == ["from a user's forward()", *expected(dashboard)]


def test_the_terminals_own_echo_is_drawn_over() -> None:
    console, stream = terminal()
    with Dashboard(console) as dashboard:
        dashboard(started(10))
        stream.write("^C")
        dashboard(RunEnded("interrupted", "", CLOCK + 2))
    assert seen(stream) == expected(dashboard)


def test_after_a_change_of_size_the_screen_is_drawn_anew() -> None:
    console, stream = terminal()
    with Dashboard(console) as dashboard:
        dashboard(started(10))
        assert CLEAR not in stream.getvalue()
        console.size = console.size._replace(width=60, height=15)
        dashboard(step(0, 1.0))
        assert stream.getvalue().count(CLEAR) == 1
        dashboard(RunEnded("done", "", CLOCK + 2))
    narrow = stream.getvalue().partition(CLEAR)[2]
    assert seen(io.StringIO(narrow), 60) == expected(dashboard, 60, 14)


def test_frames_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_module, "_EVERY_S", 3600.0)
    console, stream = terminal()
    with Dashboard(console) as dashboard:
        dashboard(started(1000))
        first = len(stream.getvalue())
        for index in range(1000):
            dashboard(step(index, 0.1 * index))
        assert len(stream.getvalue()) == first


def test_what_the_plan_tells_is_read_where_the_run_is(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text('{"micro_batches": 4}', encoding="utf-8")
    console, stream = terminal()
    with Dashboard(console) as dashboard:
        dashboard.start(tmp_path)
    assert "4 micro-batches" in stream.getvalue()
