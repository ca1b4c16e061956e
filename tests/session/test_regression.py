"""A target in whatever unit: it is learned alike, and told in its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

from splitrun.records.run import RunResult
from splitrun.session import evaluate_run, train
from tests.runtime.running import prepared

ROWS = range(200)
PRICES = [300_000 + 80_000 * (i % 7) - 40_000 * (i % 3) for i in ROWS]
"""A linear target without noise."""


def run(directory: Path, target: list[float], **settings: Any) -> RunResult:
    """Trains ten epochs on a target of three columns."""
    rows = (f"{i % 7},{i % 3},{i % 5},{target[i]!r}\n" for i in ROWS)
    path = directory / "target.csv"
    path.write_text("a,b,c,y\n" + "".join(rows))
    bottom = {"type": "mlp", "hidden": [16], "out": 8}
    content = {
        "name": "prices",
        "dataset": {"type": "csv", "path": str(path), "label": "y", "batch_size": 16},
        "parties": {
            "alice": {"columns": ["a", "c"], "bottom": bottom},
            "bob": {"columns": ["b"], "bottom": bottom},
        },
        "top": {"party": "alice", "model": {"type": "mlp", "out": 1}, "loss": "mse"},
        "training": {
            "epochs": 10,
            "optimizer": {"type": "adam", "lr": 0.01},
            "metrics": ["rmse", "mae", "r2"],
        },
        **settings,
    }
    return train(prepared(content), directory / "runs")


def test_a_linear_target_in_hundreds_of_thousands_is_learned_in_ten_epochs(tmp_path: Path) -> None:
    result = run(tmp_path, list(PRICES))
    r2, rmse = result.metrics["test"]["r2"], result.metrics["test"]["rmse"]
    assert r2 is not None
    assert rmse is not None
    assert r2 >= 0.99
    assert 1_000 < rmse < 20_000
    assert result.train_loss is not None
    assert result.train_loss < 0.1


def test_predictions_and_metrics_are_in_the_targets_own_unit(tmp_path: Path) -> None:
    result = run(tmp_path, list(PRICES))
    evaluation = evaluate_run(Path(result.run_dir))
    truth = np.array(PRICES)[np.array(evaluation.predictions.keys)]
    predicted = evaluation.predictions.values[:, 0].numpy()
    assert evaluation.metrics == result.metrics["test"]
    assert evaluation.metrics["rmse"] == pytest.approx(sk.root_mean_squared_error(truth, predicted))
    assert evaluation.metrics["mae"] == pytest.approx(sk.mean_absolute_error(truth, predicted))
    assert evaluation.metrics["r2"] == pytest.approx(sk.r2_score(truth, predicted))


@pytest.mark.parametrize(("factor", "offset"), [(2.0**-20, 0.0), (2.0**80, 0.0), (1.0, 2.0**30)])
def test_another_unit_changes_errors_by_its_factor_and_r2_not(
    tmp_path: Path, factor: float, offset: float
) -> None:
    known = run(tmp_path, list(PRICES)).metrics["test"]
    other = run(tmp_path, [factor * price + offset for price in PRICES]).metrics["test"]
    assert known["rmse"] is not None
    assert other["rmse"] == pytest.approx(factor * known["rmse"], rel=1e-3)
    assert other["r2"] == pytest.approx(known["r2"], abs=1e-4)
    assert other["loss"] == pytest.approx(known["loss"], rel=1e-2)
