"""What a run says class by class is of the weights that it ends with, in all that tells of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from splitrun.cli.app import run
from splitrun.report.run_page import read_run, run_page
from splitrun.session import evaluate_run, train
from tests.runtime.running import Content, prepared, synthetic

SECTIONS: dict[str, Content] = {
    "at its end": {"evaluate_every_epochs": 1},
    "at its best": {"early_stopping": {"patience": 1}, "optimizer": {"type": "sgd", "lr": 5.0}},
}


@pytest.mark.parametrize("when", SECTIONS)
def test_a_run_tells_class_by_class_what_its_model_makes_of_test_rows(
    when: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = synthetic(
        rows=300,
        dataset={"validation_fraction": 0.2},
        training={"epochs": 4, "class_weights": "balanced"} | SECTIONS[when],
    )
    result = train(prepared(content), tmp_path)
    told = result.classes["test"]
    assert set(result.classes) == {"test", "validation"}
    assert evaluate_run(Path(result.run_dir)).classes == result.classes
    assert sum(it.support for it in told.classes) == sum(map(sum, told.confusion)) == 60
    capsys.readouterr()
    assert run(["eval", result.run_dir, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)["classes"]
    manifest = json.loads((Path(result.run_dir) / "manifest.json").read_text())
    assert manifest["result"]["classes"] == printed
    page = read_run(Path(result.run_dir))
    assert page is not None
    (section,) = (it for it in run_page(page).sections if it.title == "Class by class")
    assert len(section.blocks) == 3
