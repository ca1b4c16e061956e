"""On a terminal commands say what they are at while nothing else is seen, and take it back."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from splitrun.cli.app import run
from splitrun.cli.streams import ForgivingStream
from tests.cli.trial import ROWS, SPEC, write
from tests.dashboard.screen import Screen


class Terminal(io.StringIO):
    """What is written to a terminal."""

    def isatty(self) -> bool:
        return True

    def statuses(self) -> Sequence[str]:
        """All that stood in the line of the status, in turn."""
        return re.findall(r"\r\x1b\[2K([^\r\n\x1b]* …)", self.getvalue())

    def seen(self) -> str:
        """What is to be seen in the end."""
        screen = Screen(200)
        screen.feed(self.getvalue())
        return screen.text()


@pytest.fixture(autouse=True)
def _trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, {"trial.yaml": SPEC, "rows.csv": ROWS})


def on_terminal(*arguments: str, code: int = 0) -> Terminal:
    """The terminal on which a command line had both stdout and stderr."""
    terminal = Terminal()
    with redirect_stdout(terminal), redirect_stderr(terminal):
        assert run(arguments) == code
    return terminal


def only_run() -> str:
    (directory,) = Path("runs").iterdir()
    return str(directory)


def test_train_says_what_it_is_at_until_the_dashboard_comes() -> None:
    terminal = on_terminal("train", "trial.yaml")
    assert terminal.statuses() == [
        "starting …",
        "loading data and models …",
        "reading data …",
        "trying the models …",
        "building the models …",
    ]
    assert "…\r\n" not in terminal.getvalue()
    assert not any(status in terminal.seen() for status in terminal.statuses())


@pytest.mark.parametrize(
    ("arguments", "phases"),
    [
        (["plan", "trial.yaml"], ["reading data …", "trying the models …"]),
        (
            ["plan", "trial.yaml", "--probe"],
            ["reading data …", "trying the models …", "measuring costs on this machine …"],
        ),
        (["eval", "RUN"], ["evaluating …"]),
        (["predict", "RUN", "--input", "rows.csv"], ["predicting …"]),
    ],
)
def test_a_command_says_what_it_is_at_until_its_result_comes(
    arguments: list[str], phases: list[str]
) -> None:
    assert on_terminal("train", "trial.yaml", "--progress", "none").statuses() == []
    terminal = on_terminal(*(only_run() if each == "RUN" else each for each in arguments))
    assert terminal.statuses() == ["starting …", *phases]
    assert not any(status in terminal.seen() for status in terminal.statuses())


def test_an_error_takes_the_place_of_the_status() -> None:
    terminal = on_terminal("eval", "nowhere", code=2)
    assert terminal.statuses()[0] == "starting …"
    assert terminal.seen().strip().startswith("nowhere: ")


NO_TORCH = """
import sys

class Refuses:
    def find_spec(self, name, path=None, target=None):
        if name in ("torch", "pandas", "scipy", "sklearn"):
            sys.stderr.write(f"\\nimports {name}")
            sys.exit(9)

sys.meta_path.insert(0, Refuses())
from splitrun.cli.app import main
main()
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "trial.yaml"],
        ["plan", "trial.yaml"],
        ["eval", "nowhere"],
        ["predict", "nowhere", "--input", "rows.csv"],
        ["compare", "trial.yaml"],
        ["value", "trial.yaml"],
        ["bench", "trial.yaml"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_something_is_said_before_anything_large_is_imported(arguments: list[str]) -> None:
    ours, theirs = os.openpty()
    command = [sys.executable, "-c", NO_TORCH, *arguments]
    subprocess.run(command, stdout=theirs, stderr=theirs, timeout=60, check=False)
    os.close(theirs)
    said = os.read(ours, 4096).decode()
    os.close(ours)
    assert said.startswith("\r\x1b[2Kstarting …"), said
    assert "imports " in said


def test_a_terminal_without_commands_gets_lines_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    made = Terminal()
    ForgivingStream(made).show_status("starting …")
    assert made.getvalue() == ""
    terminal = on_terminal("train", "trial.yaml")
    assert terminal.statuses() == []
    assert terminal.getvalue().startswith("loading data and models …\n")


def test_what_is_no_terminal_gets_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "trial.yaml", "--progress", "none"]) == 0
    for arguments in (["eval", only_run()], ["predict", only_run(), "--input", "rows.csv"]):
        capsys.readouterr()
        assert run(arguments) == 0
        assert capsys.readouterr().err == ""
