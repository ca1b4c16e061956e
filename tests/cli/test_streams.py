"""Streams that fail, in ways for which one needs no process of one's own."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from splitrun.cli.app import run
from splitrun.cli.streams import ForgivingStream
from splitrun.errors import UsageError
from splitrun.events import Sink
from tests.cli.trial import SYNTHETIC, write


@pytest.fixture(autouse=True)
def _trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, {"trial.yaml": SYNTHETIC})


def test_characters_that_stdout_cannot_have_are_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    content = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(content, "ascii"))
    assert run(["plan", "trial.yaml"]) == 0
    sys.stdout.flush()
    assert b"drains 1\\xd7" in content.getvalue()


def test_a_stderr_that_somebody_has_closed_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    assert run(["train", "trial.yaml"]) == 0
    assert "weights" in capsys.readouterr().out


def test_a_stream_that_failed_is_not_tried_again() -> None:
    class Full(io.StringIO):
        tries = 0

        def write(self, _: str) -> int:
            self.tries += 1
            raise OSError(28, "No space left on device")

    full = Full()
    stream = ForgivingStream(full)
    for _ in range(3):
        stream.write("something")
        stream.flush()
    assert full.tries == 1


def test_a_sink_that_cannot_be_made_again_does_not_keep_a_run_from_its_restart(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made: list[str] = []

    def once(_: object, names: list[str]) -> list[Sink]:
        made.extend(names)
        if len(made) > 1:
            raise UsageError("--sink mine: cannot be made")
        return [lambda _: None]

    monkeypatch.setattr("splitrun.session.sinks.make_sinks", once)
    write(
        Path.cwd(),
        {
            "trial.yaml": SYNTHETIC
            + "supervision: {on_failure: restart}\n"
            + "faults: [{type: raise, role: bob.bottom, step: 3}]\n"
        },
    )
    assert run(["train", "trial.yaml", "--sink", "mine", "--progress", "none"]) == 0
    assert "warning: --sink mine: cannot be made\n" in capsys.readouterr().err
    assert len(made) == 2
