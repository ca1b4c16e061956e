"""Whether a long run goes on as it began: throughput, memory, threads, open files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from itertools import pairwise
from statistics import median
from typing import Any

from splitrun.study.bench.report import Report, Table
from splitrun.study.bench.trend import Trend, find_trend

_WARM_UP = 0.01
"""Share of the run that is left out at its start."""
_WINDOWS = 20
_LARGEST_FALL = 0.10
"""Of the throughput, over the run."""
_LARGEST_GROWTH = 0.05
_LEAST_GROWTH_BYTES = 16 * 2**20
"""Of the memory: that much of what there was at first, or so many bytes if that is more."""


@dataclass(frozen=True)
class Moment:
    """A look at a run that goes on."""

    time: float
    """When its last step was done, in seconds of any one clock."""
    samples: int
    """Trained on until then."""
    memory_bytes: int
    threads: int
    descriptors: int


@dataclass(frozen=True)
class Figure:
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
    figures: tuple[Figure, ...]

    @property
    def verdict(self) -> str:
        """`stable`, or `not stable` and why."""
        complaints = [figure.complaint for figure in self.figures if figure.complaint]
        return "not stable: " + "; ".join(complaints) if complaints else "stable"

    @property
    def stable(self) -> bool:
        """Whether every figure is within its limit, and known to be."""
        return not any(figure.complaint for figure in self.figures)

    def report(self, about: Mapping[str, Any], moments: Sequence[Moment]) -> Report:
        """What there is to print and to export.

        Args:
            about: name, time, environment, settings.
            moments: all of the run.
        """
        trend = self.trend
        heads = ("figure", "change", "limit", "")
        rows = tuple(
            (it.name, it.value, it.limit, "no" if it.complaint else "ok") for it in self.figures
        )
        return Report(
            shown=Table(heads, rows),
            names=1,
            lines=(
                f"{self.samples_per_s:,.0f} samples/s over {self.duration_s:,.1f} s",
                self.verdict,
                f"results: {about['directory']}",
            ),
            numbers=Table(Moment.__match_args__, tuple(astuple(moment) for moment in moments)),
            content={
                "kind": "soak",
                **about,
                "verdict": self.verdict,
                "samples_per_s": self.samples_per_s,
                "duration_s": self.duration_s,
                "drift": trend and {"change": trend.change, "ci95": [trend.low, trend.high]},
                "memory_growth_bytes": self.memory_growth_bytes,
                "thread_growth": self.thread_growth,
                "descriptor_growth": self.descriptor_growth,
                "figures": [asdict(figure) for figure in self.figures],
                "moments": [asdict(moment) for moment in moments],
            },
        )


def judge(moments: Sequence[Moment]) -> Steadiness:
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


def _warm(moments: Sequence[Moment]) -> list[Moment]:
    """Those after the first hundredth of the run, each with progress since the one before."""
    seen: list[Moment] = []
    for moment in moments:
        if not seen or moment.samples > seen[-1].samples:
            seen.append(moment)
    if not seen:
        return []
    begin = seen[0].time + _WARM_UP * (seen[-1].time - seen[0].time)
    return [moment for moment in seen if moment.time >= begin]


def _windows(seen: Sequence[Moment]) -> tuple[list[float], list[float]]:
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


def _throughput(trend: Trend | None) -> Figure:
    name, limit = "throughput", f"at least {-_LARGEST_FALL:+.0%}"
    if trend is None:
        return Figure(name, "too short to tell", limit, "too short to tell; run longer")
    value = f"{trend.change:+.1%} [{trend.low:+.1%}, {trend.high:+.1%}]"
    if trend.low >= -_LARGEST_FALL:
        return Figure(name, value, limit)
    if trend.high < -_LARGEST_FALL:
        return Figure(name, value, limit, f"throughput changed by {value} over the run")
    complaint = f"throughput may have changed by {trend.low:+.1%} over the run; run longer to tell"
    return Figure(name, value, limit, complaint)


def _memory(growth: int, before: int) -> Figure:
    limit = max(_LARGEST_GROWTH * before, _LEAST_GROWTH_BYTES)
    value = f"{growth / 2**20:+.1f} MiB"
    complaint = f"memory grew by {value}" if growth > limit else ""
    return Figure("memory", value, f"at most {limit / 2**20:+.1f} MiB", complaint)


def _count(name: str, growth: int) -> Figure:
    complaint = f"{name} grew by {growth:+d}" if growth > 0 else ""
    return Figure(name, f"{growth:+d}", "at most +0", complaint)
