"""Keys of a view: on a terminal of its own, and what they do."""

from __future__ import annotations

import os
import pty
import select
import signal
import sys
import termios
import time
from collections.abc import Iterator, Sequence

import pytest

from splitrun.dashboard import Dashboard
from splitrun.dashboard import live as live_module
from splitrun.dashboard.keys import Keyboard, keyboard_of_stdin
from splitrun.events import RunEnded
from tests.dashboard.runs import CLOCK, started, step
from tests.dashboard.test_live import seen, terminal


class Terminal:
    """A process on a terminal of its own."""

    def __init__(self) -> None:
        self.process, self._descriptor = pty.fork()
        if not self.process:
            os.environ["TERM"] = "xterm"
            os.execv(sys.executable, [sys.executable, "-m", "tests.dashboard.typed"])
        self._output = b""

    def type(self, text: str, until: str) -> None:
        """Type, and wait for what is then written."""
        self._output = b""
        os.write(self._descriptor, text.encode())
        self.wait_for(until)

    def wait_for(self, until: str, within_s: float = 60.0) -> None:
        """Wait until something is written."""
        end = time.monotonic() + within_s
        while until.encode() not in self._output:
            readable, _, _ = select.select([self._descriptor], [], [], end - time.monotonic())
            assert readable, f"{until!r} is not in {self._output!r}"
            self._output += os.read(self._descriptor, 4096)

    @property
    def echoes_lines(self) -> bool:
        """Whether the terminal is as shells leave it."""
        modes = termios.tcgetattr(self._descriptor)[3]
        return bool(modes & termios.ECHO and modes & termios.ICANON)

    def end(self) -> None:
        os.close(self._descriptor)
        os.waitpid(self.process, 0)


@pytest.fixture
def typed() -> Iterator[Terminal]:
    opened = Terminal()
    yield opened
    opened.end()


def test_keys_are_heard_one_by_one_and_the_terminal_is_given_back(typed: Terminal) -> None:
    typed.wait_for("in the background it went on")
    typed.wait_for("? help")
    assert not typed.echoes_lines
    typed.type("\x1b[B", "▸alice.bottom")
    typed.type("\x1b[A\x1b[A", "▸bob.bottom")
    typed.type("?", "closes the view")
    typed.type("?p", "view paused")
    typed.type("q", "step 10/10")  # a line: the run goes on
    assert typed.echoes_lines


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_view_and_gives_the_terminal_back(
    typed: Terminal, number: signal.Signals
) -> None:
    typed.wait_for("? help")
    assert not typed.echoes_lines
    if number == signal.SIGINT:
        typed.type("\x03", "stopped by 2")
    else:
        os.kill(typed.process, number)
        typed.wait_for("stopped by 15")
    assert typed.echoes_lines


def test_where_stdin_is_no_terminal_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading) as stdin, os.fdopen(writing, "w"):
        monkeypatch.setattr(sys, "stdin", stdin)
        assert keyboard_of_stdin() is None


class Typing(Keyboard):
    """Somebody who types."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    def pressed(self, wait_s: float = 0.0) -> Sequence[str]:  # noqa: ARG002
        keys, self.keys = self.keys, []
        return keys

    def release(self) -> None:
        pass


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(live_module, "_EVERY_S", 0.0)
    monkeypatch.setattr(live_module, "_LOOK_EVERY_S", 0.0)


@pytest.mark.usefixtures("watched")
def test_a_paused_view_stands_still_while_the_run_goes_on() -> None:
    console, stream = terminal()
    typing = Typing()
    with Dashboard(console, keyboard=typing) as dashboard:
        dashboard(started(10))
        dashboard(step(0, 1.0))
        typing.keys = ["p"]
        dashboard(step(1, 2.0))
        dashboard(step(5, 6.0))
        text = "\n".join(seen(stream))
        assert "view paused" in text
        assert "step  2/10" in text
        typing.keys = ["p"]
        dashboard(step(6, 7.0))
        assert "step  7/10" in "\n".join(seen(stream))
        typing.keys = ["p"]
        dashboard(RunEnded("done", "", CLOCK + 8))
    assert "done" in seen(stream)[0]


@pytest.mark.usefixtures("watched")
def test_a_closed_view_leaves_its_frame_and_then_there_are_lines() -> None:
    console, stream = terminal()
    typing = Typing()
    with Dashboard(console, keyboard=typing) as dashboard:
        dashboard(started(10))
        typing.keys = ["q"]
        dashboard(step(0, 1.0))
        for index in range(1, 10):
            dashboard(step(index, 1.0 + index))
        dashboard(RunEnded("done", "", CLOCK + 10))
    lines = [line for line in seen(stream) if line]
    assert "running" in lines[0]
    assert lines[-1].startswith("epoch 1/1  step 10/10  100 samples/s")


@pytest.mark.usefixtures("watched")
def test_more_is_told_of_a_chosen_role_and_its_rows_are_marked() -> None:
    console, stream = terminal(height=30)
    typing = Typing()
    with Dashboard(console, keyboard=typing) as dashboard:
        dashboard(started(10))
        typing.keys = ["up"]
        dashboard(step(0, 1.0))
        lines = seen(stream)
        assert sum(line.startswith("▸alice.top") for line in lines) == 2
        assert any(line.startswith("alice.top: nothing heard of it yet") for line in lines)
        typing.keys = ["escape"]
        dashboard(step(1, 2.0))
        assert not any("▸" in line for line in seen(stream))


@pytest.mark.usefixtures("watched")
@pytest.mark.parametrize("height", [10, 24, 40])
def test_the_last_frame_of_a_run_leaves_room_for_what_is_printed_below(height: int) -> None:
    console, stream = terminal(height=height)
    with Dashboard(console, lines_below=8) as dashboard:
        dashboard(started(10))
        dashboard(step(0, 1.0))
        dashboard(RunEnded("done", "", CLOCK + 2))
    assert "done" in seen(stream)[0]
    assert len("\n".join(seen(stream)).rstrip().splitlines()) <= max(1, height - 9)
