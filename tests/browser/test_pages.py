"""Pages as a browser shows them, where there is one."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from splitrun.report.write import write
from tests.report.recordings import (
    arm,
    bench_directory,
    comparison,
    comparison_directory,
    run_directory,
    whole_run,
)

HERE = Path(__file__).parent
Seen = dict[str, Any]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Seen]:
    """What was found on a page of each kind."""
    node, chromium = shutil.which("node"), shutil.which("chromium")
    if node is None or chromium is None:
        pytest.skip("node and Chromium are not both there; install them to read pages as users do")
    if not (HERE / "node_modules").is_dir():
        pytest.skip("tests/browser has no packages; `make browser` installs them")
    directory = tmp_path_factory.mktemp("pages")
    arms = [arm("sequential", 1000), arm("microbatch:4", 1100), arm("stale:4", 3900)]
    pages = {
        "run": write(run_directory(directory / "run", whole_run())),
        "comparison": write(comparison_directory(directory / "both", comparison(*arms))),
        "bench": write(bench_directory(directory / "bench")),
    }
    command = [node, "read.mjs", chromium, *map(str, pages.values())]
    told = subprocess.run(command, cwd=HERE, check=True, capture_output=True, text=True)
    return dict(zip(pages, json.loads(told.stdout), strict=True))


KINDS = pytest.mark.parametrize("kind", ["run", "comparison", "bench"])


@KINDS
def test_a_page_loads_nothing_and_its_policy_stops_nothing(
    seen: dict[str, Seen], kind: str
) -> None:
    assert seen[kind]["loaded"] == []
    assert seen[kind]["complaints"] == []


@KINDS
@pytest.mark.parametrize("look", ["wide", "phone", "dark"])
def test_axe_finds_nothing_serious(seen: dict[str, Seen], kind: str, look: str) -> None:
    assert seen[kind]["faults"][look] == []


@KINDS
def test_a_phone_scrolls_no_page_sideways(seen: dict[str, Seen], kind: str) -> None:
    assert seen[kind]["widths"] == {"wide": 1400, "phone": 400, "dark": 1400}


@KINDS
def test_the_keyboard_alone_opens_every_fold_and_so_the_numbers_of_every_chart(
    seen: dict[str, Seen], kind: str
) -> None:
    folds = seen[kind]["folds"]
    assert folds["opened"] == folds["all"] >= seen[kind]["charts"] > 0
    assert len(seen[kind]["rows"]) == seen[kind]["charts"]
    assert min(seen[kind]["rows"]) > 1


@KINDS
def test_every_chart_can_be_taken_as_svg_and_every_table_as_csv(
    seen: dict[str, Seen], kind: str
) -> None:
    files = seen[kind]["saved"]
    drawings = [file["text"] for file in files if file["format"] == "svg"]
    tables = [file["text"] for file in files if file["format"] == "csv"]
    assert len(drawings) == seen[kind]["charts"] < len(tables)
    assert all(text.startswith("<svg") for text in drawings)
    assert all("," in text.splitlines()[0] for text in tables)
