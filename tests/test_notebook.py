"""docs/depth.ipynb and the researcher's story draw the figures that they promise, of whatever was
measured."""

from __future__ import annotations

import inspect
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

import splitrun
from splitrun.api.given import document_of
from splitrun.records.comparison import ComparisonRecord
from tests.report.recordings import arm, comparison

DOCS = Path(__file__).parents[1] / "docs"
NOTEBOOK = DOCS / "depth.ipynb"
STORY = DOCS / "stories" / "researcher.md"
SVG = "{http://www.w3.org/2000/svg}"
UNSURE: dict[str, Any] = {"samples_per_s": {"median": 9000.0}}
"""Of which too little was measured for an interval."""


def cells() -> list[str]:
    content = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert (content["nbformat"], content["nbformat_minor"]) == (4, 5)
    return ["".join(it["source"]) for it in content["cells"] if it["cell_type"] == "code"]


def words() -> set[str]:
    """What stands in the figure."""
    figure = ET.parse("depth.svg").getroot()
    return {"".join(text.itertext()).strip() for text in figure.iter(f"{SVG}text")}


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A comparison; figures are drawn in an empty directory, on no screen."""
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "matplotlib"))
    monkeypatch.chdir(tmp_path)
    pytest.importorskip("matplotlib", reason="wants splitrun[notebook]")
    return comparison(arm("sequential", 1000), arm("stale:2", 1900), arm("stale:4", 3700, **UNSURE))


def test_the_researcher_s_script_draws_the_figure_and_writes_the_table(
    measured: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = ComparisonRecord.of(measured)
    monkeypatch.setattr(splitrun, "load_comparison", {"f8702d3d": record, "3f2eecd2": record}.get)
    (script,) = re.findall(r"```python\n(.*?)```", STORY.read_text(encoding="utf-8"), re.DOTALL)
    with pytest.importorskip("matplotlib").rc_context():
        exec(compile(script, STORY.name, "exec"), {})
    assert {"batches in flight", "change of AUROC", "auto", "none", "16"} <= words()
    head, *rows = Path("depth.csv").read_text(encoding="utf-8").splitlines()
    assert head.startswith("compensation,depth,samples_per_s,")
    assert len(rows) == 6


def test_its_cells_draw_throughput_and_auroc_against_depth(
    measured: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare = inspect.signature(splitrun.compare)

    def measure(*given: Any, **options: Any) -> ComparisonRecord:
        asked = compare.bind(*given, **options).arguments
        assert document_of(asked["spec"], (), None).spec.name == "depth"
        return ComparisonRecord.of(measured)

    monkeypatch.setattr(splitrun, "compare", measure)
    told: dict[str, Any] = {}
    for cell in cells():
        exec(compile(cell, NOTEBOOK.name, "exec"), told)
    assert list(told["table"]["depth"]) == [1, 2, 4]
    assert {"batches in flight", "samples/s", "AUROC", "1", "2", "4"} <= words()
