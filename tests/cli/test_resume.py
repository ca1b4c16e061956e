"""What the other commands make of a run that was resumed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from splitrun.cli.app import run
from tests.session.stopping import content_of, stopped


def test_watch_report_trace_and_eval_read_a_resumed_run_and_say_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = str(stopped(content_of(), tmp_path))
    capsys.readouterr()
    assert run(["train", "--resume", directory, "--json", "--progress", "plain"]) == 0
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert result["run_dir"] == directory
    assert "step 18/18" in captured.err
    step = int(captured.err.partition("from step ")[2].split()[0])
    assert 0 < step < 18
    assert run(["trace", directory]) == 0
    assert f"attempt 2 of the run, from step {step} on" in capsys.readouterr().err
    names = {
        each["name"]
        for each in json.loads((Path(directory) / "trace.json").read_text())["traceEvents"]
    }
    assert f"UPDATE {step}" in names
    assert f"UPDATE {step - 1}" not in names
    assert run(["trace", f"{directory}/attempts/1"]) == 0
    assert run(["report", directory]) == 0
    page = (Path(directory) / "report.html").read_text()
    assert f"This is attempt 2 of the run, from step {step} on" in page
    assert run(["watch", directory]) == 0
    assert "step 18/18" in capsys.readouterr().out
    assert run(["eval", directory, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["metrics"] == result["metrics"]


def test_an_override_alone_is_a_change_to_the_runs_own_spec(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = str(stopped(content_of(), tmp_path))
    assert run(["train", "--resume", directory, "pipeline.dpeth=8", "--progress", "none"]) == 2
    assert "pipeline.dpeth: unknown key 'dpeth'" in capsys.readouterr().err
