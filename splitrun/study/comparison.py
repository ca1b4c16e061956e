"""What a comparison found out, and how its file tells of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean

from msgspec.structs import replace

from splitrun.events import EvaluatedRows
from splitrun.plan import Plan
from splitrun.records.comparison import (
    ArmRecord,
    BaselineRecord,
    ComparisonRecord,
    CurveRecord,
    DepthForecast,
    MetricRecord,
    PointRecord,
    TrialRecord,
)
from splitrun.records.plan import ChoiceRecord
from splitrun.records.run import Staleness
from splitrun.simulate import Certainty
from splitrun.study.arms import BASELINE, Arm
from splitrun.study.quality import MetricComparison, TimeToTarget
from splitrun.study.scoring import Curve
from splitrun.study.statistics import MeanEstimate, MedianEstimate
from splitrun.study.timing import Trial
from splitrun.study.training import RecordedTrial, RuntimeName


def staleness_of(plan: Plan) -> Staleness:
    """The staleness that a plan's segments and depths make, over bottoms and steps."""
    total = most = 0
    for segment in plan.segments():
        steps = segment.stop - segment.start
        for bottom in plan.bottoms:
            full = min(bottom.depth - 1, steps - 1)
            total += full * (full + 1) // 2 + (steps - 1 - full) * full
            most = max(most, full)
    return Staleness(mean=total / (plan.steps * len(plan.bottoms)), max=most)


@dataclass(frozen=True)
class ArmResult:
    """One arm's speed over the timed segment, and what its whole training learns."""

    arm: Arm
    runtime: RuntimeName
    """The spec's, or threads; the serial one where it is the faster baseline."""
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

    def to_record(self, metric: str) -> ArmRecord:
        """As `comparison.json` tells of it."""
        speedup, recording = self.speedup, self.recording
        return ArmRecord(
            name=str(self.arm),
            schedule=self.arm.schedule,
            depth=self.arm.depth,
            micro_batches=self.arm.micro_batches,
            codec=self.arm.codec,
            runtime=self.runtime,
            samples_per_s=self.samples_per_s.to_record(),
            speedup=replace(speedup.to_record(), lower_bound=speedup.interval.lower_bound),
            bound_samples_per_s=self.bound_samples_per_s,
            fraction_of_bound=self.fraction_of_bound,
            predicted_samples_per_s=self.predicted_samples_per_s,
            limited_by=self.limited_by,
            metric=MetricRecord(
                name=metric,
                mean=self.metric.mean,
                ci95=self.metric.interval.ci95,
                difference=self.comparison.difference.to_record(),
            ),
            time_to_target_s=self.target.time_s if self.target else None,
            reached=self.target.reached if self.target else None,
            staleness=self.staleness,
            bytes_per_step=self.bytes_per_step,
            cpu_percent=self.cpu_percent,
            gpu_percent=recording.gpu_percent,
            peak_memory_bytes=recording.peak_memory_bytes,
            verdict=str(self.comparison.verdict),
            roles=recording.roles,
            links=recording.links,
            trials=tuple(TrialRecord(**asdict(trial)) for trial in self.trials),
            curves=tuple(self._curve(seed, curve) for seed, curve in self.curves.items()),
            recording=recording_path(self.arm),
        )

    def _curve(self, seed: int, curve: Curve) -> CurveRecord:
        points = (
            PointRecord(epoch=epoch, value=value, train_s=epoch * self.epoch_s)
            for epoch, value in curve.items()
        )
        return CurveRecord(seed=seed, points=tuple(points))


@dataclass(frozen=True)
class Choice:
    """Which arm to take: by what was measured, and by what was shown elsewhere."""

    recommended: Arm
    """The fastest that is shown to be faster than the baseline, with its metric; the baseline where
    none is."""
    fastest: Arm
    """Of those that the spec allows, whatever it does to the metric."""
    faster_unproven: tuple[Arm, ...]
    """Faster than the recommended one, and not shown to be different."""
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
    decided_on: EvaluatedRows
    """The rows that the metric is of."""
    arms: tuple[ArmResult, ...]
    forecast: Sequence[DepthForecast]
    baseline_gain: float
    """How many times the other sequential runtime's throughput the baseline has."""
    choice: Choice
    certainty: Certainty | None
    """How sure the probe was of which depth to try."""
    advice: str
    foretold: str
    """What was advised before anything was measured."""
    diverged: tuple[Arm, ...]
    """Arms whose loss did not stay finite, and that are not in `arms`."""

    def result(self, arm: Arm) -> ArmResult:
        """What was found out about one arm."""
        return next(result for result in self.arms if result.arm == arm)

    def to_record(self, name: str) -> ComparisonRecord:
        """As `comparison.json` tells of it.

        Args:
            name: of the experiment.
        """
        choice = self.choice
        return ComparisonRecord(
            kind="comparison",
            name=name,
            arms=tuple(result.to_record(self.metric) for result in self.arms),
            metric=self.metric,
            decided_on=self.decided_on,
            baseline=BaselineRecord(runtime=self.result(BASELINE).runtime, gain=self.baseline_gain),
            forecast=tuple(self.forecast),
            recommended=_choice(choice.recommended),
            fastest=_choice(choice.fastest),
            recommended_depth=choice.recommended.depth,
            fastest_depth=choice.fastest.depth,
            shown_depth=choice.shown_depth,
            faster_unproven=tuple(map(str, choice.faster_unproven)),
            unproven=choice.unproven,
            certainty=self.certainty.to_record() if self.certainty else None,
            advice=self.advice,
            foretold=self.foretold,
            diverged=tuple(map(str, self.diverged)),
        )


def recording_path(arm: Arm) -> str:
    """Where an arm's recording is, within the directory of its comparison."""
    return f"arms/{str(arm).replace(':', '-')}"


def _choice(arm: Arm) -> ChoiceRecord:
    return ChoiceRecord(
        schedule=arm.schedule, depth=arm.depth, micro_batches=arm.micro_batches, codec=arm.codec
    )
