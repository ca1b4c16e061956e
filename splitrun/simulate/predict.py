"""What throughput a plan will have, without simulating every step of it.

Work is not done at one speed: threads get in each other's way more at one moment than at the next,
and a virtual machine's processor is not always there. Where links are the limit that makes no
difference, nor where work is, as slow moments are made up for by fast ones. Between the two it
does: when work is slow it is the limit, and when it is fast the loop is. So throughput is the mean
over the speeds, which change slowly beside a step.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import harmonic_mean
from typing import Literal

from splitrun.plan import Plan, Segment
from splitrun.simulate.costs import Costs
from splitrun.simulate.engine import simulate
from splitrun.simulate.extrapolate import segment_time_s
from splitrun.simulate.serial import simulate_in_turn

_QUARTERS = (-1.271, -0.325, 0.325, 1.271)
"""Means of the quarters of a normal distribution, in standard deviations."""


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
    return Prediction(
        samples=plan.epochs * plan.facts.train_rows,
        steps=plan.steps,
        train_s=harmonic_mean(_train_s(plan, each, runtime) for each in _moments(costs)),
        runtime=runtime,
    )


def _moments(costs: Costs) -> Sequence[Costs]:
    """Costs at speeds that are as likely as each other."""
    if not costs.unevenness:
        return [costs]
    return [costs.at_speed(1 + costs.unevenness * deviation) for deviation in _QUARTERS]


def _train_s(plan: Plan, costs: Costs, runtime: Literal["serial", "threaded"]) -> float:
    simulated = simulate_in_turn if runtime == "serial" else simulate
    lengths = Counter(segment.stop - segment.start for segment in plan.segments())
    return sum(
        count * segment_time_s(plan, costs, Segment(0, steps), simulated)
        for steps, count in lengths.items()
    )
