"""docs/depth.ipynb draws the figure that it promises, cell after cell, of whatever was measured."""

from __future__ import annotations

import inspect
import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

import splitrun
from splitrun.api.given import document_of
from splitrun.records.comparison import ComparisonRecord
from tests.report.recordings import arm, comparison

NOTEBOOK = Path(__file__).parents[1] / "docs" / "depth.ipynb"
SVG = "{http://www.w3.org/2000/svg}"
UNSURE: dict[str, Any] = {"samples_per_s": {"median": 9000.0}}
"""Of which too little was measured for an interval."""


def cells() -> list[str]:
    content = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert (content["nbformat"], content["nbformat_minor"]) == (4, 5)
    return ["".join(it["source"]) for it in content["cells"] if it["cell_type"] == "code"]


def test_its_cells_draw_throughput_and_auroc_against_depth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "matplotlib"))
    monkeypatch.chdir(tmp_path)
    pytest.importorskip("matplotlib", reason="wants splitrun[notebook]")
    measured = comparison(
        arm("sequential", 1000), arm("stale:2", 1900), arm("stale:4", 3700, **UNSURE)
    )
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
    figure = ET.parse("depth.svg").getroot()
    words = {"".join(text.itertext()).strip() for text in figure.iter(f"{SVG}text")}
    assert {"batches in flight", "samples/s", "AUROC", "1", "2", "4"} <= words
