"""Checkpoints of steps that are not known to be right do not outlast what made them doubtful."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from splitrun import files
from splitrun.cli.app import run
from tests.cli.trial import says
from tests.runtime.running import synthetic

LATE = """
import torch
from torch import nn

class Reads(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, owner):
        ctx.owner = owner
        return x * owner.kept

    @staticmethod
    def backward(ctx, gradient):
        return gradient * ctx.owner.kept, None

class Late(nn.Module):
    "From its 21st forward on, its backward reads what a later forward has changed."
    begins = 20

    def __init__(self, in_features):
        super().__init__()
        self.layer = nn.Linear(in_features, in_features)
        self.register_buffer("calls", torch.tensor(0))

    def forward(self, x):
        self.calls += self.training
        if self.training and self.calls > self.begins:
            self.kept = x.detach()
            return Reads.apply(self.layer(x), self)
        return self.layer(x)
"""
SOUND = 17
"""The step before the last that was looked at, 16, is done then; the next one looked at is 32."""


def failed(tmp_path: Path, capsys: pytest.CaptureFixture[str], **sections: Any) -> list[str]:
    """What is said on stderr when the run fails."""
    (tmp_path / "late.py").write_text(LATE)
    content = synthetic(
        rows=340,
        dataset={"batch_size": 8, "test_fraction": 0.0},
        pipeline={"schedule": "stale", "depth": 4},
        training={"epochs": 1},
        links={"default": {"latency_ms": 10}},
        **sections,
    )
    content["parties"]["p1"]["bottom"] = {"class": "late:Late"}
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(content))
    runs = tmp_path / "runs"
    code = run(["train", str(tmp_path / "spec.yaml"), *ALLOWED, "--runs-dir", str(runs)])
    said = capsys.readouterr().err.splitlines()
    assert code == 1, said
    assert says(said[0], f"p1.bottom failed at step 32: Late: … up to step {SOUND} it did not; …")
    return said


ALLOWED = ("--allow-code", "--progress", "none")
CHECKPOINTS = {"every_steps": 6, "keep": 10}


@pytest.fixture(autouse=True)
def look_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints are written at once, so that hardly any is passed over; and known steps are run
    again."""
    monkeypatch.setattr("splitrun.runtime.threaded.LOOK_EVERY_S", 0.001)
    early = frozenset((0, 1, 2, 4, 8, SOUND - 1, 32))
    monkeypatch.setattr("splitrun.model.custom.recomputation._EARLY", early)


def steps_kept(directory: Path) -> list[int]:
    return sorted(int(path.name[5:]) for path in (directory / "checkpoints").glob("*/step-*"))


def test_none_is_left_from_which_a_run_would_go_on_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = failed(tmp_path, capsys, checkpoint=CHECKPOINTS)
    (directory,) = (tmp_path / "runs").iterdir()
    note, last = said[1:]
    assert re.fullmatch(
        "checkpoints from step (18|24|30) on were removed, for they may be wrong", note
    )
    assert last == f"the run directory is {directory}"
    assert note in (directory / "failure.txt").read_text()
    kept = steps_kept(directory)
    assert {6} <= set(kept) <= {6, 12}
    monkeypatch.setattr(sys.modules["late"].Late, "begins", 20_000)  # the user changes it
    assert run(["train", "--resume", str(directory), *ALLOWED]) == 0
    attempts = json.loads((directory / "manifest.json").read_text())["attempts"]
    assert [(attempt["from_step"], attempt["status"]) for attempt in attempts] == [
        (0, "failed"),
        (kept[-1], "done"),
    ]


def test_what_cannot_be_removed_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = files.remove

    def refuse(path: Path) -> None:
        if path.name > f"step-{SOUND:08}" and path.exists():
            raise PermissionError(13, "Permission denied", str(path))
        whole(path)

    monkeypatch.setattr("splitrun.session.checkpoint.remove", refuse)
    said = failed(tmp_path, capsys, checkpoint=CHECKPOINTS)
    doubtful = f"checkpoints of steps after {SOUND} may be wrong and cannot be removed: "
    assert says(said[1], f"{doubtful}…Permission denied…; remove them before the run is resumed")
    (directory,) = (tmp_path / "runs").iterdir()
    assert json.loads((directory / "manifest.json").read_text())["status"] == "failed"


def test_a_run_without_checkpoints_says_nothing_of_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "checkpoint" not in "".join(failed(tmp_path, capsys)[:-1])
