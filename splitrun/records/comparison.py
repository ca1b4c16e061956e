"""What the files of a comparison's directory hold.

    comparison.json    `ComparisonRecord`    what was found out; not there before the end
    status.json        `StudyStatus`         how far it has come
    measured.jsonl     `MeasuredLine`        a line per training and per trial, as they came

What may be unknown or unbounded is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from splitrun.errors import RunDirectoryError
from splitrun.events import EvaluatedRows
from splitrun.records.plan import CertaintyRecord, ChoiceRecord
from splitrun.records.reading import FileRecord, Record, read_record
from splitrun.records.run import UNTYPED, Environment, Invocation, Staleness, fate

Interval = tuple[float, float]
"""The ends of a 95 % interval."""
Depth = Annotated[int, msgspec.Meta(ge=1)]
Positive = Annotated[float, msgspec.Meta(gt=0)]


class Shares(Record, frozen=True):
    """How a role spent a span of time, as fractions of it that add up to 1.

    An event does not tell waiting from what a message itself costs, some microseconds: the whole
    of a RECV counts as waiting for a message, the whole of a SEND as waiting for credit.
    """

    busy: float
    """Working, also where it shared a core or stood in for slower hardware."""
    receive: float
    send: float
    idle: float
    """Between instructions, before the first and after the last."""

    @property
    def bubble(self) -> float:
        """When it did not work."""
        return self.receive + self.send + self.idle

    def of_part(self, part: float) -> Shares:
        """The same seconds as fractions of this part of the span, in which they all lie."""
        if part <= 0:
            return self
        busy, receive, send = (each / part for each in (self.busy, self.receive, self.send))
        return Shares(busy, receive, send, max(0.0, 1 - busy - receive - send))


class MedianRecord(Record, frozen=True, kw_only=True):
    """A median and its interval."""

    median: Positive | None
    ci95: Interval | None = None
    lower_bound: float | None = None
    """The lower end of the one-sided 95 % interval; None but for a speedup."""


class MeanRecord(Record, frozen=True, kw_only=True):
    """A mean and its interval."""

    mean: float | None
    ci95: Interval | None = None


class MetricRecord(Record, frozen=True, kw_only=True):
    """An arm's metric, and how it differs from the baseline's."""

    name: str = ""
    mean: float | None
    ci95: Interval | None = None
    difference: MeanRecord


class Traffic(Record, frozen=True):
    """What passed through a channel during the recorded trial."""

    messages: int | None
    bytes_per_step: float | None


class PointRecord(Record, frozen=True, kw_only=True):
    """The metric after an epoch."""

    epoch: float
    value: float | None
    train_s: float | None = None
    """Training time until then, at the arm's measured throughput."""


class CurveRecord(Record, frozen=True, kw_only=True):
    """The metric of one training."""

    seed: int | None = None
    points: tuple[PointRecord, ...]


class TrialRecord(Record, frozen=True, kw_only=True):
    """One timed segment of an arm or a cell."""

    samples_per_s: float | None = None
    step_ms: float | None = None
    """Wall time of the segment by its steps."""
    cpu_percent: float | None = None
    """Processor time of this process; 100 is one core."""


class ArmRecord(Record, frozen=True, kw_only=True):
    """What was found out about one arm."""

    former_names: ClassVar[Mapping[str, str]] = {"turns": "trials"}

    name: str
    schedule: str
    depth: Depth
    micro_batches: int = 1
    codec: str | None = None
    """Of every link; None: each has the spec's own."""
    runtime: str = ""
    samples_per_s: MedianRecord
    speedup: MedianRecord
    bound_samples_per_s: float | None = None
    fraction_of_bound: float | None = None
    predicted_samples_per_s: float | None = None
    limited_by: str = ""
    metric: MetricRecord
    time_to_target_s: float | None = None
    reached: int | None = None
    """Seeds that reached the target."""
    staleness: Staleness = Staleness(mean=None)
    bytes_per_step: float | None = None
    """Bytes of cuts and gradients that cross between parties in a step."""
    cpu_percent: float | None = None
    gpu_percent: float | None = None
    peak_memory_bytes: float | None = None
    verdict: str
    roles: Mapping[str, Shares] = {}
    links: Mapping[str, Traffic] = {}
    trials: tuple[TrialRecord, ...] = ()
    curves: tuple[CurveRecord, ...] = ()
    recording: str | None = None
    """Where its recorded trial is, within the comparison's directory."""

    @property
    def sequential(self) -> bool:
        """Whether this is the arm that the others are compared with."""
        return self.schedule == "sequential" and self.codec is None


class BaselineRecord(Record, frozen=True, kw_only=True):
    """On which runtime the sequential arm was faster, and by how much."""

    runtime: str
    gain: float | None = None


class DepthForecast(Record, frozen=True, kw_only=True):
    """What the probed costs say about a depth, over a trial as the arms have."""

    depth: Depth
    bound_samples_per_s: float | None
    predicted_samples_per_s: float | None


class StudyRecord(FileRecord, frozen=True, kw_only=True):
    """What several runs of an experiment tell together."""

    name: str
    started: str = ""
    ended: str = ""
    splitrun: str = ""
    environment: Environment = Environment()
    settings: Mapping[str, Any] = {}
    """How it was asked to measure, key by key."""
    asked: Invocation = UNTYPED
    report: str | None = None


class ComparisonRecord(StudyRecord, frozen=True, kw_only=True):
    """One experiment, run several ways."""

    remedy: ClassVar[str] = "compare again"

    kind: Literal["comparison"]
    arms: tuple[ArmRecord, ...]
    metric: str
    decided_on: EvaluatedRows = "test"
    """The rows that the metric is of: test rows decide nothing where there are others."""
    baseline: BaselineRecord | None = None
    forecast: tuple[DepthForecast, ...] = ()
    recommended: ChoiceRecord
    fastest: ChoiceRecord | None = None
    recommended_depth: int | None = None
    fastest_depth: int | None = None
    shown_depth: int | None = None
    """The deepest whose accuracy the evidence speaks for."""
    faster_unproven: tuple[str, ...] = ()
    """Names of arms that are faster than the recommended one, and shown to be neither as accurate
    nor different."""
    unproven: bool = False
    """Whether the fastest is taken, whatever its verdict."""
    certainty: CertaintyRecord | None = None
    advice: str = ""
    foretold: str = ""
    """What was advised before anything was measured; older records have it at the advice's end."""
    diverged: tuple[str, ...] = ()
    """Names of arms whose loss did not stay finite, and that are not in `arms`."""

    @classmethod
    def renamed(cls, content: object) -> object:
        """The same JSON data with the names that fields have now, those of arms among them."""
        content = super().renamed(content)
        if isinstance(content, dict) and isinstance(content.get("arms"), list):
            return content | {"arms": [ArmRecord.renamed(arm) for arm in content["arms"]]}
        return content

    @property
    def sequential(self) -> ArmRecord | None:
        """The baseline."""
        return next((arm for arm in self.arms if arm.sequential), None)

    @property
    def chosen(self) -> ArmRecord | None:
        """The arm that is recommended, if it took part."""
        return next((arm for arm in self.arms if _way(arm) == _way(self.recommended)), None)

    @property
    def target(self) -> float | None:
        """The value of the metric whose time is measured, if one was set."""
        target = self.settings.get("target")
        return float(target) if isinstance(target, int | float) else None

    @property
    def seeds(self) -> int:
        """Trainings per arm."""
        return max((len(arm.curves) for arm in self.arms), default=0)


def _way(of: ArmRecord | ChoiceRecord) -> tuple[str, int, int, str | None]:
    """What tells an arm from others."""
    return of.schedule, of.depth, of.micro_batches, of.codec


class StudyStatus(FileRecord, frozen=True, kw_only=True):
    """How far a comparison, or a valuation of the parties, has come."""

    remedy: ClassVar[str] = "start it again"

    kind: Literal["comparison", "valuation"] = "comparison"
    status: str
    """`running`, `done`, `failed` or `interrupted`."""
    message: str = ""
    asked: Invocation = UNTYPED


class MeasuredTraining(Record, frozen=True, kw_only=True, tag_field="what", tag="training"):
    """A whole training of an arm."""

    arm: str
    """Of a valuation: `all`, or `without` and the party's name."""
    seed: int
    metric: str
    value: float
    """The metric at the end."""
    curve: Mapping[str, float]
    """The metric by epoch."""
    weights_sha256: str


class MeasuredTrial(Record, frozen=True, kw_only=True, tag_field="what", tag="trial"):
    """A timed segment of an arm."""

    arm: str
    runtime: str
    round: int
    """From 1."""
    samples_per_s: float
    step_ms: float | None = None
    cpu_percent: float


MeasuredLine = MeasuredTraining | MeasuredTrial


def read_comparison(directory: Path) -> ComparisonRecord | None:
    """What a comparison's directory tells; None where it is none.

    Raises:
        RunDirectoryError: its file is damaged.
    """
    path = directory / "comparison.json"
    comparison = read_record(path, ComparisonRecord)
    if comparison is not None and not comparison.arms:
        message = f"{path}: no arms in it"
        raise RunDirectoryError(f"{message}; restore the file, or compare again")
    return comparison


def finished_comparison(directory: Path) -> ComparisonRecord | None:
    """The same of one that must be over.

    Raises:
        RunDirectoryError: its file is damaged, or it did not come to its end.
    """
    comparison = read_comparison(directory)
    if comparison is None:
        unfinished = read_record(directory / "status.json", StudyStatus)
        if unfinished is not None and unfinished.kind == "comparison":
            status = fate(directory, unfinished.status)
            message = f"{directory}: a comparison whose status is {status!r}, so there is no result"
            raise RunDirectoryError(f"{message} of it; {unfinished.remedy}")
    return comparison
