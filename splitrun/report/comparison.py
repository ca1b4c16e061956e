"""`comparison.json`, as its reader sees it: what may be unknown is None."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from splitrun.errors import RunDirectoryError
from splitrun.files import is_something
from splitrun.report.files import read_json
from splitrun.telemetry.jsonl import FIRST_PART
from splitrun.telemetry.shares import Shares

RoleChannels = tuple[float, float]
Depth = Annotated[int, msgspec.Meta(ge=1)]
Positive = Annotated[float, msgspec.Meta(gt=0)]


class Median(msgspec.Struct, frozen=True):
    """A median and its 95 % interval."""

    median: Positive | None
    ci95: RoleChannels | None = None


class Mean(msgspec.Struct, frozen=True):
    """A mean and its 95 % interval."""

    mean: float | None
    ci95: RoleChannels | None = None


class Metric(msgspec.Struct, frozen=True):
    """An arm's metric, and how it differs from the baseline's."""

    mean: float | None
    difference: Mean


class Staleness(msgspec.Struct, frozen=True):
    """Updates between the weights a gradient was computed at and those it is applied to."""

    mean: float | None


class LinkUse(msgspec.Struct, frozen=True):
    """What passed through a channel during the recorded turn."""

    bytes_per_step: float | None
    messages: int | None


class Point(msgspec.Struct, frozen=True):
    """The metric after an epoch."""

    epoch: float
    value: float | None
    train_s: float | None = None


class Curve(msgspec.Struct, frozen=True):
    """The metric of one training."""

    points: tuple[Point, ...]


class Choice(msgspec.Struct, frozen=True):
    """An arm, told by what makes it."""

    schedule: str
    depth: Depth
    micro_batches: int = 1


class Arm(msgspec.Struct, frozen=True):
    """What was found out about one arm."""

    name: str
    schedule: str
    depth: Depth
    samples_per_s: Median
    speedup: Median
    metric: Metric
    verdict: str
    micro_batches: int = 1
    runtime: str = ""
    bound_samples_per_s: float | None = None
    fraction_of_bound: float | None = None
    predicted_samples_per_s: float | None = None
    limited_by: str = ""
    time_to_target_s: float | None = None
    reached: int | None = None
    staleness: Staleness = Staleness(None)
    bytes_per_step: float | None = None
    cpu_percent: float | None = None
    gpu_percent: float | None = None
    peak_memory_bytes: float | None = None
    roles: dict[str, Shares] = {}
    links: dict[str, LinkUse] = {}
    curves: tuple[Curve, ...] = ()
    recording: str | None = None

    @property
    def sequential(self) -> bool:
        """Whether this is the arm that the others are compared with."""
        return self.schedule == "sequential"


class Baseline(msgspec.Struct, frozen=True):
    """On which runtime the sequential arm was faster, and by how much."""

    runtime: str
    gain: float | None = None


class Forecast(msgspec.Struct, frozen=True):
    """What the probed costs say about a depth."""

    depth: Depth
    bound_samples_per_s: float | None
    predicted_samples_per_s: float | None


class Comparison(msgspec.Struct, frozen=True):
    """One experiment, run several ways."""

    kind: Literal["comparison"]
    name: str
    metric: str
    arms: tuple[Arm, ...]
    recommended: Choice
    advice: str = ""
    faster_unproven: tuple[str, ...] = ()
    """Names of arms that are faster than the recommended one, and not shown to be as accurate."""
    started: str = ""
    ended: str = ""
    environment: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    baseline: Baseline | None = None
    forecast: tuple[Forecast, ...] = ()

    @property
    def sequential(self) -> Arm | None:
        """The baseline."""
        return next((arm for arm in self.arms if arm.sequential), None)

    @property
    def chosen(self) -> Arm | None:
        """The arm that is recommended, if it took part."""
        wanted = self.recommended
        return next(
            (
                arm
                for arm in self.arms
                if wanted == Choice(arm.schedule, arm.depth, arm.micro_batches)
            ),
            None,
        )

    @property
    def target(self) -> float | None:
        """The value of the metric whose time is measured, if one was set."""
        target = self.settings.get("target")
        return float(target) if isinstance(target, int | float) else None

    @property
    def seeds(self) -> int:
        """Trainings per arm."""
        return max((len(arm.curves) for arm in self.arms), default=0)


def read_comparison(directory: Path) -> Comparison | None:
    """What a comparison's directory tells; None where it is none.

    Raises:
        RunDirectoryError: its file is damaged.
    """
    comparison = read_json(directory / "comparison.json", Comparison)
    if comparison is not None and not comparison.arms:
        message = f"{directory / 'comparison.json'}: no arms in it"
        raise RunDirectoryError(f"{message}; restore the file, or compare again")
    return comparison


def recording_of(directory: Path, arm: Arm) -> Path | None:
    """Where an arm's recording is, if there is one; never outside the comparison's directory."""
    if not arm.recording:
        return None
    path = directory / arm.recording
    if not is_something(path / FIRST_PART):
        return None
    return path if path.resolve().is_relative_to(directory.resolve()) else None
