"""What the report keeps of a recording: sums, series in bins, and the first steps as they were.

Memory does not grow with the run: series are binned, and events as such are kept only at the start,
from which a timeline of a few steady steps is cut.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, pairwise
from pathlib import Path
from typing import NamedTuple

from splitrun.errors import RunDirectoryError
from splitrun.events import (
    AnyEvent,
    Decided,
    Evaluated,
    Executed,
    Gpu,
    RunEnded,
    RunStarted,
    Sampled,
    Sent,
    StepDone,
    Stuck,
)
from splitrun.records.comparison import Shares
from splitrun.report.bins import Bins
from splitrun.telemetry.reading import read_events, shares

_KEPT_EVENTS = 60_000
"""Events of the start that are kept as they were; some 10 MB."""
_KEPT_STEPS = 400
_KEPT_EVALUATIONS = 60
_BIN_S = 1e-3


@dataclass
class LinkSummary:
    """What passed through one channel."""

    messages: int = 0
    bytes: int = 0
    train_bytes: int = 0
    """The bytes of training steps alone."""
    flight_s: float = 0.0
    """How long all messages together were on their way."""
    longest_s: float = 0.0
    """Flight of one message."""


@dataclass
class GpuUse:
    """One graphics processor over time; what its driver does not tell stays empty."""

    name: str
    busy_percent: Bins = field(default_factory=lambda: Bins(_BIN_S))
    memory_bytes: Bins = field(default_factory=lambda: Bins(_BIN_S))

    def add(self, time: float, gpu: Gpu) -> None:
        """Take in a sample."""
        if gpu.busy_percent is not None:
            self.busy_percent.add(time, gpu.busy_percent)
        if gpu.memory_bytes is not None:
            self.memory_bytes.add(time, gpu.memory_bytes)


@dataclass
class Start:
    """The first events of a recording, as they were."""

    events: list[Executed | Sent] = field(default_factory=list)
    step_ends: list[float] = field(default_factory=list)
    full: bool = False

    def add(self, event: Executed | Sent | StepDone) -> None:
        """Keep an event, while there is room."""
        if self.full:
            return
        if isinstance(event, StepDone):
            self.step_ends.append(event.end)
        else:
            self.events.append(event)
        self.full = len(self.events) >= _KEPT_EVENTS or len(self.step_ends) >= _KEPT_STEPS


@dataclass
class RunSummary:
    """A recording, folded; times are those of the run's clock, axes seconds since its start."""

    started: RunStarted
    ended: RunEnded | None = None
    stuck: Stuck | None = None
    """What was stuck for longest."""
    end: float = 0.0
    """The latest moment that an event tells of."""
    done: int = 0
    """Steps of the run, with those before the recording and those that it no longer has."""
    steps: int = 0
    """That the recording tells of, as are samples."""
    samples: int = 0
    decided: Decided | None = None
    """What was decided last, where the run may stop early."""
    missing: int = 0
    """Events that the recording no longer has."""
    missing_s: float = 0.0
    """The time that they were of."""
    start: Start = field(default_factory=Start)
    step_rows: Bins = field(default_factory=lambda: Bins(1.0))
    """By step."""
    step_ends: Bins = field(default_factory=lambda: Bins(1.0))
    """By step, in seconds since the start."""
    losses: Bins = field(default_factory=lambda: Bins(1.0))
    """By step."""
    evaluated: int = 0
    """Times."""
    evaluations: list[tuple[float, float]] = field(default_factory=list)
    """The first ones, from when to when."""
    links: dict[str, LinkSummary] = field(default_factory=dict)
    shares: Mapping[str, Shares] = field(default_factory=dict)
    cpu_percent: Bins = field(default_factory=lambda: Bins(_BIN_S))
    cores_percent: Bins = field(default_factory=lambda: Bins(_BIN_S))
    """Mean over the machine's cores."""
    memory_bytes: Bins = field(default_factory=lambda: Bins(_BIN_S))
    gpus: dict[int, GpuUse] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.end, self.done = self.started.clock, self.started.first_step
        self.links = {name: LinkSummary() for name in self.started.channels}

    @property
    def span_s(self) -> float:
        """From the start to the last thing that is known, without what is missing."""
        return self.end - self.started.clock - self.missing_s

    def fold(self, event: AnyEvent) -> None:
        """Take in one event."""
        match event:
            case Executed():
                self.end = max(self.end, event.end)
                self.start.add(event)
            case Sent():
                self._send(event)
                self.start.add(event)
            case StepDone():
                self.done = event.step + 1
                self.steps += 1
                self.samples += event.rows
                self.step_rows.add(event.step, event.rows)
                self.step_ends.add(event.step, event.end - self.started.clock)
                self.losses.add(event.step, event.loss)
                self.start.add(event)
            case Evaluated():
                self.evaluated += 1
                if len(self.evaluations) < _KEPT_EVALUATIONS:
                    self.evaluations.append((event.start, event.end))
            case Decided():
                self.decided = event
            case Sampled():
                self._sample(event)
            case Stuck():
                self.end = max(self.end, event.time)
                self.stuck = max(event, self.stuck or event, key=lambda stuck: stuck.for_s)
            case RunEnded():
                self.ended, self.end = event, max(self.end, event.end)

    def followed(self, events: Iterable[AnyEvent], gaps: list[int]) -> Iterator[AnyEvent]:
        """The same events, each folded as it passes.

        Args:
            gaps: gets the number of missing events, before the first one after them comes, and
                keeps it until one tells of a later moment.
        """
        for event in events:
            end = self.end
            self.fold(event)
            if gaps and self.end > end:
                self.missing += gaps.pop()
                self.missing_s += self.end - end
            yield event

    def _send(self, event: Sent) -> None:
        link = self.links.get(event.channel)
        if link is None:
            return
        link.messages += 1
        link.bytes += event.bytes
        link.train_bytes += event.bytes if event.phase == "train" else 0
        link.flight_s += event.arrive - event.start
        link.longest_s = max(link.longest_s, event.arrive - event.start)

    def _sample(self, event: Sampled) -> None:
        time = event.time - self.started.clock
        self.cpu_percent.add(time, event.cpu_percent)
        if event.core_percents:
            self.cores_percent.add(time, sum(event.core_percents) / len(event.core_percents))
        self.memory_bytes.add(time, event.memory_bytes)
        for index, gpu in enumerate(event.gpus):
            self.gpus.setdefault(index, GpuUse(gpu.name)).add(time, gpu)


def summarise(directory: Path) -> RunSummary | None:
    """A recording, read once from end to end; None where nothing had happened yet.

    Raises:
        RunDirectoryError: there is none, or it is damaged.
    """
    gaps: list[int] = []
    events = read_events(directory, gaps.append)
    started = next(events, None)
    if started is None:
        return None
    if not isinstance(started, RunStarted):
        what = "the recording does not begin with RunStarted"
        raise RunDirectoryError(f"{directory / 'events.jsonl'}:1: {what}; train again")
    folded = RunSummary(started)
    of_all = shares(folded.followed(chain((started,), events), gaps))
    told = folded.span_s / (folded.span_s + folded.missing_s) if folded.missing_s else 1.0
    folded.shares = {role: share.of_part(told) for role, share in of_all.items()}
    return folded


_LOOPS = 2
"""A window that is given no span shows so many batches for each that is in flight, and one more."""


class SteadyWindow(NamedTuple):
    """A span of the run's clock, and the steps that end in it."""

    start: float
    end: float
    first: int
    steps: int


def window(summary: RunSummary, span_s: float | None = None) -> SteadyWindow | None:
    """A few steady steps from the start of a recording; None where no step has ended in
    it, or clocks ran backwards.

    Args:
        span_s: how long it is to be; default: as long as a few steps take.
    """
    ends = summary.start.step_ends
    if not ends:
        return None
    low, high = _steady(summary)
    if high - low < 2:
        start = summary.started.clock
        end = ends[-1] if span_s is None else start + span_s
    elif span_s is None:
        wanted = min(_LOOPS * max(summary.started.depth, 1) + 1, high - low - 1)
        first = low + (high - 1 - low - wanted) // 2
        start, end = ends[first], ends[first + wanted]
    else:
        middle = (ends[low] + ends[high - 1] - span_s) / 2
        start = ends[max(low, bisect_left(ends, middle, low, high) - 1)]
        end = start + span_s
    if not start < end:
        return None
    first = bisect_left(ends, start + _TINY_S)
    return SteadyWindow(start, end, first, bisect_left(ends, end + _TINY_S) - first)


_TINY_S = 1e-9


def period_s(summary: RunSummary) -> float | None:
    """Mean time of a steady step; None where fewer than two have ended."""
    low, high = _steady(summary)
    ends = summary.start.step_ends
    return (ends[high - 1] - ends[low]) / (high - 1 - low) if high - low > 1 else None


def _steady(summary: RunSummary) -> tuple[int, int]:
    """Between which step ends, the latter exclusive, no evaluation, fill or drain falls."""
    ends = summary.start.step_ends
    breaks = [bisect_left(ends, start) for start, _ in summary.evaluations]
    edges = sorted({0, *breaks, len(ends)})
    low, high = max(pairwise(edges), key=lambda span: span[1] - span[0], default=(0, 0))
    margin = max(0, min(summary.started.depth, (high - low) // 3))
    return low + margin, high - margin
