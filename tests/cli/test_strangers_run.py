"""A run directory that a stranger has made: what it may not do to who looks at it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from splitrun.cli.app import run
from splitrun.report.write import write
from tests.cli.trial import SYNTHETIC, refusal
from tests.report.recordings import (
    arm,
    comparison,
    comparison_directory,
    run_directory,
    started,
    whole_run,
)

SCRIPT = "</script><img src=x onerror=alert(1)>"


def test_names_of_a_stranger_s_are_text_on_a_page(tmp_path: Path) -> None:
    events = [started(roles=(SCRIPT, "alice.top"), schedule=SCRIPT), *whole_run()[1:]]
    directory = run_directory(
        tmp_path / "run", events, message=SCRIPT, environment={SCRIPT: SCRIPT}
    )
    (directory / "failure.txt").write_text(SCRIPT)
    both = comparison(arm("sequential", 1000.0), arm(SCRIPT, 2000.0), name=SCRIPT, advice=SCRIPT)
    for page in (write(directory), write(comparison_directory(tmp_path / "both", both))):
        text = page.read_text()
        assert "<img src=x" not in text
        assert "alert(1)" in text
        assert "Content-Security-Policy" in text


def test_a_page_carries_no_file_from_elsewhere_and_is_not_written_elsewhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").write_text("secret")
    directory = run_directory(tmp_path / "run", whole_run())
    (directory / "failure.txt").symlink_to(tmp_path / "mine")
    assert "a link to a file elsewhere" in refusal(capsys, "report", str(directory))
    (directory / "failure.txt").unlink()
    for name in ("report.html", "trace.json", ".trace.json.tmp"):
        (directory / name).symlink_to(tmp_path / "mine")
    assert run(["report", str(directory)]) == run(["trace", str(directory)]) == 0
    assert (tmp_path / "mine").read_text() == "secret"
    assert "<html" in (directory / "report.html").read_text()


def test_a_terminal_is_sent_no_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("trial.yaml").write_text(SYNTHETIC)
    assert run(["train", "trial.yaml", "--progress", "none"]) == 0
    (directory,) = Path("runs").iterdir()
    manifest = json.loads((directory / "manifest.json").read_text())
    manifest |= {"status": "\x1b[2J", "environment": {"cpu": "\x1b]0;title\x07"}}
    (directory / "manifest.json").write_text(json.dumps(manifest))
    other = directory.with_name("\x1b[31mother")
    directory.rename(other)
    assert run(["eval", str(other)]) == 0
    assert run(["compare", str(other), str(other)]) == 0
    assert run(["report", str(other / "missing")]) == 2
    captured = capsys.readouterr()
    assert "\x1b" not in captured.err
    assert "\\x1b[2J" in captured.err
    assert "\x1b" not in captured.out.replace(str(other), "")
