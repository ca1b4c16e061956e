"""Time to target: how long an arm trains until an evaluation first reaches a value.

It joins what was measured apart. The curves tell after how many epochs, seed by seed; the arm's
throughput tells how long those take. Evaluations themselves are outside the clock.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median_high

from splitrun.study.quality import Curve

LOWER_IS_BETTER = frozenset({"loss", "rmse", "mae"})
"""Of the metrics; of all others more is better."""


@dataclass(frozen=True)
class TimeToTarget:
    """Of one arm, over all seeds."""

    time_s: float | None
    """In the median of the seeds; None where half of them or more never get there."""
    reached: int
    """Seeds that do."""


def time_to_target(
    curves: Sequence[Curve], metric: str, target: float, epoch_s: float
) -> TimeToTarget:
    """When an arm that takes so many seconds an epoch first reaches the target.

    Raises:
        ValueError: there are no curves.
    """
    epochs = [_first(curve, metric, target) for curve in curves]
    time_s = median_high(epochs) * epoch_s
    reached = sum(math.isfinite(epoch) for epoch in epochs)
    return TimeToTarget(time_s if math.isfinite(time_s) else None, reached)


def _first(curve: Curve, metric: str, target: float) -> float:
    """The first epoch after which the metric is at least as good; infinite if there is none."""
    good = [
        epoch
        for epoch, value in curve.items()
        if (value <= target if metric in LOWER_IS_BETTER else value >= target)
    ]
    return min(good, default=math.inf)
