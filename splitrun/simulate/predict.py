"""What throughput a plan will have, without simulating every step of it."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from splitrun.plan import Plan, Segment
from splitrun.simulate.costs import Costs
from splitrun.simulate.engine import simulate
from splitrun.simulate.in_turn import simulate_in_turn
from splitrun.simulate.stretch import segment_time_s


@dataclass(frozen=True)
class Prediction:
    """A run's training as the simulator foresees it, evaluations left out."""

    samples: int
    steps: int
    train_s: float
    """All segments, each with its fill and its drain."""
    runtime: Literal["serial", "threaded"] = "threaded"

    @property
    def samples_per_s(self) -> float:
        """Infinite where nothing takes any time."""
        return self.samples / self.train_s if self.train_s else math.inf

    @property
    def period_s(self) -> float:
        """Seconds a step, fills and drains included."""
        return self.train_s / self.steps


def predict(
    plan: Plan, costs: Costs, runtime: Literal["serial", "threaded"] = "threaded"
) -> Prediction:
    """Predict the training time of a whole run.

    Raises:
        KeyError: a role has no costs.
        ValueError: the plan trains nothing.
    """
    if not plan.steps:
        raise ValueError("the plan trains nothing: there is no throughput to predict")
    simulated = simulate_in_turn if runtime == "serial" else simulate
    lengths = Counter(segment.stop - segment.start for segment in plan.segments())
    return Prediction(
        samples=plan.epochs * plan.facts.train_rows,
        steps=plan.steps,
        train_s=sum(
            count * segment_time_s(plan, costs, Segment(0, steps), simulated)
            for steps, count in lengths.items()
        ),
        runtime=runtime,
    )
