"""What a comparison found out, and its JSON form."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from splitrun.plan import Plan
from splitrun.study.arms import Arm
from splitrun.study.interval import Interval
from splitrun.study.statistics import MeanEstimate, MedianEstimate
from splitrun.study.training import RuntimeName
from splitrun.study.verdict import MetricComparison


@dataclass(frozen=True)
class Staleness:
    """Updates between the weights a gradient was computed at and those it is applied to."""

    mean: float
    """Over the bottoms and the steps of the whole run."""
    max: int

    @classmethod
    def of(cls, plan: Plan) -> Staleness:
        """The staleness that a plan's segments and depths make."""
        total = most = 0
        for segment in plan.segments():
            steps = segment.stop - segment.start
            for bottom in plan.bottoms:
                full = min(bottom.depth - 1, steps - 1)
                total += full * (full + 1) // 2 + (steps - 1 - full) * full
                most = max(most, full)
        return cls(total / (plan.steps * len(plan.bottoms)), most)


@dataclass(frozen=True)
class ArmResult:
    """One arm's speed over the timed segment, and what its whole training learns."""

    arm: Arm
    runtime: RuntimeName
    """The threads' or, where it is the faster baseline, the serial one."""
    samples_per_s: MedianEstimate
    speedup: MedianEstimate
    bound_samples_per_s: float
    """Of the timed segment, its fill and drain among it; infinite where nothing takes time."""
    limited_by: str
    predicted_samples_per_s: float
    metric: MeanEstimate
    comparison: MetricComparison
    staleness: Staleness
    bytes_per_step: int
    """Of cuts and gradients, between parties."""
    cpu_percent: float
    """Processor time of the whole process; 100 is one core. The mean of all turns."""

    @property
    def fraction_of_bound(self) -> float:
        """Measured throughput over the bound."""
        return self.samples_per_s.median / self.bound_samples_per_s

    def to_json(self, metric: str) -> dict[str, Any]:
        """A JSON-ready record; what is unknown or unbounded is null."""
        difference = self.comparison.difference
        return {
            "schedule": self.arm.schedule,
            "depth": self.arm.depth,
            "micro_batches": self.arm.micro_batches,
            "runtime": self.runtime,
            "samples_per_s": _median(self.samples_per_s),
            "speedup": _median(self.speedup)
            | {"lower_bound": _finite(self.speedup.interval.lower_bound)},
            "bound_samples_per_s": _finite(self.bound_samples_per_s),
            "fraction_of_bound": self.fraction_of_bound,
            "predicted_samples_per_s": _finite(self.predicted_samples_per_s),
            "limited_by": self.limited_by,
            "metric": {"name": metric} | _mean(self.metric) | {"difference": _mean(difference)},
            "time_to_target_s": None,
            "staleness": {"mean": self.staleness.mean, "max": self.staleness.max},
            "bytes_per_step": self.bytes_per_step,
            "cpu_percent": self.cpu_percent,
            "gpu_percent": None,
            "verdict": str(self.comparison.verdict),
        }


@dataclass(frozen=True)
class Comparison:
    """All arms, the baseline among them, and what is recommended."""

    metric: str
    arms: tuple[ArmResult, ...]
    baseline_gain: float
    """How many times the other sequential runtime's throughput the baseline has."""
    recommended: Arm
    advice: str

    def result(self, arm: Arm) -> ArmResult:
        """What was found out about one arm."""
        return next(result for result in self.arms if result.arm == arm)

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready record."""
        return {
            "arms": [result.to_json(self.metric) for result in self.arms],
            "recommended": {
                "schedule": self.recommended.schedule,
                "depth": self.recommended.depth,
                "micro_batches": self.recommended.micro_batches,
            },
            "advice": self.advice,
            "report": None,
        }


def _median(estimate: MedianEstimate) -> dict[str, Any]:
    return {"median": estimate.median, "ci95": _ends(estimate.interval)}


def _mean(estimate: MeanEstimate) -> dict[str, Any]:
    return {"mean": estimate.mean, "ci95": _ends(estimate.interval)}


def _ends(interval: Interval) -> list[float] | None:
    return None if interval.ci95 is None else list(interval.ci95)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
