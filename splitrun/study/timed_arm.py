"""Who takes part in the timing, and what a trial of it came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from splitrun.plan import Plan
from splitrun.runtime import AffinityTuner
from splitrun.session.environment import usable_cores
from splitrun.study.arms import Arm
from splitrun.study.training import RuntimeName, Subject


@dataclass(frozen=True, eq=False)
class TimedArm:
    """An arm on one runtime, and the segment that it is timed over."""

    arm: Arm
    runtime: RuntimeName
    subject: Subject
    plan: Plan
    affinity_tuner: AffinityTuner = field(default_factory=lambda: AffinityTuner(usable_cores()))
    """Where its roles belong, for one trial is too short to find out."""


@dataclass(frozen=True)
class Trial:
    """One timed segment."""

    samples_per_s: float
    cpu_percent: float
    """Of one core, over the trial: 150 is one and a half cores."""


Trials = Mapping[TimedArm, Sequence[Trial]]
"""Of every timed_arm its trials, one a round."""
