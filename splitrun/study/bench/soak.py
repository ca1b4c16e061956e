"""One long run, and how steadily it goes: throughput, memory, threads, open files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, astuple, dataclass, replace
from itertools import pairwise
from statistics import median

from msgspec import structs

from splitrun.errors import Interrupted, UsageError
from splitrun.events import Event, Sampled, StepDone
from splitrun.interrupts import interrupted, listening, stopped_by
from splitrun.plan import compile
from splitrun.records.bench import BenchHeader, DriftRecord, FigureRecord, MomentRecord, SoakRecord
from splitrun.runtime import Observer, find_runtime
from splitrun.runtime.clock import now
from splitrun.session import Experiment
from splitrun.session.job import job_of
from splitrun.study.bench.measure import segment_of
from splitrun.study.bench.report import Report, ResultTable
from splitrun.study.bench.store import BenchDirectory
from splitrun.study.statistics import Trend, find_trend
from splitrun.study.timing import shorten
from splitrun.study.training import Subject, train_fresh
from splitrun.telemetry import Sampler
from splitrun.units import SCREEN

_WARM_UP = 0.01
"""Share of the run that is left out at its start."""
_WINDOWS = 20
_LARGEST_FALL = 0.10
"""Of the throughput, over the run."""
_LARGEST_GROWTH = 0.05
_LEAST_GROWTH_BYTES = 16 * 2**20
"""Of the memory: that much of what there was at first, or so many bytes if that is more."""


@dataclass(frozen=True)
class SoakSample:
    """A look at a run that goes on."""

    time: float
    """When its last step was done, in seconds of any one clock."""
    samples: int
    """Trained on until then."""
    memory_bytes: int
    threads: int
    descriptors: int


@dataclass(frozen=True)
class StabilityCheck:
    """Something that should stay as it is, over the whole run."""

    name: str
    value: str
    limit: str
    complaint: str = ""
    """What is wrong; empty where nothing is."""


@dataclass(frozen=True)
class Steadiness:
    """What a long run came to."""

    samples_per_s: float
    """From the first moment that counts to the last."""
    duration_s: float
    trend: Trend | None
    """Of the throughput; None where there were too few moments to tell."""
    memory_growth_bytes: int
    thread_growth: int
    descriptor_growth: int
    figures: tuple[StabilityCheck, ...]

    @property
    def verdict(self) -> str:
        """`stable`, or `not stable` and why."""
        complaints = [figure.complaint for figure in self.figures if figure.complaint]
        return "not stable: " + "; ".join(complaints) if complaints else "stable"

    @property
    def stable(self) -> bool:
        """Whether every figure is within its limit, and known to be."""
        return not any(figure.complaint for figure in self.figures)

    def report(
        self, header: BenchHeader, moments: Sequence[SoakSample], *, interrupted: bool = False
    ) -> Report:
        """What there is to print and to export.

        Args:
            header: what was known before.
            moments: all of the run.
            interrupted: whether it was to be longer.
        """
        trend, drift = self.trend, None
        if trend is not None:
            drift = DriftRecord(change=trend.change, ci95=(trend.low, trend.high))
        heads = ("figure", "change", "limit", "")
        rows = tuple(
            (it.name, it.value, it.limit, "no" if it.complaint else "ok") for it in self.figures
        )
        return Report(
            shown=ResultTable(heads, rows),
            names=1,
            lines=(
                f"{SCREEN.rate(self.samples_per_s)} over {self.duration_s:,.1f} s",
                self.verdict,
                f"results: {header.directory}",
            ),
            numbers=ResultTable(
                SoakSample.__match_args__, tuple(astuple(moment) for moment in moments)
            ),
            record=SoakRecord(
                **structs.asdict(header),
                interrupted=interrupted,
                verdict=self.verdict,
                samples_per_s=self.samples_per_s,
                duration_s=self.duration_s,
                drift=drift,
                memory_growth_bytes=self.memory_growth_bytes,
                thread_growth=self.thread_growth,
                descriptor_growth=self.descriptor_growth,
                figures=tuple(FigureRecord(**asdict(figure)) for figure in self.figures),
                moments=tuple(MomentRecord(**asdict(moment)) for moment in moments),
            ),
        )


def judge(moments: Sequence[SoakSample]) -> Steadiness:
    """Judge a run by what was seen of it, its first hundredth left out.

    Growth is what the last tenth of the moments has more than the first tenth, each by its median.

    Raises:
        ValueError: there are fewer than two moments with a step between them.
    """
    seen = _warm(moments)
    if len(seen) < 2:
        raise ValueError("a run that is over at once tells nothing about its steadiness")
    first, last = seen[0], seen[-1]
    trend = find_trend(*_windows(seen), span=last.time - first.time)
    memory = _growth([moment.memory_bytes for moment in seen])
    threads = _growth([moment.threads for moment in seen])
    descriptors = _growth([moment.descriptors for moment in seen])
    return Steadiness(
        samples_per_s=(last.samples - first.samples) / (last.time - first.time),
        duration_s=last.time - first.time,
        trend=trend,
        memory_growth_bytes=memory,
        thread_growth=threads,
        descriptor_growth=descriptors,
        figures=(
            _throughput(trend),
            _memory(memory, first.memory_bytes),
            _count("threads", threads),
            _count("open files", descriptors),
        ),
    )


def _warm(moments: Sequence[SoakSample]) -> list[SoakSample]:
    """Those after the first hundredth of the run, each with progress since the one before."""
    seen: list[SoakSample] = []
    for moment in moments:
        if not seen or moment.samples > seen[-1].samples:
            seen.append(moment)
    if not seen:
        return []
    begin = seen[0].time + _WARM_UP * (seen[-1].time - seen[0].time)
    return [moment for moment in seen if moment.time >= begin]


def _windows(seen: Sequence[SoakSample]) -> tuple[list[float], list[float]]:
    """Middles and throughputs of up to 20 windows with as many moments each."""
    count = min(_WINDOWS, len(seen) - 1)
    edges = [seen[round(index * (len(seen) - 1) / count)] for index in range(count + 1)]
    pairs = list(pairwise(edges))
    middles = [(start.time + end.time) / 2 for start, end in pairs]
    rates = [(end.samples - start.samples) / (end.time - start.time) for start, end in pairs]
    return middles, rates


def _growth(values: Sequence[int]) -> int:
    tenth = max(1, len(values) // 10)
    return round(median(values[-tenth:]) - median(values[:tenth]))


def _throughput(trend: Trend | None) -> StabilityCheck:
    name, limit = "throughput", f"at least {-_LARGEST_FALL:+.0%}"
    if trend is None:
        return StabilityCheck(name, "too short to tell", limit, "too short to tell; run longer")
    value = f"{trend.change:+.1%} [{trend.low:+.1%}, {trend.high:+.1%}]"
    if trend.low >= -_LARGEST_FALL:
        return StabilityCheck(name, value, limit)
    if trend.high < -_LARGEST_FALL:
        return StabilityCheck(name, value, limit, f"throughput changed by {value} over the run")
    complaint = f"throughput may have changed by {trend.low:+.1%} over the run; run longer to tell"
    return StabilityCheck(name, value, limit, complaint)


def _memory(growth: int, before: int) -> StabilityCheck:
    limit = max(_LARGEST_GROWTH * before, _LEAST_GROWTH_BYTES)
    value = f"{growth / 2**20:+.1f} MiB"
    complaint = f"memory grew by {value}" if growth > limit else ""
    return StabilityCheck("memory", value, f"at most {limit / 2**20:+.1f} MiB", complaint)


def _count(name: str, growth: int) -> StabilityCheck:
    complaint = f"{name} grew by {growth:+d}" if growth > 0 else ""
    return StabilityCheck(name, f"{growth:+d}", "at most +0", complaint)


OnSoakSample = Callable[[SoakSample, float], None]
"""Takes each moment, and the share of the run that is done."""

_MOMENTS = 200
"""Looks at a run, about."""
_SHORTEST_S, _LONGEST_S = 0.05, 5.0
"""Between two looks."""
_WARM_UP_STEPS = 30
_ENDLESS = 10**9


class _Over(Exception):
    """The time is over."""


@dataclass(frozen=True)
class Soaked:
    """What a long run came to."""

    steadiness: Steadiness
    report: Report


def soak(
    experiment: Experiment,
    directory: BenchDirectory,
    duration_s: float,
    steps: int | None,
    on_moment: OnSoakSample,
) -> Soaked:
    """Train without evaluations, looking at it from time to time, and judge what was seen.

    Args:
        directory: where `soak.json` is written.
        duration_s: how long, unless `steps` are given.
        steps: how many at least; whole epochs where there are several.

    Raises:
        RunFailed: a role failed.
        UsageError: the run has fewer steps than its depth, or is over before it was looked at.
        Interrupted: a signal stopped it; what was seen until then is judged and kept.
    """
    document = experiment.document
    header = directory.header(
        document, {"duration_s": None if steps else duration_s, "steps": steps}
    )
    plan = experiment.plan
    subject = Subject(experiment.parties).found_out(plan)
    period_s = _warm_up(subject, plan.depth)
    duration_s = period_s * steps if steps else duration_s
    run = _Run(shorten(subject, steps or _ENDLESS), on_moment)
    try:
        run.execute(min(max(duration_s / _MOMENTS, _SHORTEST_S), _LONGEST_S), duration_s, steps)
    except KeyboardInterrupt as error:
        raise _interrupted(run, header, directory, stopped_by(error)) from error
    try:
        steadiness = judge(run.moments)
    except ValueError as error:
        raise UsageError(f"{error}; give more --minutes or --steps") from error
    report = steadiness.report(header, run.moments)
    directory.write("soak.json", report.record)
    return Soaked(steadiness, report)


def _interrupted(
    run: _Run, header: BenchHeader, directory: BenchDirectory, number: int
) -> Interrupted:
    """Keep what a run that was stopped has shown."""
    stopped = f"{interrupted(number)} after {run.steps} steps"
    try:
        steadiness = judge(run.moments)
    except ValueError:
        return Interrupted(f"{stopped}, too early to tell how steady it is; start it again", number)
    report = steadiness.report(header, run.moments, interrupted=True)
    with listening() as interrupts, interrupts.held():
        directory.write("soak.json", report.record)
    kept = directory.path / "soak.json"
    seen = f"{steadiness.verdict} until then; the result is in {kept}"
    return Interrupted(f"{stopped}, {seen}", number)


def _warm_up(subject: Subject, depth: int) -> float:
    """Seconds a step, roughly."""
    warmed = segment_of(subject, max(_WARM_UP_STEPS, 3 * depth))
    statistics = train_fresh(warmed, subject.spec.runtime.type).statistics
    return statistics.train_s / statistics.steps


class _Run:
    """One run; its moments are taken in the sampler's thread, its steps in the top's."""

    def __init__(self, subject: Subject, on_moment: OnSoakSample) -> None:
        self.moments: list[SoakSample] = []
        self._subject = subject
        self._on_moment = on_moment
        self._progress = (0.0, 0, 0)
        """When the last step was done; samples and steps until then."""
        self._told = 0

    @property
    def steps(self) -> int:
        """Done so far."""
        return self._progress[2]

    def execute(self, every_s: float, duration_s: float, steps: int | None) -> None:
        """Run until the time is over, or to the last step where these are given."""
        subject = self._subject
        spec = subject.spec
        plan = compile(spec, subject.parties.facts(subject.known))
        job = replace(job_of(subject.parties, plan), digests=False)
        start = now()
        self._progress = (start, 0, 0)

        def poll() -> None:
            share = self._progress[2] / steps if steps else (now() - start) / duration_s
            for moment in self.moments[self._told :]:
                self._told += 1
                self._on_moment(moment, share)
            if steps is None and share >= 1:
                raise _Over

        sampler = Sampler(self._look, every_s)
        try:
            with sampler:
                find_runtime(spec.runtime.type)(job, Observer(self._emit, poll))
        except _Over:
            pass
        finally:
            del self.moments[-1:]  # of the end, when the roles were gone

    def _emit(self, event: Event) -> None:
        if isinstance(event, StepDone):
            _, samples, steps = self._progress
            self._progress = (event.end, samples + event.rows, steps + 1)

    def _look(self, event: Event) -> None:
        if isinstance(event, Sampled):
            time, samples, _ = self._progress
            moment = SoakSample(time, samples, event.memory_bytes, event.threads, event.descriptors)
            self.moments.append(moment)
