"""Rows with weights, trained: what they come to, whole and in micro-batches, on every runtime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import torch

from splitrun.events import Evaluated, StepDone
from tests.runtime.law import hold_the_law
from tests.runtime.running import Content, Trained, prepared, trained

ROWS = 60
LABELS: Mapping[str, Sequence[str]] = {
    "binary_cross_entropy": ("no", "yes"),
    "cross_entropy": ("low", "mid", "high"),
    "mse": ("-1", "1"),
}


def counts(row: int) -> int:
    """Of pairs of rows, so that the mean of a target is the same with weights and without."""
    return (0, 1, 3, 7)[row // 2 % 4] if row < ROWS // 2 else 1


def content(
    directory: Path,
    weights: Sequence[object],
    loss: str = "binary_cross_entropy",
    repeats: Sequence[int] = (1,) * ROWS,
    **sections: Content,
) -> Content:
    """A spec of rows that are written so many times, each with its weight."""
    lines = [
        f"{row % 7 / 7},{row * row % 11 / 11},{LABELS[loss][row % len(LABELS[loss])]},{weight}"
        for row, weight in enumerate(weights)
        for _ in range(repeats[row])
    ]
    path = directory / f"{len(list(directory.iterdir()))}.csv"
    path.write_text("\n".join(["a,b,y,w", *lines]) + "\n")
    bottom = {"type": "mlp", "hidden": [4], "out": 3, "activation": "tanh"}
    outputs = 3 if loss == "cross_entropy" else 1
    made: Content = {
        "name": "weighed",
        "seed": 3,
        "dataset": {"type": "csv", "path": str(path), "label": "y", "weight": "w"},
        "parties": {
            "p0": {"columns": ["a"], "bottom": bottom, "scaling": "none"},
            "p1": {"columns": ["b"], "bottom": bottom, "scaling": "none"},
        },
        "top": {"party": "p0", "model": {"type": "mlp", "out": outputs}, "loss": loss},
        "training": {"optimizer": {"type": "sgd", "lr": 0.5}},
    }
    for key, value in sections.items():
        made[key] = made.get(key, {}) | value
    return made


def losses(run: Trained) -> list[float]:
    return [event.loss for event in run.events if isinstance(event, StepDone)]


@pytest.mark.parametrize("micro_batches", [1, 4])
@pytest.mark.parametrize("loss", LABELS)
def test_a_batch_with_a_row_of_weight_3_is_one_that_has_the_row_three_times(
    loss: str, micro_batches: int, tmp_path: Path
) -> None:
    whole = {"batch_size": 10_000, "test_fraction": 0}
    repeats = [counts(row) for row in range(ROWS)]
    written_out = content(tmp_path, [1] * ROWS, loss, repeats, dataset=whole)
    weighed = content(tmp_path, repeats, loss, dataset=whole)
    weighed["pipeline"] = {"schedule": "microbatch", "micro_batches": micro_batches}
    expected, found = (trained(prepared(each), "serial") for each in (written_out, weighed))
    assert losses(found) == pytest.approx(losses(expected), abs=1e-6)
    torch.testing.assert_close(found.weights, expected.weights, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("schedule", ["microbatch", "stale"])
@pytest.mark.parametrize("loss", LABELS)
@pytest.mark.parametrize("weight", [1, 0.1])
def test_weights_that_are_all_the_same_change_no_bit(
    weight: float, loss: str, schedule: str, tmp_path: Path
) -> None:
    weighed = content(tmp_path, [weight] * ROWS, loss, dataset={"batch_size": 9})
    weighed["pipeline"] = {"schedule": schedule}
    unweighed = weighed | {"dataset": weighed["dataset"] | {"weight": None}}
    runs = [trained(prepared(each), "serial") for each in (weighed, unweighed)]
    one, other = runs
    assert one.outcome.digests == other.outcome.digests
    assert losses(one) == losses(other)
    figures = [
        [event.metrics for event in run.events if isinstance(event, Evaluated)] for run in runs
    ]
    assert figures[0] == figures[1]


def test_a_batch_without_weight_has_no_loss_and_changes_nothing(tmp_path: Path) -> None:
    weighed = content(tmp_path, [1] + [0] * (ROWS - 1), dataset={"batch_size": 5})
    weighed["dataset"]["test_fraction"] = 0
    found = losses(trained(prepared(weighed), "serial"))
    assert sum(loss > 0 for loss in found) == 1
    assert sum(loss == 0 for loss in found) == len(found) - 1


def test_weights_of_rows_hold_the_law(tmp_path: Path) -> None:
    weighed = content(tmp_path, [row % 5 for row in range(ROWS)], dataset={"batch_size": 7})
    weighed |= {"pipeline": {"schedule": "stale", "depth": 3}}
    weighed["training"]["class_weights"] = "balanced"
    hold_the_law(weighed, "threaded", "processes")
