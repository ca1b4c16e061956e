"""`splitrun eval` tells where it finds other metrics than the training did."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from splitrun.cli.app import run
from tests.cli.trial import SYNTHETIC, spec, write

FORGETS = """
import torch
from torch import nn

class Bottom(nn.Module):
    "Keeps a running mean where no model holds it."
    def __init__(self, in_features):
        super().__init__()
        self.layer, self.mean = nn.Linear(in_features, 2), torch.zeros(in_features)
    def forward(self, x):
        if self.training:
            self.mean = 0.9 * self.mean + x.mean(0)
        return self.layer(x - self.mean)
"""


@pytest.mark.parametrize(("forgets", "warned"), [(True, True), (False, False)])
def test_other_metrics_than_at_the_end_are_warned_about(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    forgets: bool,
    warned: bool,
) -> None:
    monkeypatch.chdir(tmp_path)
    bottom = "{class: 'own:Bottom'}" if forgets else "{type: mlp, out: 2}"
    text = spec(("bob: {bottom: {type: mlp, out: 2}}", f"bob: {{bottom: {bottom}}}"), of=SYNTHETIC)
    write(tmp_path, {"trial.yaml": text, "own.py": FORGETS})
    quiet = ("--allow-code", "--json")
    assert run(["train", "trial.yaml", *quiet, "--progress", "none"]) == 0
    trained = json.loads(capsys.readouterr().out)
    assert run(["eval", trained["run_dir"], *quiet]) == 0
    printed = capsys.readouterr()
    assert ("at the end of the training" in printed.err) == warned
    assert (json.loads(printed.out)["metrics"] != trained["metrics"]) == warned
