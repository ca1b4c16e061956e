"""What docs/python.md has typed works, block after block, in an empty directory."""

from __future__ import annotations

import re
import shlex
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import splitrun
from splitrun.cli.app import run
from splitrun.spec import load
from splitrun.spec.load import resolved_yaml
from tests.probing import given_costs

PAGE = (Path(__file__).parents[1] / "docs" / "python.md").read_text(encoding="utf-8")
SHORTER = ["dataset.rows=600", "training.epochs=1", "links=lan", "dataset.batch_size=32"]
QUICKLY: dict[str, Any] = {
    "seeds": 1,
    "repeats": 2,
    "budget_s": 0.1,
    "schedules": ["stale"],
    "metric": "accuracy",
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_every_block_of_the_page_does_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys.modules["splitrun.session.prepare"], "probe_costs", given_costs)
    monkeypatch.setattr(splitrun, "compare", partial(splitrun.compare, **QUICKLY))
    (command,) = blocks("console")
    arguments, _, file = command.removeprefix("$ splitrun ").partition(" > ")
    assert run(shlex.split(arguments)) == 0
    spec = tmp_path / file.strip()
    spec.write_text(capsys.readouterr().out, encoding="utf-8")
    spec.write_text(resolved_yaml(load(spec, SHORTER).spec), encoding="utf-8")
    told: dict[str, Any] = {}
    for block in blocks("python"):
        exec(compile(block, "docs/python.md", "exec"), told)
    out = capsys.readouterr().out
    assert "stale:4" in out
    assert told["comparison"].metric == "accuracy"
    assert Path(told["comparison"].report).is_file()
    assert told["again"].to_json() == told["comparison"].to_json()
    (error,) = blocks("text")
    assert out.endswith(error)


def test_every_name_that_is_offered_is_on_the_page() -> None:
    offered = {each.partition("(")[0] for each in re.findall(r"^\| `([^`]+)` \|", PAGE, re.M)}
    assert offered | {"Comparison"} == {*splitrun.__all__}
