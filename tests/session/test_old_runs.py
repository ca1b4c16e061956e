"""Runs that were made before parties had shards: each reader reads them, or says in a line which
version wrote them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.trial import refusal

OLD = Path(__file__).parent / "old_run"
"""Written by the code of commit 80d80ff: interrupted after 5 of 6 steps, with a checkpoint."""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    shutil.copytree(OLD, tmp_path / "run")
    return tmp_path / "run"


def test_an_old_checkpoint_is_refused_with_its_version_and_what_to_do(
    old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refusal(capsys, "train", "--resume", str(old))
    checkpoint = old / "checkpoints" / "step-00000003"
    assert said == (
        f"{checkpoint}: a checkpoint of format 2, of splitrun 0.1, not of 3; "
        "go on with the splitrun that wrote it, or train again"
    )


def test_an_old_model_is_refused_with_its_version_and_what_to_do(
    old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refusal(capsys, "eval", str(old)) == (
        f"{old}/model/model.json: a model of format 1, of splitrun 0.1, not of 2; "
        "use the splitrun that saved it, or train again"
    )
