"""What a comparison found out, and its JSON form."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from splitrun.plan import Plan
from splitrun.simulate import Certainty
from splitrun.study.arms import BASELINE, Arm
from splitrun.study.intervals import Interval
from splitrun.study.quality import Curve
from splitrun.study.statistics import MeanEstimate, MedianEstimate
from splitrun.study.timing import Trial
from splitrun.study.training import RecordedTrial, RuntimeName
from splitrun.study.verdict import MetricComparison, TimeToTarget


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
    trials: Sequence[Trial]
    curves: Mapping[int, Curve]
    """Of the metric, by seed."""
    epoch_s: float
    """Training time of an epoch at the measured throughput."""
    target: TimeToTarget | None
    """None where none was asked for."""
    recording: RecordedTrial

    @property
    def cpu_percent(self) -> float:
        """Processor time of the whole process; 100 is one core. The mean of all trials."""
        return fmean(trial.cpu_percent for trial in self.trials)

    @property
    def fraction_of_bound(self) -> float:
        """Measured throughput over the bound."""
        return self.samples_per_s.median / self.bound_samples_per_s

    def to_json(self, metric: str) -> dict[str, Any]:
        """A JSON-ready record; what is unknown or unbounded is null."""
        difference, recording = self.comparison.difference, self.recording
        return {
            "name": str(self.arm),
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
            "time_to_target_s": self.target.time_s if self.target else None,
            "reached": self.target.reached if self.target else None,
            "staleness": {"mean": self.staleness.mean, "max": self.staleness.max},
            "bytes_per_step": self.bytes_per_step,
            "cpu_percent": self.cpu_percent,
            "gpu_percent": recording.gpu_percent,
            "peak_memory_bytes": recording.peak_memory_bytes,
            "verdict": str(self.comparison.verdict),
            "roles": {role: asdict(shares) for role, shares in recording.roles.items()},
            "links": {name: asdict(traffic) for name, traffic in recording.links.items()},
            "trials": [asdict(trial) for trial in self.trials],
            "curves": [
                {
                    "seed": seed,
                    "points": [
                        {"epoch": epoch, "value": value, "train_s": epoch * self.epoch_s}
                        for epoch, value in curve.items()
                    ],
                }
                for seed, curve in self.curves.items()
            ],
            "recording": recording_path(self.arm),
        }


@dataclass(frozen=True)
class Forecast:
    """What the probed costs foretell of `stale` at one depth, over a trial as the arms have."""

    depth: int
    """1 is sequential."""
    bound_samples_per_s: float
    predicted_samples_per_s: float


@dataclass(frozen=True)
class Choice:
    """Which arm to take: by what was measured, and by what was shown elsewhere."""

    recommended: Arm
    """The fastest whose metric is shown to be the baseline's; the baseline where none else is."""
    fastest: Arm
    """Of those that the spec allows, whatever it does to the metric."""
    faster_unproven: tuple[Arm, ...]
    """Faster than the recommended one."""
    shown_depth: int
    """The deepest that the study of staleness has shown to be accurate in such a run."""
    unproven: bool
    """Whether the fastest is taken."""

    @property
    def taken(self) -> Arm:
        """What gates look at, unless another arm is named."""
        return self.fastest if self.unproven else self.recommended


@dataclass(frozen=True)
class Comparison:
    """All arms, the baseline among them, and what is recommended."""

    metric: str
    arms: tuple[ArmResult, ...]
    forecast: Sequence[Forecast]
    baseline_gain: float
    """How many times the other sequential runtime's throughput the baseline has."""
    choice: Choice
    certainty: Certainty | None
    """How sure the probe was of which depth to try."""
    advice: str
    diverged: tuple[Arm, ...]
    """Arms whose loss did not stay finite, and that are not in `arms`."""

    def result(self, arm: Arm) -> ArmResult:
        """What was found out about one arm."""
        return next(result for result in self.arms if result.arm == arm)

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready record."""
        return {
            "arms": [result.to_json(self.metric) for result in self.arms],
            "metric": self.metric,
            "baseline": {
                "runtime": self.result(BASELINE).runtime,
                "gain": self.baseline_gain,
            },
            "forecast": [
                {key: _finite(value) for key, value in asdict(each).items()}
                for each in self.forecast
            ],
            "recommended": _choice(self.choice.recommended),
            "fastest": _choice(self.choice.fastest),
            "recommended_depth": self.choice.recommended.depth,
            "fastest_depth": self.choice.fastest.depth,
            "shown_depth": self.choice.shown_depth,
            "faster_unproven": [str(arm) for arm in self.choice.faster_unproven],
            "unproven": self.choice.unproven,
            "certainty": self.certainty.to_json() if self.certainty else None,
            "advice": self.advice,
            "diverged": [str(arm) for arm in self.diverged],
        }


def recording_path(arm: Arm) -> str:
    """Where an arm's recording is, within the directory of its comparison."""
    return f"arms/{str(arm).replace(':', '-')}"


def _choice(arm: Arm) -> dict[str, Any]:
    return {
        "schedule": arm.schedule,
        "depth": arm.depth,
        "micro_batches": arm.micro_batches,
    }


def _median(estimate: MedianEstimate) -> dict[str, Any]:
    return {"median": estimate.median, "ci95": _ends(estimate.interval)}


def _mean(estimate: MeanEstimate) -> dict[str, Any]:
    return {"mean": estimate.mean, "ci95": _ends(estimate.interval)}


def _ends(interval: Interval) -> list[float] | None:
    return None if interval.ci95 is None else list(interval.ci95)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
